"""What stands before the sandbox, where one program runs both: the Segment events.

A sandbox on its own sees calls to Seg and nothing else. The demo owns the topic as well: it knows
which event a call came from, and can write others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from consumer.core.model import Object


class Upstream(Protocol):
    """The Segment events. Its methods are called on the sandbox's thread, and must not wait."""

    example: str
    """An event to begin with, as JSON."""

    def send(self, text: str) -> int:
        """Write the Segment events in *text*, and return how many they are.

        Raises:
            ConsumerError: *text* has anything else; nothing was written.
        """

    def event(self, message_id: str) -> Object | None:
        """Return the event with *message_id* and what made which key; None where it is unknown."""

    def key(self, message_id: str) -> str | None:
        """Return the Kafka record's key of the event with *message_id*, None where it has none."""
