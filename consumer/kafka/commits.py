"""Commits of one member: of what it owns and nothing else, and each is answered once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from consumer.core.model import Partition
from consumer.kafka.problems import code_of
from consumer.kafka.records import offsets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from confluent_kafka import Consumer, KafkaError, TopicPartition

    from consumer.core.ledger import Checkpoint
    from consumer.core.ports import Listener


class Commits:
    """Sends *consumer*'s commits for what is in *owned* then; the *listener* hears the answers."""

    def __init__(
        self, consumer: Consumer, owned: Container[object], listener: Callable[[], Listener]
    ) -> None:
        self._consumer = consumer
        self._owned = owned
        self._listener = listener
        self._under_way: Mapping[Partition, Checkpoint] = {}

    def send(self, checkpoints: Mapping[Partition, Checkpoint]) -> None:
        """Send a commit; its answer comes in a later poll."""
        owned = self._owned_only(checkpoints)
        if not owned:
            return
        self._under_way = owned
        try:
            self._consumer.commit(offsets=offsets_of(owned), asynchronous=True)
        except KafkaException as error:
            self._under_way = {}
            self._listener().commit_answered(owned, code_of(error))

    def send_and_wait(self, checkpoints: Mapping[Partition, Checkpoint]) -> None:
        """Commit, and wait for the answer."""
        owned = self._owned_only(checkpoints)
        if not owned:
            return
        self._under_way = {}  # the answer to an older commit says nothing new
        try:
            self._consumer.commit(offsets=offsets_of(owned), asynchronous=False)
        except KafkaException as error:
            self._listener().commit_answered(owned, code_of(error))
        else:
            self._listener().commit_answered(owned, None)

    def answered(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Pass the broker's answer on; one to a commit that was given up says nothing."""
        committed = self._under_way
        if not committed or any(_is_older(place, committed) for place in places):
            return
        self._under_way = {}
        self._listener().commit_answered(committed, None if error is None else error.name())

    def _owned_only(
        self, checkpoints: Mapping[Partition, Checkpoint]
    ) -> dict[Partition, Checkpoint]:
        """Leave out what is another member's: the broker would accept it, and lose records."""
        return {p: c for p, c in checkpoints.items() if p in self._owned}


def _is_older(place: TopicPartition, committed: Mapping[Partition, Checkpoint]) -> bool:
    """Tell whether *place* was committed by another commit than *committed*: one given up."""
    checkpoint = committed.get(Partition(place.topic, place.partition))
    return checkpoint is not None and checkpoint.position != place.offset
