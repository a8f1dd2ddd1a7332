"""Commits one member's partitions and no others; each commit is answered once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicPartition

from consumer.core.checkpoint import encode, with_log
from consumer.kafka.problems import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import Consumer, KafkaError

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Tenure
    from consumer.core.ports import Listener


class Commits:
    """Sends *consumer*'s commits for what is owned then; the *listener* hears the answers."""

    def __init__(self, consumer: Consumer, listener: Callable[[], Listener]) -> None:
        self._consumer = consumer
        self._listener = listener
        self._under_way: Mapping[Tenure, Checkpoint] = {}

    def send(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Send a commit; its answer comes in a later poll."""
        owned = _owned_only(checkpoints)
        if not owned:
            return
        self._under_way = owned
        try:
            self._consumer.commit(offsets=as_commit(owned), asynchronous=True)
        except KafkaException as error:
            self._under_way = {}
            self._listener().commit_answered(owned, code_of(error))

    def send_and_wait(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Commit, and wait for the answer."""
        owned = _owned_only(checkpoints)
        if not owned:
            return
        self._under_way = {}  # the answer to an older commit says nothing new
        try:
            self._consumer.commit(offsets=as_commit(owned), asynchronous=False)
        except KafkaException as error:
            self._listener().commit_answered(owned, code_of(error))
        else:
            self._listener().commit_answered(owned, None)

    def answered(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """Pass the broker's answer on; one to a commit that was given up says nothing."""
        committed = self._under_way
        if not committed or _is_older(places, committed):
            return
        self._under_way = {}
        self._listener().commit_answered(committed, None if error is None else error.name())


def as_commit(owned: Mapping[Tenure, Checkpoint]) -> list[TopicPartition]:
    """Return *owned* as a commit: positions, what is finished above them, and of which log."""
    return [
        TopicPartition(
            *tenure.partition,
            checkpoint.position,
            metadata=with_log(encode(checkpoint), tenure.log_id),
        )
        for tenure, checkpoint in owned.items()
    ]


def _owned_only(checkpoints: Mapping[Tenure, Checkpoint]) -> dict[Tenure, Checkpoint]:
    """Leave out what another member owns: the broker would accept it, and records would be lost."""
    return {tenure: it for tenure, it in checkpoints.items() if not tenure.over}


def _is_older(places: list[TopicPartition], committed: Mapping[Tenure, Checkpoint]) -> bool:
    """Tell whether *places* are those of an older commit that was given up."""
    positions: dict[tuple[str, int], int] = {
        tenure.partition: checkpoint.position for tenure, checkpoint in committed.items()
    }
    return any(
        positions.get((place.topic, place.partition), place.offset) != place.offset
        for place in places
    )
