"""The fields that every call has: who, when, and the bytes that go over the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson

from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.translate.readers import BadValueError, address
from consumer.translate.tables import TIMESTAMPS

if TYPE_CHECKING:
    from consumer.core.model import Event, Object, Value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS_A_DAY: Final = 86_400_000
_MILLISECONDS: Final = tuple(f".{ms:03d}Z" for ms in range(1000))
"""The ends of all timestamps: to format one costs more than all else in `rfc3339`."""
_WITHOUT_PROPERTIES: Final = frozenset({"identify", "alias"})
_MAX_DEPTH: Final = 254
"""orjson writes no deeper (it reads 1,024 levels)."""


def envelope(event: Event, kind: str, seg_event: str | None, occurred_at_ms: int | None) -> Object:
    """Return the start of what is sent, in the order in which it is sent.

    Raises:
        BadValueError: `bad_timestamp` for a time before year 1 or after year 9999.
    """
    sent: Object = {"type": kind}
    if seg_event is not None:
        sent["event"] = seg_event
    if (message_id := event.get("messageId")) is not None:
        sent["messageId"] = message_id
    if occurred_at_ms is not None:
        sent["timestamp"] = rfc3339(occurred_at_ms)
    if (user_id := event.get("userId")) is not None:
        sent["userId"] = user_id
    if (anonymous_id := event.get("anonymousId")) is not None:
        sent["anonymousId"] = anonymous_id
    if (previous_id := event.get("previousId")) is not None:
        sent["previousId"] = previous_id
    if (email := _email(event, user_id)) is not None:
        sent["email"] = email
    return sent


def _email(event: Event, user_id: str | None) -> str | None:
    """Return the address that matches the call to a customer: the nearest that *is* an address.

    The order is `tables.EMAIL`, written out because every event pays for it. What is no address
    (`"n/a"`) counts as absent, so that it does not hide a good one further on; as a trait or a
    property it is still passed on.
    """
    traits = event.get("traits")
    if traits and "email" in traits and (found := address(traits["email"])):
        return found
    context = event.get("context")
    if context and "traits" in context:
        known = context["traits"]
        if isinstance(known, dict) and (found := address(known.get("email"))):
            return found
    properties = event.get("properties")
    if properties and "email" in properties and (found := address(properties["email"])):
        return found
    return address(user_id) if user_id and "@" in user_id else None


def keep_others(sent: Object, event: Event, kind: str) -> None:
    """Pass on, as it is, the open object that a call of this type should not have.

    Segment's spec gives a track no traits and an identify no properties; where a sender gives
    them all the same they are not lost.
    """
    if kind != "identify" and (traits := event.get("traits")):
        sent["traits"] = traits
    if kind in _WITHOUT_PROPERTIES and (properties := event.get("properties")):
        sent["properties"] = properties


def occurred_at_ms(event: Event, record_timestamp_ms: int | None) -> int | None:
    """Return when the event happened, in milliseconds since the epoch, never rounded up.

    The first timestamp that is present counts, even where a later one is easier to read: a
    time that is wrong by hours is worse than a call in the dead-letter topic.

    Raises:
        BadValueError: `bad_timestamp` for text that is not ISO 8601.
    """
    for name in TIMESTAMPS:
        value = event.get(name)
        if isinstance(value, int):
            return value
        if isinstance(value, str):
            return _from_text(value, name)
    return record_timestamp_ms


def _from_text(text: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadValueError(
            DeadLetterReason.BAD_TIMESTAMP, "expected an ISO 8601 date and time, got other text"
        ).within(name) from None
    since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH
    return since.days * _MS_A_DAY + since.seconds * 1000 + since.microseconds // 1000


def rfc3339(ms: int) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds.

    Raises:
        BadValueError: `bad_timestamp` for a time before year 1 or after year 9999.
    """
    return _second(ms // 1000) + _MILLISECONDS[ms % 1000]


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Return `2026-11-23T10:11:12`; events that come together share it, and dates are dear."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise BadValueError(
            DeadLetterReason.BAD_TIMESTAMP, "expected a time in the years 1 to 9999, got another"
        ).within("timestamp") from None
    return moment.isoformat().removesuffix("+00:00")


def to_json(sent: Object) -> bytes:
    """Return the JSON text of what is sent, UTF-8.

    Raises:
        PoisonError: `too_deep`, `bad_number` for an integer beyond 64 bits, `bad_json` for
            half a surrogate pair.
    """
    try:
        # A copy: orjson leaves 4 KB allocated for each, however short, and bodies wait long.
        return b"%b" % orjson.dumps(sent)
    except orjson.JSONEncodeError:
        raise _unwritable(sent) from None


def _unwritable(sent: Object) -> PoisonError:
    """Find out what orjson stumbled on: its own texts are no interface."""
    pending: list[tuple[Value, int]] = [(sent, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, (dict, list)):
            if depth > _MAX_DEPTH:
                problem = f"expected at most {_MAX_DEPTH} levels of nesting, got more"
                return PoisonError(DeadLetterReason.TOO_DEEP, problem)
            inner = value.values() if isinstance(value, dict) else value
            pending.extend((element, depth + 1) for element in inner)
        elif isinstance(value, int) and not -(2**63) <= value < 2**64:
            problem = "expected integers of at most 64 bits, got a longer one"
            return PoisonError(DeadLetterReason.BAD_NUMBER, problem)
    problem = "expected Unicode text, got half a surrogate pair"
    return PoisonError(DeadLetterReason.BAD_JSON, problem)
