"""The way in: what is ignored, and what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.errors import DeadLetterReason, IgnoredReason, PoisonError
from consumer.core.model import Ignored, SegCall
from consumer.translate.alias import alias, joins_addresses
from consumer.translate.body import has_large_number, to_json
from consumer.translate.envelope import email_of, envelope, keep_others, occurred_at_ms, tidy
from consumer.translate.identify import identify, is_anonymous
from consumer.translate.names import EventNames
from consumer.translate.page import page
from consumer.translate.readers import unlike
from consumer.translate.tables import EVENTS, PRIMARY_EVENTS
from consumer.translate.track import TRACKS

if TYPE_CHECKING:
    from consumer.core.model import Event, Value
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.mapping import Fill
    from consumer.translate.notes import Notes

_DISABLED: Final = Ignored(IgnoredReason.INTEGRATION_DISABLED)
_UNMAPPED: Final = Ignored(IgnoredReason.UNMAPPED_EVENT)
_UNSUPPORTED: Final = Ignored(IgnoredReason.UNSUPPORTED_TYPE)
_NOT_EMAIL: Final = Ignored(IgnoredReason.ALIAS_NOT_EMAIL)

_new: Final = tuple.__new__
"""Half the time of a named tuple's own, which only unpacks its arguments."""

_OTHERS: Final[dict[str, Fill]] = {"identify": identify, "page": page, "alias": alias}


class Translator:
    """Translates one event at a time; pure: no I/O, no clock, and the event is not changed.

    Without *v2_names* a track event counts only under the names on Seg's own Segment page. With
    *dead_letters* an event with a value that cannot be read is poison; else the value is left out.
    """

    def __init__(self, *, v2_names: bool = True, dead_letters: bool = False) -> None:
        self._events: Final = EVENTS if v2_names else PRIMARY_EVENTS
        self._spelled_otherwise: Final = EventNames(self._events)
        self._dead_letters: Final = dead_letters

    def __call__(self, event: Event, record_timestamp_ms: int | None) -> SegCall | Ignored:
        """Return the call that Seg gets for *event*, or why it gets none.

        *record_timestamp_ms* is the Kafka record's, for an event that has no time of its own.

        Raises:
            PoisonError: the event can never be delivered; the detail names the field.
        """
        integrations = event.get("integrations")
        if integrations and not _wanted(integrations):
            return _DISABLED
        kind = event.get("type")
        if kind != "track" and (type(kind) is not str or kind not in _OTHERS):
            kind = _known(kind)
        seg_event = None
        if kind == "track":
            name = event.get("event")
            seg_event = self._events.get(name) if type(name) is str else None
            if seg_event is None:
                seg_event = self._spelled_otherwise(name)
                if seg_event is None:
                    return _UNMAPPED
            fill = TRACKS[seg_event]
        elif kind is None:
            return _UNSUPPORTED
        else:
            fill = _OTHERS[kind]
        if kind == "alias" and not joins_addresses(event):
            return _NOT_EMAIL
        call = _call(event, kind, seg_event, fill, record_timestamp_ms)
        if call.left_out and self._dead_letters:
            first = call.left_out[0]
            raise PoisonError(first.reason, f"{first.source}: {first.why}")
        return call


def _wanted(integrations: Value) -> bool:
    """Return whether the sender wants Seg to have the event: `Seg` counts, else `All`, else yes.

    Only `false` says no. Options, and whatever else is no boolean, count as true, as in Segment's
    own code (segmentio/facade, `Facade.enabled`, which reads `all`, too); null counts as absent.
    """
    if type(integrations) is not dict:
        return True
    for name in ("Seg", "All", "all"):
        verdict = integrations.get(name)
        if verdict is not None:
            return verdict is not False
    return True


def _known(kind: Value) -> str | None:
    """Return the type of a call that Seg may get, written in another case; None for others.

    Raises:
        PoisonError: `bad_envelope`; the call has no type.
    """
    if not isinstance(kind, str):
        expected = "the text of a type of Segment's calls"
        problem = f"expected {expected}, got none" if kind is None else unlike(expected, kind)
        raise PoisonError(DeadLetterReason.BAD_ENVELOPE, f"type: {problem}")
    kind = kind.strip().lower()
    return kind if kind == "track" or kind in _OTHERS else None


def _call(
    event: Event, kind: str, seg_event: str | None, fill: Fill, record_timestamp_ms: int | None
) -> SegCall:
    notes: Notes = []
    properties, traits, context = event.get("properties"), event.get("traits"), event.get("context")
    if (
        not (properties is None or type(properties) is dict)
        or not (traits is None or type(traits) is dict)
        or not (context is None or type(context) is dict)
        or not (event.get("integrations") is None or type(event["integrations"]) is dict)
        or event.get("extra")
    ):
        event = tidy(event, notes)
    tidied: TidyEvent = event  # type: ignore[assignment] # by now it is
    at_ms = occurred_at_ms(event, record_timestamp_ms, notes)
    sent = envelope(tidied, kind, seg_event, at_ms, notes)
    if (email := email_of(tidied)) is not None:
        sent["email"] = email
    fill(sent, tidied, notes)
    keep_others(sent, tidied, kind)
    body = to_json(sent)
    user_id = sent.get("userId")
    return _new(
        SegCall,
        (
            kind,
            seg_event,
            sent.get("messageId"),
            sent.get("anonymousId") if user_id is None else user_id,
            at_ms,
            kind == "identify" and is_anonymous(sent),
            body,
            tuple(notes) if notes else (),
            has_large_number(body),
        ),
    )
