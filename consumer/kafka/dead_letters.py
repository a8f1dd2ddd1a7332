"""The dead-letter topic: records that can never be delivered, byte for byte, and why.

A letter keeps its record's key, value and headers, and gains the headers below; so it can be
replayed unchanged. It counts as stored when all replicas have it (idempotent, acks=all). Until
then it is in one queue:

    waiting     for its topic, for its turn, or for its next try after a refusal
    under way   the broker has not answered yet
    stored      to be told to the pipeline, which finishes its record

Nothing is finished before, so nothing is lost; the pipeline stops reading when many wait. A letter
that is refused as too large goes alone the next time, for it may be its batch that was; where it
does not fit alone, it waits for a larger topic, or is cut where the operator has chosen so.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.core.model import bytes_of
from consumer.kafka.config import make, producer_config
from consumer.kafka.dead_letter_headers import headers_of
from consumer.kafka.dead_letter_topics import DeadLetterTopics, sources_of, topic_of
from consumer.kafka.problems import Problems, code_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import DeadLetter
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import DeadLetterSettings, KafkaSettings

RETRY_AFTER_S: Final = 5.0
FLUSH_TIMEOUT_S: Final = 5.0
CUT_TO_BYTES: Final = 10_000
"""What is left of the value of a truncated letter: enough to see what it was."""

_TOO_LARGE: Final = frozenset(
    KafkaError(code).name()
    for code in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
)


class _State(Enum):
    """How far a letter is."""

    WAITING = 0
    UNDER_WAY = 1
    STORED = 2


class _Waiting:
    """A letter in the queue."""

    __slots__ = ("alone", "due_s", "letter", "refusal", "state", "topic", "truncated")

    def __init__(self, letter: DeadLetter, topic: str) -> None:
        self.letter = letter
        self.topic = topic
        self.state = _State.WAITING
        self.due_s = 0.0  # monotonic; not tried before
        self.refusal: str | None = None  # the code of the last one
        self.alone = False  # nothing may be under way with it: it was too large with others
        self.truncated = False


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
        self._errors = Problems(tally, log)
        self._producer = make(Producer, producer_config(kafka), error_cb=self._errors.note)
        self._topics = DeadLetterTopics(settings, kafka, clock=clock, log=log)
        self._expected: set[str] = set()  # sources whose letters need a topic
        self._queue: list[_Waiting] = []
        self._under_way = 0
        self._lone = 0  # letters in the queue that go alone
        self.pending_bytes = 0
        """The records of the letters that are not stored yet, bytes."""

    @property
    def pending(self) -> int:
        """How many letters are not stored yet."""
        return len(self._queue)

    @property
    def problem(self) -> str | None:
        """Why the oldest letter that was refused is not stored, and what to do; None if none."""
        for it in self._queue:
            if (text := self._topics.problems.get(it.topic)) is not None:
                return text
            if it.refusal is not None:
                return self._advice(it, it.refusal)
        return None

    def expect(self, sources: Iterable[str]) -> None:
        """See to it, without waiting, that the letters of the topics *sources* have a topic."""
        self._expected.update(sources)
        self._look()

    def put(self, letter: DeadLetter) -> None:
        """Start to store *letter*."""
        waiting = _Waiting(letter, topic_of(self._settings, letter.record.partition.topic))
        self._queue.append(waiting)
        self.pending_bytes += bytes_of(letter.record)
        if not self._topics.usable(waiting.topic):
            self._expected.add(letter.record.partition.topic)
            self._look()
        elif not self._lone:
            self._send(waiting)

    def stored(self) -> list[DeadLetter]:
        """Return the letters that every replica has acknowledged since the last call.

        Raises:
            StartError: the producer cannot go on, and waiting would not help.
        """
        if not self._queue:
            return []
        try:
            self._producer.poll(0)
        except KafkaException as error:
            self._errors.end(error)
        self._errors.raise_fatal()
        self._look()
        stored = [it for it in self._queue if it.state is _State.STORED]
        if stored:
            self._queue = [it for it in self._queue if it.state is not _State.STORED]
            self._lone -= sum(it.alone for it in stored)
            self.pending_bytes -= sum(bytes_of(it.letter.record) for it in stored)
        self._send_due()
        return [it.letter for it in stored]

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next connection on."""
        self._producer.set_sasl_credentials(username, password)
        self._topics.set_credentials(username, password)

    def close(self) -> None:
        """Wait a little for what is under way; what is not acknowledged is not finished."""
        with suppress(KafkaException, SystemError):  # both: the client cannot go on
            self._producer.flush(FLUSH_TIMEOUT_S)

    def _look(self) -> None:
        wanted = sources_of(self._settings, self._expected)
        failed = self._topics.look(wanted, self._clock.monotonic_s())
        if self._queue:  # a topic that nobody needs yet is no failure
            self._tally.dead_letter_write_failures += failed

    def _send_due(self) -> None:
        """Send what waits and may go; one that goes alone holds the others up until it went."""
        if self._lone and any(it.alone and it.state is _State.UNDER_WAY for it in self._queue):
            return
        now_s = self._clock.monotonic_s()
        due = [
            it
            for it in self._queue
            if it.state is _State.WAITING and it.due_s <= now_s and self._topics.usable(it.topic)
        ]
        lone = next((it for it in due if it.alone), None)
        if lone is None:
            for waiting in due:
                self._send(waiting)
        elif not self._under_way:
            self._send(lone)

    def _send(self, waiting: _Waiting) -> None:
        letter = waiting.letter
        value, cut_from = letter.record.value, None
        if waiting.truncated and value is not None:
            value, cut_from = value[:CUT_TO_BYTES], len(value)
        try:
            self._producer.produce(
                waiting.topic,
                key=letter.record.key,
                value=value,
                headers=list(headers_of(letter, self._group_id, self._version, cut_from)),
                on_delivery=partial(self._answered, waiting),
            )
        except BufferError:
            self._refuse(waiting, "BufferError")
        except KafkaException as error:
            self._refuse(waiting, code_of(error))
        else:
            waiting.state = _State.UNDER_WAY
            self._under_way += 1

    def _answered(self, waiting: _Waiting, error: KafkaError | None, _message: Message) -> None:
        self._under_way -= 1
        if error is None:
            waiting.state = _State.STORED
            waiting.refusal = None
        else:
            self._refuse(waiting, error.name())

    def _refuse(self, waiting: _Waiting, code: str) -> None:
        """Let *waiting* be tried again, alone where it is too large, or cut at last."""
        self._tally.dead_letter_write_failures += 1
        waiting.state = _State.WAITING
        waiting.refusal = code
        waiting.due_s = self._clock.monotonic_s() + RETRY_AFTER_S
        self._tell("dead_letter_not_stored", waiting, code, self._advice(waiting, code))
        if code not in _TOO_LARGE:
            return
        if not waiting.alone:
            waiting.alone = True
            self._lone += 1
        elif self._settings.on_too_large == "truncate" and not waiting.truncated:
            waiting.truncated = True
            self._tell(
                "dead_letter_truncated",
                waiting,
                code,
                f"its value is cut to {CUT_TO_BYTES} bytes, as SEG_DEAD_LETTER__ON_TOO_LARGE says",
            )

    def _advice(self, waiting: _Waiting, code: str) -> str:
        place, topic = waiting.letter.record.place, waiting.topic
        if code in _TOO_LARGE:
            return (
                f"the letter of {place} is larger than {topic} takes: raise its max.message.bytes,"
                " or set SEG_DEAD_LETTER__ON_TOO_LARGE to truncate"
            )
        return f"{topic} does not take the letter of {place}: {code}"

    def _tell(self, event: str, waiting: _Waiting, reason: str, detail: str) -> None:
        partition, offset = waiting.letter.record.partition, waiting.letter.record.offset
        self._log.warning(
            event,
            reason=reason,
            detail=detail,
            topic=partition.topic,
            partition=partition.number,
            offset=offset,
            dead_letter_topic=waiting.topic,
        )
