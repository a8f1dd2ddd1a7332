"""Between librdkafka's types and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, TopicPartition

from consumer.checkpoint import encode
from consumer.model import Partition, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import Message

    from consumer.ledger import Checkpoint
    from consumer.model import Headers


def record_of(message: Message, partition: Partition) -> Record:
    """Return the record in *message*, which has no error and is of *partition*."""
    kind, timestamp_ms = message.timestamp()
    return Record(
        partition,
        cast("int", message.offset()),
        None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        message.key(),
        message.value(),
        cast("Headers | None", message.headers()),
    )


def place_of(partition: Partition, offset: int) -> TopicPartition:
    """Return an offset of *partition* as librdkafka takes it."""
    return TopicPartition(partition.topic, partition.number, offset)


def offsets_of(checkpoints: Mapping[Partition, Checkpoint]) -> list[TopicPartition]:
    """Return *checkpoints* as a commit: positions, and in the metadata what is finished above."""
    return [
        TopicPartition(
            partition.topic, partition.number, checkpoint.position, metadata=encode(checkpoint)
        )
        for partition, checkpoint in checkpoints.items()
    ]
