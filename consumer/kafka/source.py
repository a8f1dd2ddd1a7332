"""The group's member: records come out, commits go in, partitions come and go.

One thread calls it. In confluent-kafka 2.16 any call from another thread waits until `consume`
returns, a `consume` for many records waits its whole time-out where there are few, and signals
wait with it; so an idle poll asks for one record and then for the rest without waiting.

Where reading starts is always explicit: at the committed offset, or, without one, where
`auto_offset_reset` says. librdkafka itself never jumps.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
    libversion,
)

from consumer.core.errors import StartError
from consumer.kafka.commits import Commits
from consumer.kafka.config import consumer_config, is_cooperative, make, subscription
from consumer.kafka.extents import Extents
from consumer.kafka.leave import leave
from consumer.kafka.ownership import Ownership
from consumer.kafka.pauses import Pauses
from consumer.kafka.positions import Positions
from consumer.kafka.problems import Problems
from consumer.kafka.records import generation_of, record_of
from consumer.kafka.topic_ids import TopicIds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from structlog.typing import FilteringBoundLogger

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Partition, Pause, Record, Tenure
    from consumer.core.ports import Extent, Listener
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import KafkaSettings


Callback: TypeAlias = "Callable[[Consumer, list[TopicPartition]], None]"

_NOT_IN_THE_LOG = frozenset(
    {KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION}  # noqa: SLF001 - public names
)

LIBRARY_VERSION = libversion()[0]
"""librdkafka's."""


class KafkaSource:
    """A consumer of the group; give it a listener with `subscribe` before the first poll."""

    def __init__(
        self, settings: KafkaSettings, tally: Tally, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._settings = settings
        self._problems = Problems(tally, log)
        self._failure: Exception | None = None
        self._consumer = make(
            Consumer,
            consumer_config(settings),
            error_cb=self._problems.note,
            on_commit=self._on_commit,
        )
        self._extents = Extents(self._consumer, settings)
        self._topic_ids = TopicIds(settings, clock)
        self._pauses = Pauses(self._consumer)
        self._ownership = Ownership(
            Positions(self._consumer, self._topic_ids, settings, log),
            self._pauses,
            self._topic_ids,
            cooperative=is_cooperative(settings),
        )
        self._commits = Commits(self._consumer, self._ownership.told)

    def subscribe(self, listener: Listener) -> None:
        """Join the group; *listener* is told of everything that happens to the assignment.

        Raises:
            StartError: a pattern is none that librdkafka takes.
        """
        self._ownership.listener = listener
        try:
            self._consumer.subscribe(
                subscription(self._settings),
                on_assign=self._guarded(self._ownership.on_assign),
                on_revoke=self._guarded(self._ownership.on_revoke),
                on_lost=self._guarded(self._ownership.on_lost),
            )
        except KafkaException as error:
            raise StartError(
                "SEG_KAFKA__TOPICS: librdkafka refuses it: a pattern is a POSIX extended regular"
                " expression, without (?...) and the like"
            ) from error

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to *max_records*, at once where there are any, else after *timeout_s*.

        Raises:
            StartError: the group cannot go on, and waiting would not help.
        """
        self._ownership.look_at_logs()
        self._ownership.pin()
        if timeout_s <= 0.0:
            return self._consume(max_records, 0.0)
        records = self._consume(1, timeout_s)
        if records and max_records > 1:
            records += self._consume(max_records - 1, 0.0)
        return records

    def commit(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Send a commit for what is owned of *checkpoints*; the listener hears the answer."""
        self._commits.send(checkpoints)

    def commit_now(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Commit those of *checkpoints* that are owned, and wait for the answer."""
        self._commits.send_and_wait(checkpoints)

    def pause(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read no more of *tenures*, for one more reason."""
        self._pauses.add(tenures, reason)

    def resume(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read *tenures* again, but for those that another reason pauses."""
        self._pauses.remove(tenures, reason)

    def extents(self) -> dict[Partition, Extent]:
        """Return, without waiting for a broker, what is left to read of each owned partition."""
        return self._extents.of(self._ownership.tenures.values())

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next connection on."""
        self._consumer.set_sasl_credentials(username, password)
        self._extents.set_credentials(username, password)
        self._topic_ids.set_credentials(username, password)

    @property
    def is_member(self) -> bool:
        """True once the group has taken this consumer in, with partitions or without.

        A member id is not enough: under KIP-848 the client makes its own, and the classic
        coordinator gives one before the join. The generation comes with the join, and outlives
        the member id of a member that was thrown out.
        """
        generation = generation_of(self._consumer.consumer_group_metadata())
        return bool(self._consumer.memberid()) and (generation is None or generation > 0)

    def close(self) -> None:
        """Leave the group, once; the listener is told of what was still owned."""
        if self._ownership.closing:
            return
        self._ownership.closing = True
        with suppress(KafkaException):  # the member was fenced
            leave(self._consumer, self._settings)
        self._consumer.close()

    def _consume(self, max_records: int, timeout_s: float) -> list[Record]:
        """Take what is there; each record belongs to the tenure that owns its partition now."""
        messages = self._consumer.consume(max_records, timeout_s)
        self._raise_failure()
        records: list[Record] = []
        owned = self._ownership.tenures
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(error, message)
                continue
            tenure = owned.get((message.topic(), message.partition()))
            if tenure is not None:
                records.append(record_of(message, tenure))
        return records

    def _guarded(self, callback: Callback) -> Callback:
        """Keep an exception of *callback* for the poll it runs in: C code does not pass it on."""

        def call(consumer: Consumer, places: list[TopicPartition]) -> None:
            try:
                callback(consumer, places)
            except Exception as error:  # noqa: BLE001 - raised again by the poll
                self._failure = error

        return call

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        self._problems.raise_fatal()

    def _on_error(self, error: KafkaError, message: Message) -> None:
        if error.code() in _NOT_IN_THE_LOG:
            self._ownership.out_of_range(message, error)
            return
        self._problems.note(error)
        self._raise_failure()

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        self._commits.answered(error, places)
