"""What the program relies on, seen on a real Apache Kafka; and the helper that starts one."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.core.timing import SystemClock
from tests.kafka_real.artifacts import KafkaUnavailableError, class_path, expected_here
from tests.kafka_real.cluster import Kafka, RealKafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from confluent_kafka.admin._metadata import PartitionMetadata

pytest_plugins = ["tests.kafka_real.fixtures"]

# The limit is the test's: the first start of the broker may have to fetch it.
pytestmark = [pytest.mark.real, pytest.mark.timeout(60, func_only=True)]

LIMIT_S = 20.0


class Member:
    """A consumer of one topic that notes what it is given, what is taken and what it reads."""

    def __init__(self, kafka: Kafka, topic: str, settings: dict[str, str]) -> None:
        self._topic = topic
        self.taken: list[int] = []
        self.read: list[bytes] = []
        self.on_revoke: Callable[[], None] = lambda: None
        base = {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": topic,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": "false",
            "log_level": "0",
        }
        self.consumer = Consumer(base | settings)
        self.consumer.subscribe([topic], on_revoke=self._revoked)

    @property
    def owned(self) -> set[int]:
        """The partitions that are its own now."""
        return {it.partition for it in self.consumer.assignment()}

    def turn(self) -> None:
        """Read what is there."""
        for message in self.consumer.consume(1000, 0.05):
            assert message.error() is None
            value = message.value()
            assert isinstance(value, bytes)
            self.read.append(value)

    def commit(self, offset: int, metadata: str) -> None:
        """Commit *offset* of partition 0; raise if the broker refuses."""
        position = TopicPartition(self._topic, 0, offset, metadata)
        [done] = self.consumer.commit(offsets=[position], asynchronous=False) or []
        if done.error is not None:
            raise KafkaException(done.error)

    def committed(self) -> tuple[int, str | None]:
        """Return the offset and the metadata that the group committed for partition 0."""
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + LIMIT_S
        while True:
            try:
                [found] = self.consumer.committed([TopicPartition(self._topic, 0)], timeout=LIMIT_S)
            except KafkaException as error:
                # A coordinator that has just come back says so until it has loaded its log.
                loading = error.args[0].code() in {
                    KafkaError.NOT_COORDINATOR,
                    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
                }
                if not loading or clock.monotonic_s() > deadline_s:
                    raise
                Event().wait(0.1)
            else:
                return found.offset, found.metadata

    def _revoked(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self.taken.extend(it.partition for it in partitions)
        self.on_revoke()


@contextmanager
def group(kafka: Kafka, topic: str, *settings: dict[str, str]) -> Iterator[list[Member]]:
    """Give one member for each of *settings*, and close them at the end."""
    members = [Member(kafka, topic, its) for its in settings]
    try:
        yield members
    finally:
        for member in members:
            member.consumer.close()


def turn_until(done: Callable[[], bool], *members: Member) -> None:
    """Let *members* work in turn until *done*, else fail."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + LIMIT_S
    while not done():
        assert clock.monotonic_s() < deadline_s, "not done in time"
        for member in members:
            member.turn()


def produce(
    kafka: Kafka,
    topic: str,
    values: Sequence[bytes],
    partition: int = 0,
    settings: dict[str, str] | None = None,
) -> None:
    """Produce *values* and wait until the broker has acknowledged each."""
    failures: list[object] = []
    base = {"bootstrap.servers": kafka.bootstrap, "acks": "all", "log_level": "0"}
    producer = Producer(base | (settings or {}))
    for value in values:
        producer.produce(
            topic,
            value,
            partition=partition,
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
    assert producer.flush(LIMIT_S) == 0
    assert failures == []


def partitions_of(kafka: Kafka, topic: str) -> list[PartitionMetadata]:
    """Ask where the partitions of *topic* are."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    return list(admin.list_topics(topic, timeout=LIMIT_S).topics[topic].partitions.values())


def run(verb: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    command = [sys.executable, "-m", "tests.kafka_real", verb, "--folder", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def topic() -> str:
    """Give a name that no other test uses, for a topic and its group."""
    return f"test-{secrets.token_hex(4)}"


def test_a_commit_is_read_back_with_its_metadata(real_kafka: Kafka, topic: str) -> None:
    """A later owner reads the offset and the 4,000 bytes of metadata that were committed."""
    real_kafka.create_topic(topic, partitions=1)
    produce(real_kafka, topic, [b"a", b"b", b"c"])
    metadata = "1:" + "x" * 3998
    with group(real_kafka, topic, {}) as [first]:
        turn_until(lambda: len(first.read) == 3, first)
        first.commit(2, metadata)

    with group(real_kafka, topic, {}) as [second]:
        turn_until(lambda: len(second.read) == 1, second)
        found = second.committed()

    assert found == (2, metadata)
    assert first.read == [b"a", b"b", b"c"]
    assert second.read == [b"c"]


def test_a_commit_inside_an_eager_revoke_succeeds(real_kafka: Kafka, topic: str) -> None:
    """While the group waits for its members to join again, an owner may still commit."""
    real_kafka.create_topic(topic, partitions=2)
    eager = {"partition.assignment.strategy": "range", "heartbeat.interval.ms": "200"}
    with group(real_kafka, topic, eager) as [first]:
        turn_until(lambda: first.owned == {0, 1}, first)
        first.on_revoke = lambda: first.commit(7, "revoked")
        with group(real_kafka, topic, eager) as [second]:
            turn_until(lambda: len(first.owned) == len(second.owned) == 1, first, second)
            taken = list(first.taken)
            found = second.committed()
        first.on_revoke = lambda: None

    assert taken == [0, 1]
    assert found == (7, "revoked")


def test_a_static_member_that_returns_in_time_moves_no_partition(
    real_kafka: Kafka, topic: str
) -> None:
    """A restart within `session.timeout.ms` under the same instance id is no rebalance."""
    real_kafka.create_topic(topic, partitions=4)
    one, two = ({"group.instance.id": name, "session.timeout.ms": "10000"} for name in "ab")
    with group(real_kafka, topic, one, two) as [first, second]:
        turn_until(lambda: len(first.owned) == len(second.owned) == 2, first, second)
        owned, others = first.owned, second.owned
        second.taken.clear()
        first.consumer.close()
        with group(real_kafka, topic, one) as [returned]:
            turn_until(lambda: returned.owned != set(), returned, second)
            owned_again, others_after = returned.owned, second.owned
            moved = list(second.taken)

    assert owned | others == {0, 1, 2, 3}
    assert owned_again == owned
    assert others_after == others
    assert moved == []


def test_two_members_share_the_partitions_by_the_consumer_protocol(
    real_kafka: Kafka, topic: str
) -> None:
    """KIP-848, `group.protocol=consumer`, is on by default and splits the topic."""
    real_kafka.create_topic(topic, partitions=4)
    settings = {"group.protocol": "consumer"}
    with group(real_kafka, topic, settings, settings) as [first, second]:
        turn_until(lambda: len(first.owned) == len(second.owned) == 2, first, second)
        owned = [first.owned, second.owned]
        for partition in range(4):
            produce(real_kafka, topic, [b"%d" % partition], partition)
        turn_until(lambda: len(first.read) == len(second.read) == 2, first, second)
        admin = AdminClient({"bootstrap.servers": real_kafka.bootstrap, "log_level": 0})
        kind = admin.describe_consumer_groups([topic])[topic].result().type.name

    assert kind == "CONSUMER"
    assert owned[0] | owned[1] == {0, 1, 2, 3}
    assert [{int(value) for value in member.read} for member in (first, second)] == owned


def test_records_and_offsets_outlive_a_killed_broker(own_kafka: RealKafka, topic: str) -> None:
    """After `kill -9` and a start, every acknowledged record and commit is there."""
    own_kafka.create_topic(topic, partitions=1)
    values = [b"%d" % number for number in range(1000)]
    produce(own_kafka, topic, values)
    with group(own_kafka, topic, {}) as [member]:
        turn_until(lambda: len(member.read) == 1000, member)
        member.commit(600, "metadata")
        killed = own_kafka.pids

        own_kafka.kill()
        own_kafka.start()

        produce(own_kafka, topic, [b"after"])
        turn_until(lambda: b"after" in member.read, member)
        found = member.committed()
    with group(own_kafka, topic, {}) as [successor]:
        turn_until(lambda: b"after" in successor.read, successor)

    assert own_kafka.pids != killed
    assert found == (600, "metadata")
    assert member.read == [*values, b"after"]
    assert successor.read == [*values[600:], b"after"]


@pytest.mark.usefixtures("own_kafka")  # skips where no broker of ours can be started
def test_three_brokers_are_a_quorum_that_bears_the_loss_of_one(topic: str, tmp_path: Path) -> None:
    """With one of three killed the others still elect, create, store and serve."""
    with RealKafka(brokers=3, folder=tmp_path) as kafka:
        kafka.create_topic(topic, partitions=3, config={"min.insync.replicas": "2"})
        copies = [len(it.replicas) for it in partitions_of(kafka, topic)]
        produce(kafka, topic, [b"by three"])

        kafka.kill(1)
        kafka.create_topic(f"{topic}-created-by-two", partitions=3)
        produce(kafka, topic, [b"by two"])
        kafka.start(1)
        kafka.stop(2)
        produce(kafka, topic, [b"by two others"])

        with group(kafka, topic, {}) as [member]:
            turn_until(lambda: len(member.read) == 3, member)
        leaders = {it.leader for it in partitions_of(kafka, topic)}

    assert copies == [3, 3, 3]
    assert member.read == [b"by three", b"by two", b"by two others"]
    assert leaders <= {1, 3}


@pytest.mark.usefixtures("own_kafka")
def test_properties_can_ask_the_clients_for_a_password(topic: str, tmp_path: Path) -> None:
    """`properties` win: SASL on the clients' listener leaves the brokers' own talk alone."""
    jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required user_jane='secret';"
    properties = {
        "listener.security.protocol.map": (
            "CLIENT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "listener.name.client.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": jaas,
    }
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    with RealKafka(properties=properties, folder=tmp_path) as kafka:
        kafka.create_topic(topic, partitions=1)
        jane = login | {"sasl.username": "jane", "sasl.password": "secret"}
        produce(kafka, topic, [b"a"], settings=jane)
        stranger = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        with pytest.raises(KafkaException):
            stranger.list_topics(timeout=1)


@pytest.mark.usefixtures("own_kafka")
def test_the_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A test run that is killed leaves no broker behind."""
    script = (
        "import sys, pathlib\n"
        "from tests.kafka_real.cluster import RealKafka\n"
        "with RealKafka(folder=pathlib.Path(sys.argv[1])) as kafka:\n"
        "    print(kafka.pids[1], flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        broker = os.pidfd_open(int(owner.stdout.readline()))
        owner.kill()
        ended, _, _ = select.select([broker], [], [], LIMIT_S)
        os.close(broker)

    assert ended == [broker]


@pytest.mark.usefixtures("own_kafka")
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error has the end of the broker's log and where it is."""
    with (
        pytest.raises(RuntimeError, match=r"(?s)broker 1 could not format.*broker-1.log.*num.io"),
        RealKafka(properties={"num.io.threads": "none"}, folder=tmp_path),
    ):
        pass


@pytest.mark.usefixtures("own_kafka")
def test_the_command_keeps_a_broker_until_it_is_told_to_end_it(tmp_path: Path) -> None:
    """`up` twice is one broker, `status` finds it, `down` leaves neither process nor data."""
    folder = tmp_path / "up"

    first, again, found = (run(verb, folder) for verb in ("up", "up", "status"))
    produce(Kafka(first.stdout.strip()), "any", [b"a"])
    ended = run("down", folder)
    missed = run("status", folder)

    assert (first.returncode, again.returncode, found.returncode) == (0, 0, 0)
    assert first.stdout == again.stdout == found.stdout
    assert ended.returncode == 0
    assert not folder.exists()
    assert missed.returncode == 1


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Maven there is no Kafka, and the one line says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailableError, match=r"^a real Kafka needs the program 'mvn'"):
        class_path(tmp_path / "cache")


def test_mavens_reason_is_passed_on_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A jar that cannot be had makes Kafka unavailable, and the next call tries again."""
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no such jar'\necho '[ERROR] more'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailableError, match=r"fetch the jars: \[ERROR\] no such jar$"):
        class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("ci", "programs", "expected"),
    [
        ("true", ["java", "mvn"], True),
        ("true", ["java"], False),
        ("true", [], False),
        ("", ["java", "mvn"], False),
    ],
)
def test_a_skip_is_a_failure_only_in_ci_with_java_and_maven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, programs: list[str], *, expected: bool
) -> None:
    """Elsewhere a person may well lack them."""
    for name in programs:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    assert expected_here() is expected
