"""The dead-letter topic: records that can never be delivered, byte for byte, and why.

A letter keeps its record's key, value and headers, and gains the headers below; so it can be
replayed unchanged. It counts as stored when all replicas have it (idempotent, acks=all). A
refused write is tried again for as long as it takes, and a letter whose topic is not there yet
waits for it: nothing is finished, so nothing is lost, and the pipeline stops reading when many
wait.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.kafka.config import make, producer_config
from consumer.kafka.dead_letter_topics import DeadLetterTopics
from consumer.kafka.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import DeadLetter, Headers
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import DeadLetterSettings, KafkaSettings

PREFIX = "seg-dlq-"
"""What the name of every header begins with that is ours."""

RETRY_AFTER_S = 5.0
FLUSH_TIMEOUT_S = 5.0


def topic_of(settings: DeadLetterSettings, source_topic: str) -> str:
    """Return the dead-letter topic of *source_topic*."""
    return settings.topic or f"{source_topic}.dead-letter"


def headers_of(letter: DeadLetter, group_id: str, version: str) -> Headers:
    """Return the record's own headers and ours; ours replace those of an earlier death."""
    record = letter.record
    facts: dict[str, object | None] = {
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "attempts": letter.attempts,
        "group": group_id,
        "version": version,
        "status": letter.status,
    }
    kept = [header for header in record.headers or [] if not header[0].startswith(PREFIX)]
    ours: Headers = [
        (PREFIX + name, str(fact).encode()) for name, fact in facts.items() if fact is not None
    ]
    return kept + ours


class KafkaDeadLetters:
    """The writer; `stored` gives back what is safe."""

    def __init__(
        self,
        settings: DeadLetterSettings,
        kafka: KafkaSettings,
        *,
        version: str,
        tally: Tally,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._group_id = kafka.group_id
        self._version = version
        self._tally = tally
        self._clock = clock
        self._log = log
        self._problems = Problems(tally, log)
        self._producer = make(Producer, producer_config(kafka), error_cb=self._problems.note)
        self._letter_topics = DeadLetterTopics(settings, kafka, tally=tally, clock=clock, log=log)
        self._homeless: dict[str, list[DeadLetter]] = {}  # by the topic of their records
        self._under_way = 0
        self._stored: list[DeadLetter] = []
        self._refused: deque[tuple[float, DeadLetter]] = deque()  # by when to try again

    @property
    def pending(self) -> int:
        """How many letters are not stored yet."""
        homeless = sum(map(len, self._homeless.values()))
        return self._under_way + homeless + len(self._refused) + len(self._stored)

    def expect(self, sources: Iterable[str]) -> None:
        """See to it, without waiting, that the letters of the topics *sources* have a topic."""
        for source in sources:
            self._letter_topics.has(topic_of(self._settings, source), source)

    def put(self, letter: DeadLetter) -> None:
        """Start to store *letter*."""
        record = letter.record
        topic = topic_of(self._settings, record.partition.topic)
        if not self._letter_topics.has(topic, record.partition.topic):
            self._homeless.setdefault(record.partition.topic, []).append(letter)
            return
        try:
            self._producer.produce(
                topic,
                key=record.key,
                value=record.value,
                headers=list(headers_of(letter, self._group_id, self._version)),
                on_delivery=partial(self._answered, letter),
            )
        except (BufferError, KafkaException) as error:
            self._refuse(letter, type(error).__name__)
        else:
            self._under_way += 1

    def stored(self) -> list[DeadLetter]:
        """Return the letters that every replica has acknowledged since the last call.

        Raises:
            StartError: the producer cannot go on, and waiting would not help.
        """
        if not self.pending:
            return []
        try:
            self._producer.poll(0)
        except KafkaException as error:
            self._problems.end(error)
        self._problems.raise_fatal()
        now_s = self._clock.monotonic_s()
        for source in list(self._homeless):
            if self._letter_topics.has(topic_of(self._settings, source), source):
                for letter in self._homeless.pop(source):
                    self.put(letter)
        while self._refused and self._refused[0][0] <= now_s:
            self.put(self._refused.popleft()[1])
        stored, self._stored = self._stored, []
        return stored

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next connection on."""
        self._producer.set_sasl_credentials(username, password)
        self._letter_topics.set_credentials(username, password)

    def close(self) -> None:
        """Wait a little for what is under way; what is not acknowledged is not finished."""
        with suppress(KafkaException, SystemError):  # both: the client cannot go on
            self._producer.flush(FLUSH_TIMEOUT_S)

    def _answered(self, letter: DeadLetter, error: KafkaError | None, _message: Message) -> None:
        self._under_way -= 1
        if error is None:
            self._stored.append(letter)
        else:
            self._refuse(letter, error.name())

    def _refuse(self, letter: DeadLetter, code: str) -> None:
        self._tally.dead_letter_write_failures += 1
        topic = topic_of(self._settings, letter.record.partition.topic)
        self._log.warning("dead_letter_not_stored", reason=code, topic=topic)
        self._refused.append((self._clock.monotonic_s() + RETRY_AFTER_S, letter))
