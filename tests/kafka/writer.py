"""The writer of dead letters, and what its surroundings see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.core.errors import DeadLetterReason
from consumer.core.model import DeadLetter, Headers, Partition, Record, Tenure
from consumer.core.timing import SystemClock
from consumer.kafka.dead_letters import KafkaDeadLetters
from consumer.observe.metrics import Tally
from tests.kafka.member import settings_for
from tests.kafka.program import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kafka.brokers import Broker


class Shifted(SystemClock):
    """The machine's clock, put forward by hand."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        """Return the machine's time and what it was put forward."""
        return super().monotonic_s() + self.ahead_s

    def boottime_s(self) -> float:
        """Return the same: nothing is ever suspended."""
        return super().monotonic_s() + self.ahead_s


class Writer:
    """A writer whose records are all of one topic at a time."""

    def __init__(self, broker: Broker, topic: str, **variables: str) -> None:
        settings = settings_for(broker, topic, **variables)
        self.topic = topic
        self.kafka = settings.kafka
        self.tally = Tally()
        self.clock = Shifted()
        self.log = structlog.testing.CapturingLogger()
        self.stored: list[DeadLetter] = []
        self.letters = KafkaDeadLetters(
            settings.dead_letter,
            settings.kafka,
            version="1.2.3",
            tally=self.tally,
            clock=self.clock,
            log=structlog.wrap_logger(self.log, processors=[]),
        )

    @property
    def warnings(self) -> list[Mapping[str, object]]:
        """What it told of at that level."""
        return [it.kwargs for it in self.log.calls if it.method_name == "warning"]

    def put(
        self, offset: int, key: bytes | None, value: bytes | None, headers: Headers | None
    ) -> DeadLetter:
        """Give it a record of this topic; return the letter."""
        record = Record(
            Tenure(Partition(self.topic, 0)), offset, 1_700_000_000_000, key, value, headers
        )
        letter = DeadLetter(record, DeadLetterReason.BAD_AVRO, "expected Avro", 0, None)
        self.letters.put(letter)
        return letter

    def wait(self, many: int) -> None:
        """Return when so many letters are stored."""
        eventually(lambda: self.look() >= many)

    def look(self) -> int:
        """Return how many letters are stored by now."""
        self.stored += self.letters.stored()
        return len(self.stored)
