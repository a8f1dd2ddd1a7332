"""The one way in: a Segment Event becomes a call to Seg, or is ignored for a named reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.errors import DeadLetterReason, IgnoredReason, PoisonError
from consumer.core.model import Ignored, SegCall
from consumer.translate.alias import alias, joins_addresses
from consumer.translate.envelope import envelope, keep_others, occurred_at_ms, to_json
from consumer.translate.identify import identify, is_anonymous
from consumer.translate.page import page
from consumer.translate.readers import BadValueError
from consumer.translate.tables import EVENTS, PRIMARY_EVENTS
from consumer.translate.track import TRACKS

if TYPE_CHECKING:
    from consumer.core.model import Event, Object
    from consumer.translate.mapping import Fill

_DISABLED: Final = Ignored(IgnoredReason.INTEGRATION_DISABLED)
_UNMAPPED: Final = Ignored(IgnoredReason.UNMAPPED_EVENT)
_UNSUPPORTED: Final = Ignored(IgnoredReason.UNSUPPORTED_TYPE)
_NOT_EMAIL: Final = Ignored(IgnoredReason.ALIAS_NOT_EMAIL)

_new: Final = tuple.__new__
"""Half the time of a named tuple's own, which only unpacks its arguments."""

_OTHERS: Final[dict[str, Fill]] = {"identify": identify, "page": page, "alias": alias}


class Translator:
    """Translates one event at a time; pure: no I/O, no clock, and the event is not changed.

    Without *v2_names* a track event counts only under the name on Seg's own Segment page.
    """

    def __init__(self, *, v2_names: bool = True) -> None:
        self._events: Final = EVENTS if v2_names else PRIMARY_EVENTS

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
        if kind is None:
            raise PoisonError(
                DeadLetterReason.BAD_ENVELOPE, "type: expected the type of a Segment call, got none"
            )
        seg_event = None
        if kind == "track":
            seg_event = self._events.get(event.get("event") or "")
            if seg_event is None:
                return _UNMAPPED
            fill = TRACKS[seg_event]
        elif kind in _OTHERS:
            fill = _OTHERS[kind]
        else:
            return _UNSUPPORTED
        if kind == "alias" and not joins_addresses(event):
            return _NOT_EMAIL
        return _call(event, kind, seg_event, fill, record_timestamp_ms)


def _wanted(integrations: Object) -> bool:
    """Return whether the sender wants Seg to have the event: `Seg` counts, else `All`, else yes.

    Only `false` says no. Options, and whatever else is no boolean, count as true, as in Segment's
    own code (segmentio/facade, `Facade.enabled`); null counts as absent.
    """
    verdict = integrations.get("Seg")
    if verdict is None:
        verdict = integrations.get("All")
    return verdict is not False


def _call(
    event: Event, kind: str, seg_event: str | None, fill: Fill, record_timestamp_ms: int | None
) -> SegCall:
    try:
        at_ms = occurred_at_ms(event, record_timestamp_ms)
        sent = envelope(event, kind, seg_event, at_ms)
        fill(sent, event)
        keep_others(sent, event, kind)
    except BadValueError as error:
        raise PoisonError(error.reason, str(error)) from None
    user_id = event.get("userId")
    return _new(
        SegCall,
        (
            kind,
            seg_event,
            event.get("messageId"),
            event.get("anonymousId") if user_id is None else user_id,
            at_ms,
            kind == "identify" and is_anonymous(event),
            to_json(sent),
        ),
    )
