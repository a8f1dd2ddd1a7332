"""Alias calls: a customer's e-mail address changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.translate.readers import address

if TYPE_CHECKING:
    from consumer.core.model import Event, Object
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.notes import Notes


def joins_addresses(event: Event) -> bool:
    """Return whether both ids are e-mail addresses.

    "If both parameters are not email address types, the call is ignored in Seg": Seg's Segment
    page.
    """
    return address(event.get("previousId")) is not None and address(event.get("userId")) is not None


def alias(sent: Object, event: TidyEvent, _notes: Notes) -> None:
    """Put the two addresses, trimmed, where the ids of the call stand."""
    sent["previousId"] = address(event.get("previousId"))
    sent["userId"] = address(event.get("userId"))
