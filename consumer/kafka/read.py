"""Reads a topic from its beginning to its present end, without a group; for commands and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.errors import StartError
from consumer.core.model import Partition, Tenure
from consumer.kafka.config import client_config, make
from consumer.kafka.problems import code_of
from consumer.kafka.records import record_of
from consumer.kafka.retry import ask_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Record
    from consumer.kafka.config import Config
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S = 30.0


def read_topic(settings: KafkaSettings, topic: str, newest: int | None = None) -> Iterator[Record]:
    """Yield every record that is in *topic* now, partition by partition.

    With *newest* only those of so many last offsets of each partition.

    Raises:
        StartError: the topic is missing, may not be read, or the brokers do not answer.
    """
    own: Config = {
        "group.id": "seg-consumer-reader",  # librdkafka asks for one; it is never joined
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = make(Consumer, client_config(settings) | dict(settings.config) | own)
    try:
        known = consumer.list_topics(topic, timeout=ASK_TIMEOUT_S).topics[topic]
        if known.error is not None:
            raise StartError(f"{topic}: {known.error.str()}")
        for number in sorted(known.partitions):
            yield from _read_partition(consumer, Partition(topic, number), newest)
    except KafkaException as error:
        raise StartError(f"{topic} cannot be read: {code_of(error)}") from error
    finally:
        consumer.close()


def _read_partition(
    consumer: Consumer, partition: Partition, newest: int | None = None
) -> Iterator[Record]:
    place = TopicPartition(partition.topic, partition.number)
    low, end = ask_again(lambda: consumer.get_watermark_offsets(place, timeout=ASK_TIMEOUT_S))
    if low == end:
        return
    place.offset = low if newest is None else max(low, end - newest)
    tenure = Tenure(partition)  # of no group: nobody takes it away
    consumer.assign([place])
    while True:
        message = consumer.poll(ASK_TIMEOUT_S)
        if message is None:
            raise StartError(f"{partition.topic}/{partition.number}: no record came in time")
        problem = message.error()
        if problem is not None:
            if problem.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                return
            raise StartError(f"{partition.topic}/{partition.number}: {problem.str()}")
        offset = cast("int", message.offset())
        if offset >= end:
            return  # appended since we began: a busy topic would never end
        yield record_of(message, tenure)
