"""Records onto a topic: for `seg-consumer produce`, the demo and the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.core.errors import StartError
from consumer.core.model import Headers
from consumer.kafka.config import make, producer_config
from consumer.kafka.problems import code_of

if TYPE_CHECKING:
    from consumer.settings import KafkaSettings

PARTITION_BY_KEY = -1  # RD_KAFKA_PARTITION_UA: librdkafka's partitioner decides
FULL_WAIT_S = 1.0
ACKNOWLEDGED_WITHIN_S = 60.0
LOOK_S = 0.1


class Outgoing(NamedTuple):
    """One record to write."""

    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class TopicProducer:
    """Writes records to one topic; `close` waits until the brokers have them all."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._topic = topic
        self._failure: str | None = None
        self.acknowledged = 0
        """How many records all replicas have."""
        self._producer = make(Producer, producer_config(settings))

    def put(self, record: Outgoing, partition: int | None = None) -> None:
        """Write *record*, to *partition* or where its key leads; wait where the queue is full.

        Raises:
            StartError: the brokers refused a record, this one or one before.
        """
        wait_s = 0.0
        while True:
            try:
                self._producer.poll(wait_s)
                self._producer.produce(
                    self._topic,
                    partition=PARTITION_BY_KEY if partition is None else partition,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers or []),
                    on_delivery=self._answered,
                )
            except BufferError:
                wait_s = FULL_WAIT_S
            except KafkaException as error:
                raise self._unwritable(error) from error
            else:
                break
        self._check()

    def close(self) -> None:
        """Wait until every record is acknowledged.

        Raises:
            StartError: the brokers refused one, or did not answer in time.
        """
        idle_s = 0.0
        # No flush: it runs further callbacks after an error, which hides the error.
        while len(self._producer) and idle_s < ACKNOWLEDGED_WITHIN_S:
            try:
                happened = self._producer.poll(LOOK_S)
            except KafkaException as error:
                raise self._unwritable(error) from error
            if not happened:
                idle_s += LOOK_S
        self._check()
        if left := len(self._producer):
            raise StartError(f"{self._topic}: {left} records were not acknowledged in time")

    def _answered(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self._failure = error.name()

    def _unwritable(self, error: KafkaException) -> StartError:
        return StartError(f"{self._topic}: a record cannot be written: {code_of(error)}")

    def _check(self) -> None:
        if self._failure is not None:
            raise StartError(f"{self._topic}: the brokers refused a record: {self._failure}")
