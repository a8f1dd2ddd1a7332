"""The fields that every call has: who, when, and the bytes that go over the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypedDict, cast

from consumer.core.errors import DeadLetterReason
from consumer.core.instants import instant_ms
from consumer.translate.notes import note
from consumer.translate.readers import BadValueError, address, identifier, unlike
from consumer.translate.tables import TIMESTAMPS

if TYPE_CHECKING:
    from consumer.core.model import Event, Object, Value
    from consumer.translate.notes import Notes

OBJECTS: Final = ("properties", "traits", "context", "integrations")
"""The open objects of a call."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_MS: Final = 253_402_300_800_000
"""The first moment of the year 10000."""
_MILLISECONDS_NOW: Final = range(10**12, 10**13)
"""Milliseconds of our days: most times are these, and need no look at their digits."""
_WITHOUT_PROPERTIES: Final = frozenset({"identify", "alias"})
_MILLISECONDS: Final = tuple(f".{ms:03d}Z" for ms in range(1000))
"""The ends of all timestamps: to format one costs more than all else in `rfc3339`."""


class TidyEvent(TypedDict, total=False):
    """An event as what fills a call reads it: its open objects are objects or absent."""

    name: Value
    category: Value
    messageId: Value
    userId: Value
    anonymousId: Value
    previousId: Value
    properties: Object | None
    traits: Object | None
    context: Object | None


def tidy(event: Event, notes: Notes) -> Event:
    """Return a copy of *event* in which its open objects are objects or absent.

    An empty list or text is how PHP and some libraries write an empty object; anything else counts
    as absent and is noted. Of `extra`, where the canonical schema keeps what it has no field for,
    the copy takes what the event lacks.
    """
    copy: Object = {**cast("Object", event)}
    extra = copy.get("extra")
    if type(extra) is dict:
        copy |= {name: value for name, value in extra.items() if copy.get(name) is None}
    for name in OBJECTS:
        copy[name] = as_object(name, copy.get(name), notes)
    return cast("Event", copy)


def as_object(name: str, value: Value, notes: Notes) -> Object | None:
    """Return the open object *name*; None, noted, for a *value* that is none."""
    if value is None or type(value) is dict:
        return value
    if value not in ("", []):
        reason = DeadLetterReason.BAD_ENVELOPE
        note(notes, name, name, BadValueError(reason, unlike("an object", value)))
    return None


def envelope(
    event: TidyEvent, kind: str, seg_event: str | None, occurred_at_ms: int | None, notes: Notes
) -> Object:
    """Return the start of what is sent, in the order in which it is sent."""
    sent: Object = {"type": kind}
    if seg_event is not None:
        sent["event"] = seg_event
    message_id = event.get("messageId")
    if type(message_id) is not str:
        message_id = text_of(event, "messageId", notes)
    if message_id:
        sent["messageId"] = message_id
    if occurred_at_ms is not None:
        sent["timestamp"] = rfc3339(occurred_at_ms)
    user_id = event.get("userId")
    if type(user_id) is not str:
        user_id = text_of(event, "userId", notes)
    if user_id:
        sent["userId"] = user_id
    anonymous_id = event.get("anonymousId")
    if type(anonymous_id) is not str:
        anonymous_id = text_of(event, "anonymousId", notes)
    if anonymous_id:
        sent["anonymousId"] = anonymous_id
    if event.get("previousId") and (previous_id := text_of(event, "previousId", notes)):
        sent["previousId"] = previous_id
    return sent


def text_of(event: TidyEvent, name: str, notes: Notes) -> str | None:
    """Return the id or name *name* of the call, a number by its digits; None where it has none."""
    value = cast("Object", event).get(name)
    if value is None or type(value) is str:
        return value or None
    try:
        return identifier(value)
    except BadValueError as error:
        note(notes, name, name, error)
        return None


def email_of(event: TidyEvent) -> str | None:
    """Return the address that matches the call to a customer: the nearest that *is* an address.

    The order is `tables.EMAIL`, written out because every event pays for it. What is no address
    (`"n/a"`) counts as absent, so that it does not hide a good one further on; as a trait or a
    property it is still passed on.
    """
    traits = event.get("traits")
    if traits and (found := address(traits.get("email")) or address(traits.get("Email"))):
        return found
    context = event.get("context")
    if context and "traits" in context:
        known = context["traits"]
        if type(known) is dict and (
            found := address(known.get("email")) or address(known.get("Email"))
        ):
            return found
    properties = event.get("properties")
    if properties and "email" in properties and (found := address(properties["email"])):
        return found
    return address(event.get("userId"))


def keep_others(sent: Object, event: TidyEvent, kind: str) -> None:
    """Pass on, as it is, the open object that a call of this type should not have.

    Segment's spec gives a track no traits and an identify no properties; where a sender gives
    them all the same they are not lost.
    """
    if kind != "identify" and (traits := event.get("traits")):
        sent["traits"] = traits
    if kind in _WITHOUT_PROPERTIES and (properties := event.get("properties")):
        sent["properties"] = properties


def occurred_at_ms(event: Event, record_timestamp_ms: int | None, notes: Notes) -> int | None:
    """Return when the event happened, in milliseconds since the epoch, never rounded up.

    The first timestamp that can be read counts; one that cannot is noted.
    """
    for name in TIMESTAMPS:
        value = event.get(name)
        if value is not None:
            if type(value) is int and value in _MILLISECONDS_NOW:
                return value
            moment = instant_ms(value)
            if moment is not None:
                return moment
            reason = DeadLetterReason.BAD_TIMESTAMP
            expected = "a time of the years 1970 to 9999"
            note(notes, "timestamp", name, BadValueError(reason, unlike(expected, value)))
    known = record_timestamp_ms is not None and 0 <= record_timestamp_ms < _END_MS
    return record_timestamp_ms if known else None


def rfc3339(ms: int) -> str:
    """Return a time of the years 1970 to 9999 as RFC 3339 in UTC with milliseconds."""
    return _second(ms // 1000) + _MILLISECONDS[ms % 1000]


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Return `2026-11-23T10:11:12`; events that come together share it, and dates are dear."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")
