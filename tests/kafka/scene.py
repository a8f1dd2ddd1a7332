"""A topic of known events, a Seg that fails now and then, and what must be true of the end."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from consumer.avro.encoder import Encoder
from consumer.core.checkpoint import decode
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.read import read_topic
from consumer.sandbox import Fault, Options, Sandbox, Trouble, read_journal
from tests.kafka.brokers import committed
from tests.kafka.member import WEBSITE_ID, environment, settings_for
from tests.kafka.program import Program, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Headers, Object
    from tests.kafka.brokers import Broker

USERS = 30
PARTITIONS = 6
MAX_IN_FLIGHT = 16
REQUESTS_PER_SECOND = 500
LINES_IN_FAILURES = 30

FLAKY = (
    Fault(status=500, share=0.07),
    Fault(trouble=Trouble.RESET, share=0.08),
    Fault(status=429, retry_after=1, share=0.02),
    Fault(trouble=Trouble.HALF_CLOSE, share=0.03, accepted=True),
)
"""One call in five fails; none of those was taken, but for those whose answer is cut short."""

_encode = Encoder()


class Written(NamedTuple):
    """One record of the topic and what should become of it."""

    kind: str
    """`call`, `unmapped`, `poison` or `tombstone`."""
    user: str
    message_id: str


class Scene:
    """One topic with its dead-letter topic, one Seg, and the consumers of a test."""

    def __init__(self, broker: Broker, topic: str, folder: Path, sandbox: Sandbox) -> None:
        self.broker = broker
        self.topic = topic
        self.sandbox = sandbox
        self.journal = folder / "journal.jsonl"
        self.folder = folder
        self.written: dict[tuple[int, int], Written] = {}
        """By partition and offset."""
        self.programs: list[Program] = []
        broker.create_topic(topic, PARTITIONS)
        broker.create_topic(f"{topic}.dead-letter", 1)

    def write(self, rounds: int) -> None:
        """Write so many events of each user, and one record of each other kind a round."""
        facts = []
        for number in range(rounds):
            facts += [Written("call", f"u-{user}", f"{user}-{number}") for user in range(USERS)]
            for kind in ("unmapped", "poison", "tombstone"):
                facts.append(Written(kind, f"u-{number % USERS}", f"{kind}-{number}"))
        self.write_these(*facts)

    def write_these(self, *facts: Written) -> None:
        """Write a record of each of *facts*."""
        kafka = settings_for(self.broker, self.topic).kafka
        producer = TopicProducer(kafka, self.topic)
        for fact in facts:
            producer.put(record_of(fact))
        producer.close()
        self.look()

    def look(self) -> None:
        """Take what is in the topic now for what was written."""
        kafka = settings_for(self.broker, self.topic).kafka
        self.written = {
            (record.partition.number, record.offset): _written(record.headers)
            for record in read_topic(kafka, self.topic)
        }

    def start(self, **variables: str) -> Program:
        """Start a consumer."""
        return self.start_with(None, **variables)

    def start_with(self, bomb: tuple[str, int] | None, **variables: str) -> Program:
        """Start a consumer that dies at the stage and number of *bomb*."""
        own = {
            "SEG_DELIVERY__ENDPOINT": self.sandbox.url,
            "SEG_DELIVERY__MAX_IN_FLIGHT": str(MAX_IN_FLIGHT),
            "SEG_DELIVERY__MAX_REQUESTS_PER_SECOND": str(REQUESTS_PER_SECOND),
            "SEG_DELIVERY__RETRY_BASE_S": "0.02",
            "SEG_DELIVERY__RETRY_MAX_S": "0.1",
            "SEG_KAFKA__POLL_MAX_RECORDS": "50",
            "SEG_ORDERING__MAX_WAITING": "200",
            "SEG_KAFKA__DRAIN_TIMEOUT_S": "2",
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
            "SEG_LOG__FORMAT": "json",
        }
        log = self.folder / f"program-{len(self.programs)}.log"
        program = Program(environment(self.broker, self.topic, **own | variables), log, bomb)
        self.programs.append(program)
        return program

    def wait_for_members(self) -> None:
        """Return when every consumer that was started owns a partition."""
        with self._logs_in_failures():
            for program in self.programs:
                eventually(
                    lambda: any(it["partitions"] for it in program.lines("partitions_assigned"))  # noqa: B023 - used at once
                )

    @property
    def calls(self) -> int:
        """How many calls Seg should get."""
        return sum(it.kind == "call" for it in self.written.values())

    @property
    def accepted(self) -> int:
        """How many calls Seg has taken."""
        return self.sandbox.summary()["accepted"]

    @property
    def doubles(self) -> int:
        """How many calls Seg was sent again although it had taken them."""
        return self.sandbox.summary()["doubles"]

    def committed(self) -> dict[int, int]:
        """Return the group's offsets."""
        return committed(self.broker, f"group-of-{self.topic}", self.topic, PARTITIONS)

    def all_committed(self) -> bool:
        """Tell whether the group is at the end of every partition."""
        last = dict(sorted(self.written))  # by partition
        return self.committed() == {partition: offset + 1 for partition, offset in last.items()}

    def checkpoints(self) -> dict[int, Checkpoint]:
        """Return what the group's commits say, metadata included."""
        group = f"group-of-{self.topic}"
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": group})
        places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
        found = consumer.committed(places, timeout=10)
        consumer.close()
        return {it.partition: decode(it.offset, it.metadata) for it in found if it.offset >= 0}

    def unfinished_but_committed(self) -> list[Written]:
        """Return the records that the group calls finished and that went nowhere."""
        checkpoints = self.checkpoints()  # first: others go on while we look
        taken = {line.message_id or "" for line in read_journal(self.journal)}
        kafka = settings_for(self.broker, self.topic).kafka
        letters = read_topic(kafka, f"{self.topic}.dead-letter")
        buried = {_written(record.headers).message_id for record in letters}
        homes = {"call": taken, "poison": buried}
        return [
            record
            for (partition, offset), record in self.written.items()
            if record.kind in homes and record.message_id not in homes[record.kind]
            if _says_finished(checkpoints.get(partition), offset)
        ]

    def check_end(self) -> None:
        """Check that every record ended as it should, in order, and that all is committed."""
        with self._logs_in_failures():
            eventually(lambda: self.accepted >= self.calls and self.all_committed(), 30)
        lines = list(read_journal(self.journal))
        expected = {it.message_id for it in self.written.values() if it.kind == "call"}

        assert {line.message_id for line in lines} == expected
        assert len(lines) == len(expected)
        assert self.unfinished_but_committed() == []
        for user in range(USERS):
            order = [_number(line.message_id) for line in lines if line.user == f"u-{user}"]
            late = [(a, b) for a, b in pairwise(order) if a > b]
            assert not late, f"u-{user}: a call came before one that was written earlier: {late}"
        assert self.sandbox.summary()["doubles_by"].keys() <= {"idempotency_key"}

    @contextmanager
    def _logs_in_failures(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            for program in self.programs:
                lines = program.log.read_text().splitlines()[-LINES_IN_FAILURES:]
                error.add_note("\n".join((f"The end of {program.log.name}:", *lines)))
            raise

    def close(self) -> None:
        """End what still runs."""
        for program in self.programs:
            program.kill()


def options(folder: Path, faults: tuple[Fault, ...] = FLAKY) -> Options:
    """Return what a scene's Seg is set up with."""
    return Options(website_id=WEBSITE_ID, faults=faults, journal=folder / "journal.jsonl")


def _says_finished(checkpoint: Checkpoint | None, offset: int) -> bool:
    if checkpoint is None or offset >= checkpoint.horizon:
        return False
    return offset < checkpoint.position or offset not in checkpoint.unfinished


def _call(event: str, user: str, message_id: str) -> Object:
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": message_id,
        "properties": {"id": "507f", "name": "Monopoly", "price": 18.99},
    }


def record_of(fact: Written) -> Outgoing:
    """Return the record of *fact*; its headers tell it again."""
    kind, user, message_id = fact
    event = "Product Viewed" if kind == "call" else "Nobody's Event"
    value = _encode(_call(event, user, message_id))
    values = {"poison": value[:-3], "tombstone": None}
    headers: Headers = [(name, text.encode()) for name, text in fact._asdict().items()]
    return Outgoing(user.encode(), values.get(kind, value), headers)


def _written(headers: Headers | None) -> Written:
    facts = {name: (value or b"").decode() for name, value in headers or []}
    return Written(*(facts[name] for name in Written._fields))


def _number(message_id: str | None) -> int:
    return int((message_id or "").rpartition("-")[2])
