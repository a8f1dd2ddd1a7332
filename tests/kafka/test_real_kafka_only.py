"""What the embedded broker cannot show: static members, new partitions, transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewPartitions

from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition
from consumer.core.ports import Extent
from consumer.core.timing import SystemClock
from consumer.kafka import commits, topic_ids
from consumer.kafka.inspect import Cluster
from consumer.kafka.rights import strategy_problem
from tests.kafka.brokers import LIMIT_S, Real, committed
from tests.kafka.member import CONSUMER, COOPERATIVE, EAGER, produce, settings_for, turns, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka.member import Member
    from tests.kafka_real.cluster import Kafka, RealKafka

    Join = Callable[..., Member]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(60, func_only=True)]
EACH_PROTOCOL = pytest.mark.parametrize(
    "protocol", [COOPERATIVE, EAGER, CONSUMER], ids=["coop", "eager", "kip848"]
)


@pytest.fixture
def real(real_kafka: Kafka) -> Real:
    """Give the real broker."""
    return Real(real_kafka)


def test_a_group_tells_who_is_in_it(real: Real, topic: str, join: Join) -> None:
    """How many, and by which strategy; before anybody joins it has none."""
    real.create_topic(topic, 1)
    settings = settings_for(real, topic).kafka
    before = Cluster(settings, SystemClock()).group()
    member = join(real, topic, **EAGER)
    until(lambda: bool(member.owned), member)

    group = Cluster(settings, SystemClock()).group()

    assert before.members == 0
    assert (group.members, group.assignor) == (1, "range")
    assert strategy_problem(settings.group_id, group, "range") is None
    assert strategy_problem(settings.group_id, group, "cooperative-sticky") is not None


@EACH_PROTOCOL
def test_a_member_that_owns_nothing_leaves_at_once(
    real: Real, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """Of librdkafka's own close no group hears, and waits in a rebalance until the session ends."""
    real.create_topic(topic, 1)
    settings = settings_for(real, topic, **protocol).kafka
    owner, spare = join(real, topic, **protocol), join(real, topic, **protocol)
    until(lambda: len(owner.owned) + len(spare.owned) == 1, owner, spare)
    owner, spare = (owner, spare) if owner.owned else (spare, owner)
    until(lambda: spare.source.is_member, owner, spare)
    turns(0.5, owner, spare)

    spare.source.close()

    assert Cluster(settings, SystemClock()).group().members == 1


@EACH_PROTOCOL
def test_a_static_member_that_comes_back_moves_nothing(
    real: Real, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """A restart under the same instance id takes no partition from the other, and goes on."""
    real.create_topic(topic, 4)
    names = [protocol | {"SEG_KAFKA__GROUP_INSTANCE_ID": name} for name in ("pod-0", "pod-1")]
    first, second = (join(real, topic, **variables) for variables in names)
    until(lambda: len(first.owned) == len(second.owned) == 2, first, second)
    owned, others = first.owned, second.owned
    heard = len(second.said)
    produce(real, topic, (b"%d" % number for number in range(40)))
    until(lambda: len(first.records) + len(second.records) == 40, first, second)
    first.finish_all()
    first.on_revoke = lambda _partitions: first.commit_now()
    first.source.close()

    again = join(real, topic, **names[0])
    until(lambda: bool(again.owned), again, second)
    turns(0.5, again, second)

    assert again.owned == owned
    assert second.owned == others
    assert [it for it in second.said[heard:] if it.partitions] == []
    assert again.records == []


@EACH_PROTOCOL
def test_two_members_of_one_name_are_told_apart(
    real: Real, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """One of them ends with a sentence that names the setting: it would read nothing for ever."""
    real.create_topic(topic, 2)
    variables = protocol | {"SEG_KAFKA__GROUP_INSTANCE_ID": "pod-0"}
    first = join(real, topic, **variables)
    until(lambda: first.owned == {0, 1}, first)
    second = join(real, topic, **variables)

    with pytest.raises(StartError) as error:
        until(lambda: False, first, second)

    assert "another member has the same SEG_KAFKA__GROUP_INSTANCE_ID" in str(error.value)
    assert str(error.value).startswith("Kafka: ")


def test_a_partition_that_is_added_is_read(real: Real, topic: str, join: Join) -> None:
    """From its first record on, without a restart, and the others are not disturbed."""
    real.create_topic(topic, 1)
    passed = '{"topic.metadata.refresh.interval.ms": 500, "metadata.max.age.ms": 1000}'
    member = join(real, topic, SEG_KAFKA__CONFIG=passed, SEG_KAFKA__AUTO_OFFSET_RESET="earliest")
    until(lambda: member.owned == {0}, member)
    asked = real.admin.create_partitions([NewPartitions(topic, 3)])
    asked[topic].result(LIMIT_S)
    produce(real, topic, (b"%d" % number for number in range(90)))
    until(lambda: len(member.records) == 90, member)

    assert member.owned == {0, 1, 2}
    assert len(set(member.values)) == 90
    assert {it.partition.number for it in member.records} == {0, 1, 2}


def write_transactions(real: Real, topic: str, *values: bytes) -> None:
    """Write each of *values* in a transaction of its own, and abort that of `never`."""
    producer = Producer(
        {"bootstrap.servers": real.bootstrap, "transactional.id": topic, "log_level": 0}
    )
    producer.init_transactions(LIMIT_S)
    for value in values:
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(LIMIT_S)
        end = producer.abort_transaction if value == b"never" else producer.commit_transaction
        end(LIMIT_S)


def test_what_was_aborted_is_not_read(real: Real, topic: str, join: Join) -> None:
    """A record of an aborted transaction never happened, and its marker holds no commit up."""
    real.create_topic(topic, 1)
    write_transactions(real, topic, b"a", b"never", b"b")
    member = join(real, topic)
    until(lambda: len(member.records) == 2, member)
    turns(0.3, member)
    member.finish_all()
    member.commit_now()
    member.kill()
    produce(real, topic, [b"c"])
    again = join(real, topic)
    until(lambda: bool(again.records), again)

    assert member.values == [b"a", b"b"]
    assert committed(real, f"group-of-{topic}", topic, 1) == {0: 5}
    assert again.values == [b"c"]


def test_the_markers_of_transactions_are_no_lag(real: Real, topic: str, join: Join) -> None:
    """Nor is what was aborted: an idle topic is read to its end, and committed there."""
    real.create_topic(topic, 1)
    write_transactions(real, topic, b"a", b"never")
    member = join(real, topic)
    partition = Partition(topic, 0)
    until(lambda: member.source.extents() == {partition: Extent(4, 4)}, member)
    ledger = member.tenures[partition].ledger

    ledger.pass_over(4)
    assert ledger.position == 0, "the first record is in flight"
    member.finish_all()
    member.commit_now()

    assert committed(real, f"group-of-{topic}", topic, 1) == {0: 4}


@pytest.mark.parametrize("wait", [False, True], ids=["later", "now"])
def test_a_commit_that_is_taken_in_part_is_refused(
    real: Real, topic: str, join: Join, monkeypatch: pytest.MonkeyPatch, *, wait: bool
) -> None:
    """The broker answers for each partition; where it refused one, the commit is due again."""
    real.create_topic(topic, 2)
    member = join(real, topic)
    until(lambda: member.owned == {0, 1}, member)
    good, bad = (Checkpoint(it, it, ()) for it in (1, 2))
    texts = {good: "", bad: "x" * 5000}
    monkeypatch.setattr(commits, "encode", texts.__getitem__)

    commit = member.source.commit_now if wait else member.source.commit
    first, second = (member.tenures[Partition(topic, number)] for number in (0, 1))
    commit({first: good, second: bad})
    until(lambda: bool(member.answers), member)

    assert member.answers == ["OFFSET_METADATA_TOO_LARGE"]
    assert committed(real, f"group-of-{topic}", topic, 2) == {0: 1, 1: 0}


def test_a_killed_broker_comes_back(own_kafka: RealKafka, topic: str, join: Join) -> None:
    """The member waits, keeps its partitions or gets them back, and loses no record."""
    real = Real(own_kafka)
    real.create_topic(topic, 2)
    member = join(real, topic)
    produce(real, topic, (b"%d" % number for number in range(50)))
    until(lambda: len(member.records) == 50, member)
    member.finish_all()
    member.commit_now()

    own_kafka.kill()
    turns(0.5, member)
    own_kafka.start()
    produce(real, topic, (b"%d" % number for number in range(50, 100)))
    until(lambda: len(set(member.values)) == 100, member)
    member.finish_all()
    until(lambda: member.commits(member.checkpoints()), member)

    assert sum(committed(real, f"group-of-{topic}", topic, 2).values()) == 100


def make_anew(real: Real, topic: str, records: int) -> None:
    """Delete *topic* and make it again, with so many other records."""
    real.admin.delete_topics([topic])[topic].result(LIMIT_S)

    def made() -> bool:
        try:
            real.create_topic(topic, 1)
        except KafkaException:
            return False  # it is not quite gone yet
        return True

    until(made)
    produce(real, topic, (b"new-%d" % number for number in range(records)))


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the topics' ids twice a second."""
    monkeypatch.setattr(topic_ids, "LOOK_S", 0.5)


@pytest.mark.usefixtures("_often")
@pytest.mark.parametrize("new", [5, 40], ids=["shorter", "longer"])
@EACH_PROTOCOL
class TestTopicMadeAnew:
    """A topic that is deleted and made again while it is read: the offsets begin anew."""

    def test_ends_with_a_sentence(
        self, real: Real, topic: str, join: Join, protocol: dict[str, str], new: int
    ) -> None:
        """By default the operator is asked; what is committed meanwhile skips nothing later."""
        member = reader_of_ten(real, topic, join, **protocol)
        make_anew(real, topic, new)

        with pytest.raises(StartError, match=rf"^{topic}/0: the offset to go on from is not in"):
            until(lambda: False, member)

        assert not [it for it in member.values if it is not None and it.startswith(b"new")]
        member.commit_now()
        member.source.close()
        choice = {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "earliest"}
        again = join(real, topic, **protocol, **choice)
        until(lambda: len(again.records) == new, again)

    def test_is_read_from_its_beginning(
        self, real: Real, topic: str, join: Join, protocol: dict[str, str], new: int
    ) -> None:
        """Where the operator wants that, every record of it is."""
        choice = {"SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE": "earliest"}
        member = reader_of_ten(real, topic, join, **protocol, **choice)
        make_anew(real, topic, new)

        wanted = {b"new-%d" % number for number in range(new)}
        until(lambda: wanted <= set(member.values), member)


def reader_of_ten(real: Real, topic: str, join: Join, **variables: str) -> Member:
    """Return a member that has read ten records and committed them."""
    real.create_topic(topic, 1)
    produce(real, topic, (b"old-%d" % number for number in range(10)))
    member = join(real, topic, **variables)
    until(lambda: len(member.records) == 10, member)
    member.finish_all()
    until(lambda: member.commits(member.checkpoints()), member)
    return member
