"""What is left to read of each partition, told without ever waiting for a broker.

librdkafka hears the end of what it fetches with each answer. It fetches nothing of what is paused;
of that, and of what it has not fetched yet, another client asks the brokers in the background, one
question at a time.

The position is librdkafka's own: it passes over the markers that end a transaction and over the
records of one that was aborted, which no poll ever gives out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from consumer.core.ports import Extent
from consumer.kafka.config import admin_config, make

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Future

    from confluent_kafka import Consumer
    from confluent_kafka.admin import ListOffsetsResultInfo

    from consumer.core.model import Partition, Tenure
    from consumer.settings import KafkaSettings

Key: TypeAlias = "tuple[str, int]"
Question: TypeAlias = "dict[TopicPartition, Future[ListOffsetsResultInfo]]"

_EARLIEST_AND_LATEST = (
    OffsetSpec.earliest(),  # type: ignore[no-untyped-call]
    OffsetSpec.latest(),  # type: ignore[no-untyped-call]
)
ANSWER_WITHIN_S = 10.0
"""How long the brokers may take; then they are asked again."""


class Extents:
    """The extents of the partitions of one consumer."""

    def __init__(self, consumer: Consumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings
        self._credentials: tuple[str, str] | None = None
        self._admin: AdminClient | None = None  # once there is something to ask
        self._questions: list[Question] = []  # for the beginnings and for the ends
        self._beginnings: dict[Key, int] = {}
        self._ends: dict[Key, int] = {}

    def of(self, tenures: Collection[Tenure]) -> dict[Partition, Extent]:
        """Return what is known of the partitions of *tenures*."""
        self._note_answers()
        extents: dict[Partition, Extent] = {}
        unheard: list[Partition] = []
        places = self._consumer.position([TopicPartition(*it.partition) for it in tenures])
        for place, tenure in zip(places, tenures, strict=True):
            partition = tenure.partition
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            if tenure.pauses or high < 0:
                unheard.append(partition)
                low = max(low, self._beginnings.get(partition, low))
                high = max(high, self._ends.get(partition, high))
            position = place.offset if place.offset >= 0 else tenure.ledger.next_offset
            if position is None and low >= 0:
                position = low
            extents[partition] = Extent(position, high if high >= 0 else None)
        if unheard and not self._questions:
            self._ask(unheard)
        return extents

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next connection on."""
        self._credentials = username, password
        if self._admin is not None:
            self._admin.set_sasl_credentials(username, password)

    def _ask(self, partitions: Collection[Partition]) -> None:
        if self._admin is None:
            self._admin = make(AdminClient, admin_config(self._settings))
            if self._credentials is not None:
                self._admin.set_sasl_credentials(*self._credentials)
        for spec in _EARLIEST_AND_LATEST:
            places = {TopicPartition(*it): spec for it in partitions}
            question = self._admin.list_offsets(places, request_timeout=ANSWER_WITHIN_S)
            self._questions.append(question)

    def _note_answers(self) -> None:
        """Take over what the brokers have said, once all of it is there."""
        if not all(it.done() for question in self._questions for it in question.values()):
            return
        told_by_question = (self._beginnings, self._ends)
        for told, question in zip(told_by_question, self._questions, strict=False):
            told.clear()
            for place, answer in question.items():
                if answer.exception() is None:  # else it is asked again
                    told[place.topic, place.partition] = answer.result().offset
        self._questions.clear()
