"""Pauses partitions while any reason to do so holds.

librdkafka has one pause for all reasons, and keeps it over a revoke and the next assignment
(github.com/confluentinc/confluent-kafka-go/issues/193). Here one reason does not
end another, and a newly assigned partition is read whatever its pause was before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from confluent_kafka import Consumer

    from consumer.core.model import Pause, Tenure


class Pauses:
    """The pauses of one consumer; the reasons stand in each tenure."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def add(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read no more of *tenures*, for *reason* too."""
        self._consumer.pause(_places(it for it in tenures if not it.pauses))
        for tenure in tenures:
            tenure.pauses.add(reason)

    def remove(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read *tenures* again where *reason* was the last one to pause them."""
        self._consumer.resume(_places(it for it in tenures if it.pauses == {reason}))
        for tenure in tenures:
            tenure.pauses.discard(reason)

    def begin(self, tenures: Collection[Tenure]) -> None:
        """Read *tenures*, which have just been assigned, but for those that a reason pauses."""
        self._consumer.resume(_places(it for it in tenures if not it.pauses))
        self._consumer.pause(_places(it for it in tenures if it.pauses))


def _places(tenures: Iterable[Tenure]) -> list[TopicPartition]:
    return [TopicPartition(*tenure.partition) for tenure in tenures]
