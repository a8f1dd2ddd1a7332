"""What becomes of a topic's newest records: read, decoded and translated, and sent nowhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from consumer.core.errors import IgnoredReason, PoisonError
from consumer.core.model import Ignored
from consumer.core.timing import SystemClock
from consumer.kafka.read import read_topic
from consumer.kafka.sample import A_PARTITION
from consumer.program.reading import decoder_of, registry_of, translator_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.avro.decoder import Decoder
    from consumer.core.model import Event, Object, Record, SegCall
    from consumer.settings import Settings


class Samples:
    """Some records' outcomes, counted; no value of any event."""

    def __init__(
        self, decode: Decoder, translate: Callable[[Event, int | None], SegCall | Ignored]
    ) -> None:
        self._decode = decode
        self._translate = translate
        self.records = 0
        self.delivered = 0
        self.ignored: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        """By the reason and its text."""
        self.left_out: Counter[str] = Counter()
        """Values that cannot be read, by Seg's key and what is wrong."""

    def add(self, record: Record) -> None:
        """Count what becomes of *record*.

        Raises:
            UnavailableError: the schema registry does not answer.
        """
        self.records += 1
        if record.value is None:
            self.ignored[IgnoredReason.TOMBSTONE] += 1
            return
        try:
            event = self._decode(record.value, record.headers)
            outcome = self._translate(event, record.timestamp_ms)
        except PoisonError as error:
            self.dead_lettered[f"{error.reason}: {error.detail}"] += 1
            return
        if isinstance(outcome, Ignored):
            self.ignored[outcome.reason] += 1
            return
        self.delivered += 1
        for value in outcome.left_out:
            self.left_out[f"{value.key}: {value.why}"] += 1

    def told(self) -> Object:
        """Return the counts as JSON."""
        return {
            "records": self.records,
            "delivered": self.delivered,
            "ignored": {str(reason): number for reason, number in self.ignored.items()},
            "dead_lettered": {str(reason): number for reason, number in self.dead_lettered.items()},
            "left_out": dict(self.left_out),
        }


def read_samples(settings: Settings, topic: str) -> Samples:
    """Return what becomes of the newest records of each partition of *topic*.

    Raises:
        StartError: the topic cannot be read.
        UnavailableError: the schema registry does not answer.
    """
    registry = registry_of(settings.schema_registry, SystemClock())
    samples = Samples(decoder_of(settings.schemas, registry), translator_of(settings.translation))
    for record in read_topic(settings.kafka, topic, newest=A_PARTITION):
        samples.add(record)
    return samples
