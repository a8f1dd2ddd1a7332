"""Converts librdkafka's types to ours and back."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, TopicPartition

from consumer.core.checkpoint import encode
from consumer.core.model import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import Message

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Partition, Tenure

_new = tuple.__new__  # half the time of a named tuple's own, which only unpacks its arguments

_GROUP_METADATA = b"CGMDv2:"
"""The first bytes of librdkafka's consumer group metadata; the generation follows."""


def record_of(message: Message, tenure: Tenure) -> Record:
    """Return the record in *message*, which has no error and was read during *tenure*."""
    kind, timestamp_ms = message.timestamp()
    known_ms = None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms
    return _new(
        Record,
        (tenure, message.offset(), known_ms, message.key(), message.value(), message.headers()),
    )


def place_of(partition: Partition, offset: int) -> TopicPartition:
    """Return an offset of *partition* as librdkafka takes it."""
    return TopicPartition(partition.topic, partition.number, offset)


def offsets_of(checkpoints: Mapping[Partition, Checkpoint]) -> list[TopicPartition]:
    """Return *checkpoints* as a commit: positions, and in the metadata what is finished above."""
    return [
        TopicPartition(*partition, checkpoint.position, metadata=encode(checkpoint))
        for partition, checkpoint in checkpoints.items()
    ]


def generation_of(metadata: bytes) -> int | None:
    """Return the group's generation out of *metadata*; the coordinator counts from 1.

    It is below 1 before the coordinator has answered, and None where the format is unknown.
    """
    if not metadata.startswith(_GROUP_METADATA):
        return None
    (generation,) = struct.unpack_from("=i", metadata, len(_GROUP_METADATA))
    return int(generation)
