"""Reading, committing and going on: one suite for the embedded broker and a real Kafka."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition, Pause
from consumer.core.ports import Extent
from consumer.kafka.positions import Positions
from consumer.kafka.produce import Outgoing, TopicProducer
from tests.kafka.brokers import commit, committed
from tests.kafka.member import PROTOCOLS, fill, produce, settings_for, turns, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka.brokers import Broker
    from tests.kafka.member import Member

    Join = Callable[..., Member]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = pytest.mark.timeout(60, func_only=True)


def numbers(first: int, last: int) -> list[bytes]:
    """Return the values from *first* to *last*, both included."""
    return [b"%d" % number for number in range(first, last + 1)]


class TestReading:
    """What comes out of a topic."""

    def test_a_record_comes_as_it_was_written(self, broker: Broker, topic: str, join: Join) -> None:
        """Key, value and headers are the same bytes, repeated names and null values included."""
        broker.create_topic(topic, 1)
        headers = [("a", b"\x00\xff"), ("a", None), ("b", b"")]
        producer = TopicProducer(settings_for(broker, topic).kafka, topic)
        producer.put(Outgoing(b"\xffkey", b"\x00value", headers))
        producer.put(Outgoing(None, None))
        producer.close()

        member = join(broker, topic)
        until(lambda: len(member.records) == 2, member)

        whole, tombstone = member.records
        assert (whole.partition, whole.offset) == (Partition(topic, 0), 0)
        assert (whole.key, whole.value, whole.headers) == (b"\xffkey", b"\x00value", headers)
        assert whole.timestamp_ms is not None
        assert (tombstone.key, tombstone.value) == (None, None)

    def test_each_partition_is_read_in_order(self, broker: Broker, topic: str, join: Join) -> None:
        """Every record comes once, and the offsets of a partition ascend without a gap."""
        partitions = 12
        broker.create_topic(topic, partitions)
        produce(broker, topic, numbers(1, 600))

        member = join(broker, topic)
        until(lambda: len(member.records) == 600, member)
        turns(0.2, member)

        assert sorted(numbers(1, 600)) == sorted(it for it in member.values if it is not None)
        assert member.owned == set(range(partitions))
        for number in range(partitions):
            offsets = [it.offset for it in member.records if it.partition.number == number]
            assert offsets == list(range(len(offsets)))

    def test_large_records_come_among_small_ones(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """However small a partition's part of an answer is, a larger record is not left out."""
        broker.create_topic(topic, 3)
        incompressible = Random(1).randbytes  # noqa: S311 - seeded
        producer = TopicProducer(settings_for(broker, topic).kafka, topic)
        for number in range(60):
            size = 900_000 if number % 20 == 0 else 200_000 if number % 5 == 0 else 100
            producer.put(Outgoing(b"%d" % (number % 6), b"%02d" % number + incompressible(size)))
        producer.close()

        member = join(broker, topic)
        until(lambda: len(member.records) == 60, member)

        came: dict[bytes | None, list[bytes]] = {}
        for record in member.records:
            came.setdefault(record.key, []).append((record.value or b"")[:2])
        assert came == {
            b"%d" % key: [b"%02d" % number for number in range(key, 60, 6)] for key in range(6)
        }

    def test_what_is_left_to_read(self, broker: Broker, topic: str, join: Join) -> None:
        """The position is the next record to read, the end where the next one will be written."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(1, 7))

        member = join(broker, topic)
        assert member.source.extents() == {}
        until(lambda: len(member.records) == 7, member)

        assert member.source.extents() == {Partition(topic, 0): Extent(7, 7)}

    @pytest.mark.parametrize("committed_at", [None, 3])
    def test_what_is_left_to_read_of_a_partition_that_was_never_read(
        self, broker: Broker, topic: str, join: Join, committed_at: int | None
    ) -> None:
        """Paused as soon as it came: the brokers are asked, and not waited for."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(1, 7))
        if committed_at is not None:
            commit(broker, f"group-of-{topic}", topic, 0, committed_at)
        member = join(broker, topic)
        partition = Partition(topic, 0)
        member.on_assign = lambda tenures: member.source.pause(tenures, Pause.EVERYTHING)

        expected = {partition: Extent(committed_at or 0, 7)}
        until(lambda: member.source.extents() == expected, member)

        assert member.polled == 0

    def test_the_end_moves_while_a_partition_is_paused(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """What is written meanwhile is lag."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(1, 7))
        member = join(broker, topic)
        until(lambda: len(member.records) == 7, member)
        partition = Partition(topic, 0)

        member.pause(partition)
        produce(broker, topic, numbers(8, 20))
        until(lambda: member.source.extents() == {partition: Extent(7, 20)}, member)

        member.resume(partition)
        until(lambda: member.source.extents() == {partition: Extent(20, 20)}, member)

    def test_a_record_of_a_partition_that_has_left_is_not_given_out(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """A poll takes twice, and partitions may go between: the next owner reads it again."""
        broker.create_topic(topic, 1)
        member = join(broker, topic)
        until(lambda: member.owned == {0}, member)
        member.source._ownership.tenures.clear()
        produce(broker, topic, numbers(1, 3))

        turns(0.5, member)

        assert member.records == []

    def test_a_paused_partition_gives_nothing_until_it_is_resumed(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """What was read ahead is thrown away and comes again, in order and once."""
        broker.create_topic(topic, 1)
        member = join(broker, topic)
        until(lambda: member.owned == {0}, member)
        produce(broker, topic, numbers(1, 600))
        until(lambda: len(member.records) >= 1, member)
        read = len(member.records)

        member.pause(Partition(topic, 0))
        turns(0.3, member)
        paused = len(member.records)
        member.resume(Partition(topic, 0))
        until(lambda: len(member.records) == 600, member)

        assert paused == read
        assert member.values == numbers(1, 600)


class TestGoingOn:
    """Where the next owner begins."""

    def test_it_goes_on_where_the_commit_ends_and_skips_what_is_finished(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """The position is the first unfinished; what the metadata calls finished needs no work."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        first = join(broker, topic)
        until(lambda: len(first.records) == 10, first)
        first.finish(0, 1, 2, 4, 5, 8)
        first.commit_now()
        first.kill()

        second = join(broker, topic)
        until(lambda: len(second.records) == 4, second)
        turns(0.2, second)

        assert first.answers == [None]
        assert committed(broker, f"group-of-{topic}", topic, 1) == {0: 3}
        assert [record.offset for record in second.records] == [3, 6, 7, 9]

    def test_an_asynchronous_commit_is_answered_in_a_later_poll(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """`commit` returns at once; the listener hears of it once the broker has it."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        member = join(broker, topic)
        until(lambda: len(member.records) == 10, member)
        member.finish_all()

        member.source.commit(member.checkpoints())
        at_once = list(member.answers)
        until(lambda: member.answers == [None], member)

        assert at_once == []
        assert committed(broker, f"group-of-{topic}", topic, 1) == {0: 10}

    def test_an_answer_to_a_commit_that_was_given_up_says_nothing(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """Who is answered late, after another commit went out, does not count for that one."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(1, 3))
        member = join(broker, topic)
        until(lambda: len(member.records) == 3, member)
        member.finish_all()
        member.source.commit(member.checkpoints())

        member.source._on_commit(None, [TopicPartition(topic, 0, 1)])

        assert member.answers == []
        until(lambda: member.answers == [None], member)
        member.source._on_commit(None, [TopicPartition(topic, 0, 3)])
        assert member.answers == [None]

    def test_who_waits_for_a_commit_hears_of_no_older_one(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """One that is still under way then is answered by what the newer one says."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        member = join(broker, topic)
        until(lambda: len(member.records) == 10, member)
        member.finish(0, 1, 2)
        member.source.commit(member.checkpoints())

        member.finish_all()
        member.commit_now()
        turns(0.3, member)

        assert member.answers == [None]
        assert committed(broker, f"group-of-{topic}", topic, 1) == {0: 10}

    def test_a_commit_that_cannot_even_be_sent_is_refused(
        self, broker: Broker, topic: str, join: Join, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The listener hears of it at once, for no answer will come."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        member = join(broker, topic)
        until(lambda: len(member.records) == 10, member)
        client = Mock()
        client.commit.side_effect = KafkaException(KafkaError(KafkaError._STATE))
        monkeypatch.setattr(member.source._commits, "_consumer", client)

        member.source.commit(member.checkpoints())

        assert member.answers == ["_STATE"]

    def test_a_stranger_s_metadata_is_ignored(self, broker: Broker, topic: str, join: Join) -> None:
        """An offset that was committed by hand counts; it says nothing of what lies above it."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        commit(broker, f"group-of-{topic}", topic, 0, 6)

        member = join(broker, topic)
        until(lambda: len(member.records) == 4, member)

        assert [record.offset for record in member.records] == [6, 7, 8, 9]
        assert [it.args or it.kwargs["event"] for it in member.log.calls] == [
            "commit_metadata_unreadable"
        ]

    def test_nothing_is_committed_that_the_program_did_not_commit(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """Reading, polling and leaving store no offset."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        member = join(broker, topic)
        until(lambda: len(member.records) == 10, member)
        member.finish_all()
        member.kill()

        assert committed(broker, f"group-of-{topic}", topic, 1) == {}


def test_an_offset_that_is_not_told_for_one_partition_is_not_an_absent_one() -> None:
    """To begin anew there would double or lose its records."""
    place = Mock(error=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    client, settings = Mock(), Mock(group_id="g")
    client.committed.return_value = [place]

    with pytest.raises(StartError, match=r"offsets of the group g .*: TOPIC_AUTHORIZATION_FAILED$"):
        Positions(client, Mock(), settings, Mock()).tenures([TopicPartition("events", 0)])


class TestNewGroup:
    """Where a group without an offset begins."""

    def test_earliest(self, broker: Broker, topic: str, join: Join) -> None:
        """At the oldest record."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 4))

        member = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="earliest")
        until(lambda: len(member.records) == 5, member)

        assert member.values == numbers(0, 4)

    def test_earliest_of_what_has_expired(self, broker: Broker, topic: str, join: Join) -> None:
        """Where nothing is left to read the end is committed: a scaler takes it for lag else."""
        broker.create_topic(topic, 2)
        fill(broker, topic, 1, *numbers(0, 9))
        broker.delete_records(topic, 0, 10)
        group = f"group-of-{topic}"
        member = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="earliest")

        until(lambda: committed(broker, group, topic, 2) == {0: 10, 1: 0}, member)

        fill(broker, topic, 1, *numbers(10, 14))
        until(lambda: len(member.records) == 5, member)
        assert member.values == numbers(10, 14)

    def test_latest(self, broker: Broker, topic: str, join: Join) -> None:
        """After the newest record; what comes later is read."""
        broker.create_topic(topic, 2)
        produce(broker, topic, numbers(0, 4))
        member = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: member.owned == {0, 1}, member)

        produce(broker, topic, numbers(5, 9))
        until(lambda: len(member.records) == 5, member)

        assert sorted(it for it in member.values if it is not None) == numbers(5, 9)

    def test_latest_is_pinned(self, broker: Broker, topic: str, join: Join) -> None:
        """A member that dies before its first record loses nothing that came after it joined."""
        broker.create_topic(topic, 2)
        produce(broker, topic, numbers(0, 4))
        first = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: first.owned == {0, 1}, first)
        first.kill()
        produce(broker, topic, numbers(5, 9))

        second = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: len(second.records) == 5, second)

        assert sorted(it for it in second.values if it is not None) == numbers(5, 9)

    def test_error(self, broker: Broker, topic: str, join: Join) -> None:
        """The operator is asked, with the partition, the group and the setting."""
        broker.create_topic(topic, 1)
        member = join(broker, topic, SEG_KAFKA__AUTO_OFFSET_RESET="error")

        with pytest.raises(StartError) as error:
            until(lambda: False, member)

        assert str(error.value) == (
            f"{topic}/0: the group group-of-{topic} has committed no offset. Set "
            "SEG_KAFKA__AUTO_OFFSET_RESET to earliest or latest to say where it starts, or "
            "commit an offset by hand."
        )


class TestOffsetOutOfRange:
    """What happens when retention deleted what was not read yet."""

    @pytest.fixture
    def gap(self, broker: Broker, topic: str) -> None:
        """Give a group that committed 20, and a log that begins at 50 and ends at 100."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 99))
        commit(broker, f"group-of-{topic}", topic, 0, 20)
        broker.delete_records(topic, 0, 50)

    @pytest.mark.usefixtures("gap")
    def test_error(self, broker: Broker, topic: str, join: Join) -> None:
        """By default the operator is told, and asked: there is no silent jump."""
        member = join(broker, topic)

        with pytest.raises(StartError, match=rf"^{topic}/0: the offset to go on from is not") as it:
            until(lambda: False, member)

        assert "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE to earliest or latest" in str(it.value)
        assert member.records == []

    @pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION])
    def test_a_log_that_was_cut_is_no_different(
        self, broker: Broker, topic: str, join: Join, code: int
    ) -> None:
        """A new leader that has less than the last one: librdkafka has a code of its own for it."""
        broker.create_topic(topic, 1)
        member = join(broker, topic)
        until(lambda: member.owned == {0}, member)
        message = Mock()
        message.topic.return_value, message.partition.return_value = topic, 0
        message.offset.return_value = 20

        with pytest.raises(StartError, match=rf"^{topic}/0: the offset to go on from is not in th"):
            member.source._on_error(KafkaError(code), message)

    @pytest.mark.usefixtures("gap")
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_earliest(self, broker: Broker, topic: str, join: Join, protocol: str) -> None:
        """Reading goes on at the oldest record that is left."""
        variables = PROTOCOLS[protocol] | {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "earliest"}
        member = join(broker, topic, **variables)

        until(lambda: len(member.records) == 50, member)

        assert member.values == numbers(50, 99)

    @pytest.mark.usefixtures("gap")
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_latest(self, broker: Broker, topic: str, join: Join, protocol: str) -> None:
        """Reading goes on with what comes next."""
        variables = PROTOCOLS[protocol] | {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "latest"}
        member = join(broker, topic, **variables)
        until(lambda: any("went_on_at" in it.kwargs for it in member.log.calls), member)

        produce(broker, topic, [b"next"])
        until(lambda: len(member.records) == 1, member)

        assert member.values == [b"next"]

    def test_a_log_that_begins_anew(self, broker: Broker, topic: str, join: Join) -> None:
        """A commit beyond the end is of an older log: the new one is read from its first record."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        commit(broker, f"group-of-{topic}", topic, 0, 500)
        member = join(broker, topic, SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE="earliest")

        until(lambda: len(member.records) == 10, member)
        member.finish_all()
        member.commit_now()

        assert member.values == numbers(0, 9)
        assert committed(broker, f"group-of-{topic}", topic, 1) == {0: 10}

    def test_what_is_in_flight_is_not_given_up(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """Records that were read before the log lost the ones behind them stay this member's."""
        broker.create_topic(topic, 1)
        produce(broker, topic, numbers(0, 9))
        member = join(broker, topic, SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE="earliest")
        until(lambda: len(member.records) == 10, member)
        member.pause(Partition(topic, 0))
        produce(broker, topic, numbers(10, 99))
        turns(0.3, member)
        broker.delete_records(topic, 0, 50)

        member.resume(Partition(topic, 0))
        until(lambda: len(member.records) == 60, member)
        member.finish(*range(1, 100))
        left = member.ledgers[Partition(topic, 0)].checkpoint()

        assert member.values == numbers(0, 9) + numbers(50, 99)
        assert left == Checkpoint(0, 100, (0,))

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_the_others_stay_where_and_as_they_are(
        self, broker: Broker, topic: str, join: Join, protocol: str
    ) -> None:
        """Nothing of theirs is fetched again, and one that is paused stays paused."""
        broker.create_topic(topic, 3)
        fill(broker, topic, 3, b"0", b"1", b"2")
        variables = PROTOCOLS[protocol] | {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "earliest"}
        member = join(broker, topic, **variables)
        until(lambda: len(member.records) == 9, member)
        member.pause(Partition(topic, 0), Partition(topic, 2))
        fill(broker, topic, 3, b"3", b"4")
        until(lambda: len(member.records) == 11, member)
        turns(0.3, member)
        broker.delete_records(topic, 0, 4)
        polled = member.polled

        member.resume(Partition(topic, 0))
        until(lambda: len(member.records) == 12, member)
        turns(0.7, member)

        assert member.polled == polled + 1
        member.resume(Partition(topic, 2))
        until(lambda: len(member.records) == 14, member)

    def test_the_other_partitions_go_on(self, broker: Broker, topic: str, join: Join) -> None:
        """Nothing of theirs is read twice or left out, whatever protocol the group has."""
        broker.create_topic(topic, 3)
        produce(broker, topic, numbers(0, 299))
        gone = min(committed_ends(broker, topic, 3, join).values())
        broker.delete_records(topic, 0, gone)
        commit(broker, f"group-of-{topic}", topic, 0, 0)

        for protocol in PROTOCOLS.values():
            variables = protocol | {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "earliest"}
            member = join(broker, topic, **variables)
            until(lambda: len(member.records) == 300 - gone, member)  # noqa: B023 - used at once
            turns(0.3, member)

            assert len(set(member.values)) == len(member.records) == 300 - gone
            member.kill()


def committed_ends(broker: Broker, topic: str, partitions: int, join: Join) -> dict[int, int]:
    """Return how many records each partition has, by a group of its own."""
    member = join(broker, topic, SEG_KAFKA__GROUP_ID=f"ends-of-{topic}")
    until(lambda: len(member.records) == 300, member)
    numbers_read = [record.partition.number for record in member.records]
    member.kill()
    return {number: numbers_read.count(number) for number in range(partitions)}


class TestPattern:
    """Topics by pattern."""

    @pytest.mark.parametrize("pattern", ["^{0}", "^{0}-[ab]$|^nothing$"])
    @pytest.mark.parametrize("protocol", ["classic", "consumer"])
    def test_every_topic_that_matches_is_read_but_dead_letters(
        self, broker: Broker, topic: str, join: Join, protocol: str, pattern: str
    ) -> None:
        """Dead letters do not come back as events; a pattern means the same by each protocol."""
        names = [f"{topic}-a", f"{topic}-b", f"{topic}-a.dead-letter", f"other-{topic}"]
        for name in names:
            broker.create_topic(name, 1)
            produce(broker, name, [name.encode()])

        member = join(broker, pattern.format(topic), SEG_KAFKA__GROUP_PROTOCOL=protocol)
        until(lambda: len(member.records) >= 2, member)
        turns(0.5, member)

        assert {record.value for record in member.records} == {
            f"{topic}-a".encode(),
            f"{topic}-b".encode(),
        }

    @pytest.mark.parametrize("protocol", ["classic", "consumer"])
    def test_one_that_librdkafka_does_not_take_is_said_in_a_sentence(
        self, broker: Broker, topic: str, join: Join, protocol: str
    ) -> None:
        """Python would take it: the start has looked at it and found nothing wrong."""
        with pytest.raises(StartError, match=r"^SEG_KAFKA__TOPICS: librdkafka refuses it: a patte"):
            join(broker, f"^(?:{topic})", SEG_KAFKA__GROUP_PROTOCOL=protocol)
