"""Topics of every kind: with few and many partitions, compressed, compacted, with deleted ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.read import read_topic
from consumer.sandbox import Sandbox
from tests.kafka.brokers import commit, committed
from tests.kafka.member import CONSUMER, COOPERATIVE, fill, produce, settings_for, turns, until
from tests.kafka.program import conserved, eventually, pause, total
from tests.kafka.scene import PARTITIONS, Scene, Written, options, record_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kafka.brokers import Broker, Real
    from tests.kafka.member import Member

    Join = Callable[..., Member]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60, func_only=True)]


KINDS = ("none", "gzip", "snappy", "lz4", "zstd")
"""Of compression."""


@pytest.mark.parametrize(
    ("partitions", "protocol"),
    [(1, COOPERATIVE), (12, COOPERATIVE), (200, COOPERATIVE), (200, CONSUMER)],
    ids=["1", "12", "200", "200-kip848"],
)
def test_a_topic_of_any_width_is_shared_and_goes_on_where_it_was_left(
    broker: Broker, topic: str, join: Join, partitions: int, protocol: dict[str, str]
) -> None:
    """Two members go on at exactly what one left unfinished; what is new is read by its owner."""
    broker.create_topic(topic, partitions)
    fill(broker, topic, partitions, b"0", b"1", b"2")
    first = join(broker, topic, **protocol)
    until(lambda: len(first.records) == 3 * partitions, first)
    first.finish(0, 2)
    first.commit_now()
    first.kill()

    pair = [join(broker, topic, **protocol) for _ in range(2)]
    shares = [partitions // 2, partitions - partitions // 2]
    until(lambda: sorted(len(it.owned) for it in pair) == shares, *pair)
    until(lambda: len({it.partition for m in pair for it in m.records}) == partitions, *pair)
    left = {it.value for m in pair for it in m.records}
    fill(broker, topic, partitions, b"3")
    until(lambda: sum(m.values.count(b"3") for m in pair) >= partitions, *pair)
    turns(0.2, *pair)
    new = [sorted(it.partition.number for it in m.records if it.value == b"3") for m in pair]

    assert left == {b"1"}
    assert committed(broker, f"group-of-{topic}", topic, partitions) == dict.fromkeys(
        range(partitions), 1
    )
    assert new == [sorted(it.owned) for it in pair]
    assert sorted(new[0] + new[1]) == list(range(partitions))


def test_compression_is_undone(broker: Broker, topic: str, join: Join) -> None:
    """Of every kind, and the kinds may change within a partition."""
    broker.create_topic(topic, 1)
    written = []
    for kind in KINDS:
        passed = orjson.dumps(broker.config | {"compression.type": kind}).decode()
        kafka = settings_for(broker, topic, SEG_KAFKA__CONFIG=passed).kafka
        producer = TopicProducer(kafka, topic)
        for number in range(20):
            written.append(f"{kind}-{number}-".encode() + b"much of the same " * 200)
            producer.put(Outgoing(None, written[-1]))
        producer.close()

    member = join(broker, topic)
    until(lambda: len(member.records) == len(written), member)
    member.finish_all()
    member.commit_now()

    assert member.values == written
    assert committed(broker, f"group-of-{topic}", topic, 1) == {0: len(written)}


@pytest.mark.real
class TestCompacted:
    """A topic of which the broker keeps the last record of each key: the offsets have gaps."""

    def test_gaps_are_passed_over(self, strict: Real, topic: str, join: Join) -> None:
        """What lies between two records is nobody's work, for this owner and for the next."""
        strict.create_topic(topic, 1)
        producer = TopicProducer(settings_for(strict, topic).kafka, topic)
        for offset, key in enumerate((b"a", b"x", b"b", b"x", b"c", b"x", b"d")):
            producer.put(Outgoing(key, None if key == b"b" else b"%d" % offset))
        producer.close()
        compact(strict, topic, 1, Outgoing(b"newest", b"7"))
        first = join(strict, topic)
        until(lambda: len(first.records) == 6, first)
        first.finish(0, 4, 6)
        at_once = first.checkpoints()
        first.commit_now()
        first.kill()

        second = join(strict, topic)
        until(lambda: len(second.records) == 3, second)
        turns(0.2, second)
        second.finish_all()
        second.commit_now()

        assert first.values == [b"0", None, b"4", b"5", b"6", b"7"]
        assert list(at_once.values()) == [Checkpoint(2, 8, (2, 5, 7))]
        assert [it.offset for it in second.records] == [2, 5, 7]
        assert committed(strict, f"group-of-{topic}", topic, 1) == {0: 8}

    def test_nothing_is_held_up(self, strict: Real, topic: str, tmp_path: Path) -> None:
        """The whole program comes to the end of every partition, and every record is counted."""
        with Sandbox.start(options(tmp_path, faults=())) as sandbox:
            scene = Scene(strict, topic, tmp_path, sandbox)
            scene.write(rounds=20)
            before = len(scene.written)
            compact(strict, topic, PARTITIONS, record_of(Written("unmapped", "newest", "newest-0")))
            scene.look()
            program = scene.start()
            try:
                scene.check_end()
                eventually(lambda: total(program.scrape(), "records_in_flight") == 0)
                eventually(lambda: total(program.scrape(), "lag_records") == 0)

                assert len(scene.written) < before / 4
                assert total(program.scrape(), "records_received_total") == len(scene.written)
                assert conserved(program.scrape())
                assert program.stop() == 0
            finally:
                scene.close()


def compact(broker: Real, topic: str, partitions: int, newest: Outgoing) -> None:
    """Let *broker* compact all that is in *topic*; *newest*, which is written, is not looked at."""
    for name, value in (
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0"),
    ):
        broker.configure(topic, name, value)
    pause(0.1)
    kafka = settings_for(broker, topic).kafka
    producer = TopicProducer(kafka, topic)
    for number in range(partitions):
        producer.put(newest, number)
    producer.close()

    def done() -> bool:
        keys = [(it.partition, it.key) for it in read_topic(kafka, topic)]
        return len(keys) == len(set(keys))

    eventually(done)


@pytest.mark.real
class TestRetention:
    """What the broker has deleted by itself before the group came to it."""

    @pytest.fixture
    def gone(self, strict: Real, topic: str) -> None:
        """Give a group that committed 5 of 20 records, all of which the broker then deletes."""
        strict.create_topic(topic, 1)
        produce(strict, topic, (b"%d" % number for number in range(20)))
        commit(strict, f"group-of-{topic}", topic, 0, 5)
        strict.configure(topic, "retention.ms", "1")
        kafka = settings_for(strict, topic).kafka
        eventually(lambda: not list(read_topic(kafka, topic)))
        strict.configure(topic, "retention.ms", "-1")

    @pytest.mark.usefixtures("gone")
    def test_is_said(self, strict: Real, topic: str, join: Join) -> None:
        """The program ends with a sentence, and the commit stays where it was."""
        member = join(strict, topic)

        with pytest.raises(StartError, match=rf"^{topic}/0: the offset to go on from is not in th"):
            until(lambda: False, member)

        assert committed(strict, f"group-of-{topic}", topic, 1) == {0: 5}

    @pytest.mark.usefixtures("gone")
    @pytest.mark.parametrize("choice", ["earliest", "latest"])
    def test_is_left_behind_where_the_operator_says_so(
        self, strict: Real, topic: str, join: Join, choice: str
    ) -> None:
        """An empty log begins where it ends; what comes next is read, and committed behind."""
        member = join(strict, topic, SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE=choice)
        until(lambda: any("went_on_at" in it.kwargs for it in member.log.calls), member)
        produce(strict, topic, [b"next"])
        until(lambda: len(member.records) == 1, member)
        member.finish_all()
        member.commit_now()

        assert member.values == [b"next"]
        assert committed(strict, f"group-of-{topic}", topic, 1) == {0: 21}
