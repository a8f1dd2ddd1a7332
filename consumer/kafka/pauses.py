"""Which partitions give no records: what the program paused, and what has no beginning yet.

librdkafka has one pause for both, and keeps it over a revoke and the next assignment
(github.com/confluentinc/confluent-kafka-go/issues/193). Here neither ends the other, and what is
assigned is read, whatever it was when it went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Collection

    from confluent_kafka import Consumer

Key: TypeAlias = "tuple[str, int]"
"""A topic and the number of a partition; a `Partition` is one."""


class Pauses:
    """The pauses of one consumer, whose partitions they are."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._paused: set[Key] = set()
        self._held: set[Key] = set()

    def pause(self, keys: Collection[Key]) -> None:
        """Read no more of *keys*."""
        self._paused.update(keys)
        self._stop(keys)

    def resume(self, keys: Collection[Key]) -> None:
        """Read *keys* again, but for those that are held."""
        self._paused.difference_update(keys)
        self._go_on(set(keys) - self._held)

    def assigned(self, keys: Collection[Key]) -> None:
        """Read *keys*, which have just been assigned."""
        self.gone(keys)
        self._go_on(keys)

    def hold(self, keys: Collection[Key]) -> None:
        """Read nothing of *keys* until they are held no more; others that were held are read."""
        released, self._held = self._held.difference(keys), set(keys)
        self._go_on(released - self._paused)
        self._stop(keys)

    def gone(self, keys: Collection[Key]) -> None:
        """Forget *keys*: they are another member's now."""
        self._paused.difference_update(keys)
        self._held.difference_update(keys)

    def _stop(self, keys: Collection[Key]) -> None:
        if keys:
            self._consumer.pause([TopicPartition(*key) for key in keys])

    def _go_on(self, keys: Collection[Key]) -> None:
        if keys:
            self._consumer.resume([TopicPartition(*key) for key in keys])
