"""The two brokers that one suite runs on: the embedded one and a real Apache Kafka."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from consumer.kafka.embedded import CONFIG, EmbeddedBroker

if TYPE_CHECKING:
    from tests.kafka_real.cluster import Kafka

LIMIT_S = 30.0

Value = str | int | float | bool


class Broker(Protocol):
    """What the suite asks of a broker."""

    @property
    def bootstrap(self) -> str:
        """Its `bootstrap.servers`."""

    @property
    def config(self) -> dict[str, Value]:
        """What suits it of librdkafka's settings, for the classic protocol."""

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below the offset *before*, as retention does."""


class Embedded:
    """The embedded broker in a child process."""

    config = CONFIG

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        self.bootstrap = broker.bootstrap
        self._one_at_a_time = Lock()  # the scenes of the crash matrix are threads

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        with self._one_at_a_time:
            self.broker.create_topic(name, partitions)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below the offset *before*, as retention does."""
        self.broker.call("delete_records", topic, partition, before)


class Real:
    """A real Apache Kafka."""

    config: dict[str, Value] = CONFIG | {"session.timeout.ms": 6000}

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.bootstrap = kafka.bootstrap
        self.admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        self.kafka.create_topic(name, partitions)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below the offset *before*, as retention does."""
        place = TopicPartition(topic, partition, before)
        self.admin.delete_records([place])[place].result(LIMIT_S)

    def configure(self, topic: str, name: str, value: str) -> None:
        """Set one setting of a topic."""
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(LIMIT_S)


def committed(broker: Broker, group: str, topic: str, partitions: int) -> dict[int, int]:
    """Return what *group* has committed, by partition; without an offset it is left out."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    found = asked[group].result(LIMIT_S).topic_partitions or []
    return {place.partition: place.offset for place in found if place.offset >= 0}


def ends(broker: Broker, topic: str, partitions: int) -> dict[int, int]:
    """Return where each partition of *topic* ends."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = admin.list_offsets({TopicPartition(topic, it): latest for it in range(partitions)})
    return {place.partition: found.result(LIMIT_S).offset for place, found in asked.items()}


def commit(broker: Broker, group: str, topic: str, partition: int, offset: int) -> None:
    """Commit as a stranger does for a group without members: with metadata of its own."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "log_level": 0})
    place = TopicPartition(topic, partition, offset, "by hand")
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def topics_of(broker: Broker) -> set[str]:
    """Return the topics that *broker* has."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    return set(admin.list_topics(timeout=LIMIT_S).topics)
