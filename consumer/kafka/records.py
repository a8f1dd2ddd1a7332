"""From librdkafka's messages to our records."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from consumer.model import Partition, Record

if TYPE_CHECKING:
    from confluent_kafka import Message

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
