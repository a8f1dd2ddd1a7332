"""A member of a group: the real source and the real ledgers, with a test's listener."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import orjson
import structlog

from consumer.core.model import Pause
from consumer.core.timing import SystemClock
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.source import KafkaSource
from consumer.observe.metrics import Tally
from consumer.settings import load
from tests.kafka.brokers import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from consumer.core.ledger import Checkpoint, Ledger
    from consumer.core.model import Partition, Record, Tenure
    from consumer.settings import Settings
    from tests.kafka.brokers import Broker

WEBSITE_ID = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"

COOPERATIVE = {"SEG_KAFKA__ASSIGNMENT_STRATEGY": "cooperative-sticky"}
EAGER = {"SEG_KAFKA__ASSIGNMENT_STRATEGY": "range"}
CONSUMER = {"SEG_KAFKA__GROUP_PROTOCOL": "consumer"}
PROTOCOLS = {"cooperative-sticky": COOPERATIVE, "range": EAGER, "consumer": CONSUMER}

OF_THE_CLASSIC_PROTOCOL = ("session.timeout.ms", "heartbeat.interval.ms")
"""What KIP-848 leaves to the brokers."""


def environment(broker: Broker, topics: str, **variables: str) -> dict[str, str]:
    """Return the variables with which the program reads *topics* of *broker*; *variables* win."""
    config = broker.config
    if variables.get("SEG_KAFKA__GROUP_PROTOCOL") == "consumer":
        config = {
            name: value for name, value in config.items() if name not in OF_THE_CLASSIC_PROTOCOL
        }
    return {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "SEG_KAFKA__TOPICS": topics,
        "SEG_KAFKA__GROUP_ID": f"group-of-{topics.strip('^').replace(',', '-')}",
        "SEG_KAFKA__CONFIG": orjson.dumps(config).decode(),
        "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
    } | variables


def settings_for(broker: Broker, topics: str, **variables: str) -> Settings:
    """Return the settings that `environment` gives."""
    return load(env=environment(broker, topics, **variables))


class Said(NamedTuple):
    """One call of the listener."""

    what: str
    partitions: tuple[int, ...]


class Member:
    """A `KafkaSource` whose listener keeps ledgers, as the pipeline does, and notes it all."""

    def __init__(self, settings: Settings) -> None:
        self.tally = Tally()
        self.log = structlog.testing.CapturingLogger()
        self.source = KafkaSource(
            settings.kafka,
            self.tally,
            SystemClock(),
            structlog.wrap_logger(self.log, processors=[]),
        )
        self.tenures: dict[Partition, Tenure] = {}
        self.records: list[Record] = []
        self.polled = 0
        """How many records came, those included that need no work."""
        self.said: list[Said] = []
        self.answers: list[str | None] = []
        self.on_assign: Callable[[Collection[Tenure]], None] = lambda _tenures: None
        self.on_revoke: Callable[[Collection[Tenure]], None] = lambda _tenures: None
        self.source.subscribe(self)

    def __repr__(self) -> str:
        """Tell what has come to it, for a test that fails."""
        log = [(it.method_name, it.kwargs) for it in self.log.calls]
        return f"Member({self.said}, {self.answers}, {len(self.records)} records, {log})"

    @property
    def owned(self) -> set[int]:
        """The numbers of the partitions that are its own now."""
        return {partition.number for partition in self.tenures}

    @property
    def ledgers(self) -> dict[Partition, Ledger]:
        """The ledgers of what is its own now."""
        return {partition: tenure.ledger for partition, tenure in self.tenures.items()}

    @property
    def values(self) -> list[bytes | None]:
        """What was read and needs work, in the order in which it came."""
        return [record.value for record in self.records]

    def turn(self, timeout_s: float = 0.02) -> None:
        """Poll once, and start what comes."""
        for record in self.source.poll(500, timeout_s):
            self.polled += 1
            if not record.tenure.closed and record.tenure.ledger.start(record.offset):
                self.records.append(record)

    def finish(self, *offsets: int) -> None:
        """Finish the records at *offsets* that were read."""
        for record in self.records:
            if record.offset in offsets:
                record.tenure.ledger.finish(record.offset)

    def finish_all(self) -> None:
        """Finish what is in flight."""
        for ledger in self.ledgers.values():
            for offset in tuple(ledger._in_flight):
                ledger.finish(offset)

    def checkpoints(self) -> dict[Tenure, Checkpoint]:
        """Return what may be committed now."""
        found = {tenure: tenure.ledger.checkpoint() for tenure in self.tenures.values()}
        return {tenure: it for tenure, it in found.items() if it is not None}

    def pause(self, *partitions: Partition) -> None:
        """Read no more of *partitions*."""
        self.source.pause([self.tenures[it] for it in partitions], Pause.EVERYTHING)

    def resume(self, *partitions: Partition) -> None:
        """Read *partitions* again."""
        self.source.resume([self.tenures[it] for it in partitions], Pause.EVERYTHING)

    def commit_now(self) -> None:
        """Commit everything that is finished, and wait."""
        self.source.commit_now(self.checkpoints())

    def commits(self, checkpoints: Mapping[Tenure, Checkpoint]) -> bool:
        """Commit *checkpoints* and wait; tell whether the broker took it: not in a rebalance."""
        self.source.commit_now(checkpoints)
        return self.answers[-1:] == [None]

    def kill(self) -> None:
        """Leave without a commit."""
        self.on_revoke = lambda _tenures: None
        self.source.close()

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Hear that the partitions of *tenures* are its own."""
        self._hear("assigned", tenures)
        self.tenures |= {tenure.partition: tenure for tenure in tenures}
        self.on_assign(tenures)

    def revoked(self, tenures: Collection[Tenure]) -> None:
        """Hear that *tenures* end."""
        self._hear("revoked", tenures)
        self.on_revoke(tenures)
        self._drop(tenures)

    def lost(self, tenures: Collection[Tenure]) -> None:
        """Hear that *tenures* are over."""
        self._hear("lost", tenures)
        self._drop(tenures)

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Hear what became of a commit."""
        self.answers.append(error)
        if error is None:
            for tenure, checkpoint in committed.items():
                tenure.committed = checkpoint

    def _hear(self, what: str, tenures: Iterable[Tenure]) -> None:
        self.said.append(Said(what, tuple(sorted(it.partition.number for it in tenures))))

    def _drop(self, tenures: Collection[Tenure]) -> None:
        for tenure in tenures:
            tenure.end()
            del self.tenures[tenure.partition]


def produce(broker: Broker, topic: str, values: Iterable[bytes | None]) -> None:
    """Write records with *values*, each its own key, and wait for the broker's word."""
    producer = TopicProducer(settings_for(broker, topic).kafka, topic)
    for value in values:
        producer.put(Outgoing(value, value))
    producer.close()


def fill(broker: Broker, topic: str, partitions: int, *values: bytes) -> None:
    """Write *values* to each partition."""
    producer = TopicProducer(settings_for(broker, topic).kafka, topic)
    for number, value in product(range(partitions), values):
        producer.put(Outgoing(None, value), number)
    producer.close()


def until(done: Callable[[], bool], *members: Member, limit_s: float = LIMIT_S) -> None:
    """Let *members* work in turn until *done*, else fail."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + limit_s
    while not done():
        assert clock.monotonic_s() < deadline_s, f"not done in time: {members}"
        for member in members:
            member.turn()


def turns(seconds: float, *members: Member) -> None:
    """Let *members* work in turn for *seconds*: for what should not happen."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + seconds
    while clock.monotonic_s() < end_s:
        for member in members:
            member.turn()
