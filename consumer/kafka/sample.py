"""The newest records of each partition, read without the group.

Nothing is committed, nobody joins, and the members of the group feel nothing. It takes no longer
than it may: what has not come by then is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.errors import StartError
from consumer.core.model import Tenure
from consumer.kafka.config import client_config, make
from consumer.kafka.problems import code_of
from consumer.kafka.records import record_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.core.model import Partition, Record
    from consumer.core.timing import Clock
    from consumer.kafka.config import Config
    from consumer.kafka.inspect import Standing
    from consumer.settings import KafkaSettings

A_PARTITION = 10
"""How many records of each partition are looked at."""
PARTITIONS = 30
"""Of so many partitions at most: the rest is like them."""
WITHIN_S = 4.0
"""How long all of it may take."""

_POLL_S = 0.2


def newest(
    settings: KafkaSettings, standings: Iterable[Standing], clock: Clock
) -> dict[str, list[Record]]:
    """Return the newest records of the partitions in *standings*, by topic.

    Raises:
        StartError: librdkafka or the brokers refuse.
    """
    ends = {it.partition: it for it in _chosen(standings)}
    if not ends:
        return {}
    own: Config = {
        "group.id": "seg-consumer-reader",  # librdkafka asks for one; it is never joined
        "enable.auto.commit": False,
        "enable.partition.eof": True,  # the last offset may be a transaction's end
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 100,
        "log_level": 0,
    }
    consumer = make(Consumer, client_config(settings) | dict(settings.config) | own)
    try:
        consumer.assign(
            [
                TopicPartition(*it.partition, max(it.low, it.high - A_PARTITION))
                for it in ends.values()
            ]
        )
        return _read(consumer, ends, clock)
    except KafkaException as error:
        raise StartError(f"the topics cannot be read: {code_of(error)}") from error
    finally:
        consumer.close()


def _chosen(standings: Iterable[Standing]) -> list[Standing]:
    """Return those that have records, and of many some of each topic."""
    with_records = [it for it in standings if it.high > it.low]
    by_number = sorted(with_records, key=lambda it: it.partition.number)
    return by_number[:PARTITIONS]


def _read(
    consumer: Consumer, ends: Mapping[Partition, Standing], clock: Clock
) -> dict[str, list[Record]]:
    tenures = {partition: Tenure(partition) for partition in ends}  # of no group
    unread = set(ends)
    found: dict[str, list[Record]] = {}
    deadline_s = clock.monotonic_s() + WITHIN_S
    while unread and clock.monotonic_s() < deadline_s:
        for message in consumer.consume(A_PARTITION * len(ends), _POLL_S):
            key = (message.topic(), message.partition())
            partition = next((it for it in unread if it == key), None)
            if partition is None:
                continue  # newer than what was there
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    unread.discard(partition)
                continue
            record = record_of(message, tenures[partition])
            found.setdefault(partition.topic, []).append(record)
            if record.offset >= ends[partition].high - 1:
                unread.discard(partition)
    return found
