"""A broker that fails: what is due stays due, and nothing is lost.

The codes and what librdkafka makes of each were measured on its mock cluster, which has a fault
for every kind of request.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import orjson
import pytest
from confluent_kafka import KafkaError

from consumer.core.errors import StartError
from consumer.core.model import Partition
from consumer.kafka import positions, records
from consumer.kafka import produce as produce_module
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.sandbox import Sandbox
from tests.kafka.brokers import Embedded, committed
from tests.kafka.member import PROTOCOLS, Said, fill, produce, settings_for, turns, until
from tests.kafka.program import conserved, eventually, pause, total
from tests.kafka.scene import Scene, Written, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka.member import Member

    Join = Callable[..., Member]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

REFUSED = [
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.OFFSET_METADATA_TOO_LARGE,
    KafkaError.UNKNOWN_MEMBER_ID,
]
"""The commit fails at once."""

RETRIED = [
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._TRANSPORT,
]
"""librdkafka tries again by itself."""

MOVING = [
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
]
"""The offsets are about to be somewhere else."""


def name(code: int) -> str:
    """Return the name of an error's code, for the test's id."""
    return KafkaError(code).name()


def reader(broker: Embedded, topic: str, join: Join, **variables: str) -> Member:
    """Return a member that has read and finished ten records of one partition."""
    broker.create_topic(topic, 1)
    produce(broker, topic, (b"%d" % number for number in range(10)))
    member = join(broker, topic, **variables)
    until(lambda: len(member.records) == 10, member)
    member.finish_all()
    return member


class TestCommit:
    """A commit that the broker does not take."""

    @pytest.mark.parametrize("wait", [False, True], ids=["later", "now"])
    @pytest.mark.parametrize("code", REFUSED, ids=name)
    def test_that_is_refused_is_due_again(
        self, faulty: Embedded, topic: str, join: Join, code: int, *, wait: bool
    ) -> None:
        """The listener hears the code; the same commit goes through once the broker can."""
        member = reader(faulty, topic, join)
        faulty.broker.call("push_errors", "OffsetCommit", code)
        commit = member.source.commit_now if wait else member.source.commit

        commit(member.checkpoints())
        until(lambda: bool(member.answers), member)
        refused = list(member.answers)

        def taken() -> bool:
            member.finish_all()  # a member that had to join again has read them again
            member.commit_now()
            return member.answers[-1] is None

        until(taken, member)

        assert refused == [name(code)]
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {0: 10}

    def test_that_can_be_tried_again_succeeds(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """Nobody hears of the failure."""
        member = reader(faulty, topic, join)
        for code in RETRIED:
            faulty.broker.call("push_errors", "OffsetCommit", code)
            member.commit_now()

        assert member.answers == [None] * len(RETRIED)
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {0: 10}

    def test_that_the_principal_may_not_send_is_told(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """The code names what is missing."""
        member = reader(faulty, topic, join)
        faulty.broker.call("push_errors", "OffsetCommit", KafkaError.GROUP_AUTHORIZATION_FAILED)

        member.commit_now()

        assert member.answers == ["GROUP_AUTHORIZATION_FAILED"]
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {}


class TestAssignment:
    """Partitions whose committed offsets the broker does not tell."""

    def test_an_offset_that_is_not_told_is_not_an_absent_one(
        self, faulty: Embedded, topic: str, join: Join, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The program ends with a sentence: to begin anew would double or lose records."""
        monkeypatch.setattr(positions, "ASK_TIMEOUT_S", 1.0)
        member = reader(faulty, topic, join)
        member.commit_now()
        member.kill()
        denied = [KafkaError.GROUP_AUTHORIZATION_FAILED] * 20
        faulty.broker.call("push_errors", "OffsetFetch", *denied)
        second = join(faulty, topic)

        with pytest.raises(StartError, match=r"^Kafka did not tell the committed offsets of the"):
            until(lambda: bool(second.records), second)

        assert second.records == []

    def test_a_beginning_that_cannot_be_pinned_is_said_in_a_sentence(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """Who begins at the end commits where that is; without it a crash would lose records."""
        faulty.broker.create_topic(topic, 1)
        faulty.broker.call("push_errors", "OffsetCommit", KafkaError.GROUP_AUTHORIZATION_FAILED)
        member = join(faulty, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")

        with pytest.raises(StartError, match=rf"^{topic}/0: the end, where the group begins, coul"):
            until(lambda: False, member)

    def test_a_member_that_has_to_join_again_pins_anew(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """Nobody has read anything yet, so the end may be a later one."""
        faulty.broker.create_topic(topic, 1)
        produce(faulty, topic, [b"old"] * 4)
        faulty.broker.call("push_errors", "OffsetCommit", KafkaError.ILLEGAL_GENERATION)
        member = join(faulty, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: committed(faulty, f"group-of-{topic}", topic, 1) == {0: 4}, member)
        produce(faulty, topic, [b"new"])
        until(lambda: bool(member.records), member)

        assert member.values == [b"new"]

    def test_a_beginning_is_pinned_before_anything_is_read(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """In the middle of a rebalance the group takes no commit: reading waits for it."""
        faulty.broker.create_topic(topic, 2)
        produce(faulty, topic, [b"old"] * 4)
        faulty.broker.call("push_errors", "OffsetCommit", *[KafkaError.REBALANCE_IN_PROGRESS] * 40)
        member = join(faulty, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: member.owned == {0, 1}, member)
        produce(faulty, topic, (b"%d" % number for number in range(20)))
        turns(0.2, member)
        too_early = list(member.records)
        faulty.broker.call("clear_errors", "OffsetCommit")
        until(lambda: len(member.records) == 20, member)

        assert too_early == []
        assert sum(committed(faulty, f"group-of-{topic}", topic, 2).values()) == 4

    def test_a_beginning_that_waits_is_not_read_though_reading_goes_on(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """The program resumes what it paused itself; once the beginning is pinned, that counts."""
        both = [Partition(topic, 0), Partition(topic, 1)]
        faulty.broker.create_topic(topic, 2)
        faulty.broker.call("push_errors", "OffsetCommit", *[KafkaError.REBALANCE_IN_PROGRESS] * 300)
        member = join(faulty, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: member.owned == {0, 1}, member)
        fill(faulty, topic, 2, b"0", b"1")
        member.pause(*both)
        member.resume(both[0])
        turns(1.5, member)  # librdkafka takes up to a second to read on
        too_early = list(member.records)
        faulty.broker.call("clear_errors", "OffsetCommit")
        until(lambda: len(member.records) == 2, member)
        turns(0.3, member)
        read = {it.partition for it in member.records}
        member.resume(both[1])
        until(lambda: len(member.records) == 4, member)

        assert too_early == []
        assert read == {both[0]}

    def test_a_beginning_that_was_pinned_meanwhile_is_read(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """A member that had to wait for it gives its partitions up and gets them back."""
        faulty.broker.create_topic(topic, 2)
        faulty.broker.call("push_errors", "OffsetCommit", *[KafkaError.REBALANCE_IN_PROGRESS] * 90)
        variables = PROTOCOLS["range"] | {"SEG_KAFKA__AUTO_OFFSET_RESET": "latest"}
        member = join(faulty, topic, **variables)
        until(lambda: member.owned == {0, 1}, member)
        member.on_revoke = lambda _partitions: faulty.broker.call("clear_errors", "OffsetCommit")
        other = join(faulty, topic, **variables)
        until(lambda: len(member.owned) == len(other.owned) == 1, member, other)
        fill(faulty, topic, 2, b"0", b"1")

        until(lambda: len(member.records) == len(other.records) == 2, member, other)

    def test_a_leader_that_moves_is_waited_for(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """A group that begins at the end asks the leader where that is."""
        faulty.broker.create_topic(topic, 1)
        produce(faulty, topic, [b"old"] * 4)
        moved = [KafkaError.NOT_LEADER_FOR_PARTITION] * 6
        faulty.broker.call("push_errors", "ListOffsets", *moved)
        member = join(faulty, topic, SEG_KAFKA__AUTO_OFFSET_RESET="latest")
        until(lambda: committed(faulty, f"group-of-{topic}", topic, 1) == {0: 4}, member)

        assert member.values == []

    @pytest.mark.parametrize("code", MOVING, ids=name)
    def test_a_coordinator_that_moves_is_waited_for(
        self, faulty: Embedded, topic: str, join: Join, code: int
    ) -> None:
        """The member goes on where the commit ends, a little later."""
        member = reader(faulty, topic, join)
        member.commit_now()
        member.kill()
        produce(faulty, topic, [b"next"])
        faulty.broker.call("push_errors", "OffsetFetch", *[code] * 4)

        second = join(faulty, topic)
        until(lambda: bool(second.records), second)

        assert second.values == [b"next"]


class TestMembership:
    """Whether the group has taken a member in: what readiness says of one without partitions."""

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_who_was_not_answered_is_no_member(
        self, faulty: Embedded, topic: str, join: Join, protocol: str
    ) -> None:
        """Whatever id it goes by; once the coordinator answers it is one, with work or without."""
        faulty.create_topic(topic, 1)
        first = join(faulty, topic, **PROTOCOLS[protocol])
        until(lambda: first.owned == {0}, first)
        join_request = "ConsumerGroupHeartbeat" if protocol == "consumer" else "JoinGroup"
        loading = [KafkaError.COORDINATOR_LOAD_IN_PROGRESS] * 200
        faulty.broker.call("push_errors", join_request, *loading)
        spare = join(faulty, topic, **PROTOCOLS[protocol])
        turns(0.5, spare)
        too_early = spare.source.is_member
        faulty.broker.call("clear_errors", join_request)
        until(lambda: spare.source.is_member, first, spare)

        # An eager rebalance takes the partition away before it gives it to one of them.
        until(lambda: [*first.owned, *spare.owned] == [0], first, spare)
        assert not too_early

    def test_a_form_that_is_not_known_leaves_the_member_s_id(
        self, faulty: Embedded, topic: str, join: Join, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A later librdkafka may write its metadata in another way: nobody waits for ever."""
        monkeypatch.setattr(records, "_GROUP_METADATA", b"CGMDv9:")
        faulty.create_topic(topic, 1)
        member = join(faulty, topic)
        before = member.source.is_member
        until(lambda: member.source.is_member, member)

        assert not before


class TestLoss:
    """A member that the group has thrown out: its partitions are others' by now."""

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_is_not_a_revoke_and_ends_the_ownership(
        self, faulty: Embedded, topic: str, join: Join, protocol: str
    ) -> None:
        """It is told as a loss, and no commit goes out for what was lost, in no way."""
        member = reader(faulty, topic, join, **PROTOCOLS[protocol])
        late = member.checkpoints()
        kip848 = protocol == "consumer"
        heartbeat = "ConsumerGroupHeartbeat" if kip848 else "Heartbeat"
        out = [KafkaError.UNKNOWN_MEMBER_ID]
        away = [KafkaError.COORDINATOR_LOAD_IN_PROGRESS] * 200
        if not kip848:
            faulty.broker.call("push_errors", "JoinGroup", *away)
        faulty.broker.call("push_errors", heartbeat, *out, *(away if kip848 else []))
        until(lambda: not member.ledgers, member)
        said = member.said[-1]
        member.source.commit(late)
        member.source.commit_now(late)
        turns(0.2, member)

        assert said == Said("lost", (0,))
        assert not member.source.is_member
        assert member.answers == []
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {}

    def test_befalls_who_does_not_poll_in_time(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """It is counted by its name; the member joins again and reads what was not committed."""
        config = orjson.dumps(faulty.config | {"session.timeout.ms": 1000}).decode()
        member = reader(
            faulty,
            topic,
            join,
            SEG_KAFKA__MAX_POLL_INTERVAL_S="1",
            SEG_KAFKA__DRAIN_TIMEOUT_S="0.5",
            SEG_KAFKA__CONFIG=config,
        )
        pause(3.0)  # librdkafka looks at it now and then
        until(lambda: len(member.records) == 20, member)

        assert [it.what for it in member.said] == ["assigned", "lost", "assigned"]
        assert member.tally.kafka_errors == {("_MAX_POLL_EXCEEDED",): 1}


class TestReading:
    """Records that cannot be fetched for a while."""

    def test_errors_of_fetches_are_no_concern_of_anybody_s(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """Every record comes, once and in order."""
        member = reader(faulty, topic, join)
        codes = [
            KafkaError._TRANSPORT,
            KafkaError.NOT_LEADER_FOR_PARTITION,
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._TRANSPORT,
        ]
        faulty.broker.call("push_errors", "Fetch", *codes)
        produce(faulty, topic, (b"%d" % number for number in range(10, 60)))
        until(lambda: len(member.records) == 60, member)

        assert member.values == [b"%d" % number for number in range(60)]

    def test_all_brokers_go_and_come_back(self, faulty: Embedded, topic: str, join: Join) -> None:
        """Errors are counted; the partitions, their records and the next commit are there again."""
        member = reader(faulty, topic, join)
        faulty.broker.call("set_down", -1)
        until(lambda: ("_ALL_BROKERS_DOWN",) in member.tally.kafka_errors, member)
        faulty.broker.call("set_up", -1)
        produce(faulty, topic, [b"next"])
        until(lambda: b"next" in member.values, member)
        member.finish_all()
        member.commit_now()

        assert member.values == [*(b"%d" % number for number in range(10)), b"next"]
        assert member.answers == [None]
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {0: 11}

    def test_leaders_and_the_coordinator_move(
        self, faulty: Embedded, topic: str, join: Join
    ) -> None:
        """From broker to broker: nothing is read twice, nothing is missed."""
        member = reader(faulty, topic, join)
        for broker in (1, 2, 3):
            faulty.broker.call("set_leader", topic, 0, broker)
            faulty.broker.call("set_coordinator", f"group-of-{topic}", broker)
            produce(faulty, topic, [b"%d" % (9 + broker)])
            until(lambda: len(member.records) == 10 + broker, member)  # noqa: B023 - used at once
            member.finish_all()
            member.commit_now()

        assert member.values == [b"%d" % number for number in range(13)]
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {0: 13}

    def test_a_slow_broker(self, faulty: Embedded, topic: str, join: Join) -> None:
        """An answer takes 100 ms: a poll still returns in time, and a commit waits for it."""
        member = reader(faulty, topic, join)
        faulty.broker.call("set_rtt", 100, -1)
        produce(faulty, topic, [b"next"])
        until(lambda: b"next" in member.values, member)
        member.finish_all()
        member.commit_now()

        assert member.answers == [None]
        assert committed(faulty, f"group-of-{topic}", topic, 1) == {0: 11}


@pytest.mark.parametrize("many", [1, 200])
def test_a_producer_that_cannot_go_on_says_so_in_a_sentence(
    faulty: Embedded, topic: str, many: int
) -> None:
    """Whether it hears of it between two records or when it waits for the last."""
    faulty.create_topic(topic, 1)
    denied = [KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 20
    faulty.broker.call("push_errors", "InitProducerId", *denied)
    producer = TopicProducer(settings_for(faulty, topic).kafka, topic)

    def write() -> None:
        for _ in range(many):
            producer.put(Outgoing(None, b"v"))
            pause(0.02 if many > 1 else 0.0)
        producer.close()

    with pytest.raises(StartError, match=rf"^{topic}: a record cannot be written: CLUSTER_AUTH"):
        write()


def test_a_producer_waits_where_its_queue_is_full(faulty: Embedded, topic: str) -> None:
    """All that was given to it is written, however little it can hold at once."""
    faulty.create_topic(topic, 1)
    passed = orjson.dumps(faulty.config | {"queue.buffering.max.messages": 10}).decode()
    producer = TopicProducer(settings_for(faulty, topic, SEG_KAFKA__CONFIG=passed).kafka, topic)
    for _ in range(200):
        producer.put(Outgoing(None, b"v"))
    producer.close()

    assert producer.acknowledged == 200


def test_a_producer_says_what_the_brokers_have_not_acknowledged(
    faulty: Embedded, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for ever for brokers that are away."""
    monkeypatch.setattr(produce_module, "ACKNOWLEDGED_WITHIN_S", 0.5)
    faulty.create_topic(topic, 1)
    producer = TopicProducer(settings_for(faulty, topic).kafka, topic)
    faulty.broker.call("set_down", -1)
    for _ in range(3):
        producer.put(Outgoing(None, b"v"))

    with pytest.raises(StartError, match=rf"^{topic}: 3 records were not acknowledged in time$"):
        producer.close()
    faulty.broker.call("set_up", -1)


@pytest.fixture(name="scene")
def _scene(faulty: Embedded, topic: str, tmp_path: Path) -> Iterator[Scene]:
    """Give a whole consumer's surroundings on a broker of their own."""
    with Sandbox.start(options(tmp_path, faults=())) as sandbox:
        scene = Scene(faulty, topic, tmp_path, sandbox)
        yield scene
        scene.close()


class TestProgram:
    """The whole consumer on a broker that fails."""

    def test_brokers_that_go_and_come_cost_nothing(self, scene: Scene, faulty: Embedded) -> None:
        """It does not end, it does not double, and it finishes what there is."""
        program = scene.start(SEG_DELIVERY__MAX_REQUESTS_PER_SECOND="200")
        scene.wait_for_members()
        scene.write(rounds=10)
        for _ in range(2):
            pause(0.3)
            faulty.broker.call("set_down", -1)
            pause(0.7)
            faulty.broker.call("set_up", -1)
        scene.check_end()

        assert scene.doubles == 0
        assert conserved(program.scrape())
        assert program.stop() == 0

    def test_refused_commits_lose_nothing(self, scene: Scene, faulty: Embedded) -> None:
        """Each is counted by its code and due again."""
        program = scene.start()
        scene.wait_for_members()
        codes = [KafkaError.OFFSET_METADATA_TOO_LARGE] * 3
        faulty.broker.call("push_errors", "OffsetCommit", *codes)
        scene.write(rounds=10)
        scene.check_end()
        eventually(lambda: total(program.scrape(), "commit_failures_total") == 3)

        assert scene.doubles == 0
        assert conserved(program.scrape())
        assert program.stop() == 0

    def test_letters_that_cannot_be_written_hold_their_offsets(
        self, scene: Scene, faulty: Embedded
    ) -> None:
        """Good events go on; nothing is committed past a letter before the broker has it."""
        program = scene.start()
        scene.wait_for_members()
        scene.write(rounds=5)
        scene.check_end()
        before = scene.committed()
        program.signal(signal.SIGSTOP)  # the fault is for it, not for who writes the record
        scene.write_these(Written("poison", "u-1", "poison-late"), Written("call", "u-1", "1-99"))
        denied = [KafkaError.INVALID_REQUIRED_ACKS] * 100
        faulty.broker.call("push_errors", "Produce", *denied)
        program.signal(signal.SIGCONT)
        eventually(lambda: total(program.scrape(), "dead_letter_write_failures_total") > 0)
        eventually(lambda: scene.accepted == scene.calls)
        pause(0.5)
        held = scene.unfinished_but_committed()
        pending = total(program.scrape(), "dead_letters_pending")
        moved = {it: offset for it, offset in scene.committed().items() if offset > before[it]}
        faulty.broker.call("clear_errors", "Produce")
        scene.check_end()

        assert held == []
        assert pending == 1
        assert moved == {}
        assert total(program.scrape(), "records_dead_lettered_total") == 6
        assert conserved(program.scrape())
        assert program.stop() == 0


def test_partitions_are_named_alike_everywhere(faulty: Embedded, topic: str, join: Join) -> None:
    """A partition out of a record is the one that the listener was given."""
    member = reader(faulty, topic, join)

    assert {record.partition for record in member.records} == set(member.ledgers)
    assert set(member.ledgers) == {Partition(topic, 0)}
