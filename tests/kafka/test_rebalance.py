"""Members that come and go, on both brokers and by every protocol, with the program's own source.

The members of a test share one thread, as the program's own one is never shared: each polls in
turn. A commit in an eager revoke is refused by the embedded broker alone (a real one takes it),
so that case is tested on the real one.
"""

from __future__ import annotations

from collections import Counter
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition
from consumer.core.timing import SystemClock
from tests.kafka.brokers import Embedded, committed
from tests.kafka.member import PROTOCOLS, Member, Said, fill, produce, settings_for, turns, until
from tests.kafka.program import eventually, pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.settings import Settings
    from tests.kafka.brokers import Broker

    Join = Callable[..., Member]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = pytest.mark.timeout(60, func_only=True)

PARTITIONS = 6


def commits_on_revoke(member: Member) -> Member:
    """Let *member* finish and commit what it has when partitions go away, as the program does."""

    def finish(_partitions: object) -> None:
        member.finish_all()
        member.commit_now()

    member.on_revoke = finish
    return member


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give the variables of each protocol in turn."""
    return PROTOCOLS[str(request.param)]


def test_members_share_the_partitions_and_each_record_is_read_by_its_owner(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """Who joins later gets an equal part; nothing that was committed is read again."""
    broker.create_topic(topic, PARTITIONS)
    produce(broker, topic, (b"%d" % number for number in range(300)))
    group = [commits_on_revoke(join(broker, topic, **protocol))]
    until(lambda: len(group[0].records) == 300, *group)
    group[0].finish_all()
    group[0].commit_now()

    for _ in range(2):
        group.append(commits_on_revoke(join(broker, topic, **protocol)))
        share = {PARTITIONS // len(group)}
        until(lambda: {len(it.owned) for it in group} == share, *group)  # noqa: B023 - used at once
    produce(broker, topic, (b"%d" % number for number in range(300, 600)))
    until(lambda: sum(len(it.records) for it in group) >= 600, *group)
    everything = list(range(PARTITIONS))
    until(lambda: sorted(it for m in group for it in m.owned) == everything, *group)
    turns(0.2, *group)

    read = Counter(it for member in group for it in member.values)
    assert read == Counter(b"%d" % number for number in range(600))


def test_a_member_that_leaves_hands_over_what_it_finished(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """The next owner goes on at the first unfinished record and skips the finished behind it."""
    broker.create_topic(topic, 1)
    produce(broker, topic, (b"%d" % number for number in range(10)))
    first = join(broker, topic, **protocol)
    until(lambda: len(first.records) == 10, first)
    first.finish(0, 1, 2, 5, 7)
    first.on_revoke = lambda _partitions: first.commit_now()
    first.source.close()

    second = join(broker, topic, **protocol)
    until(lambda: len(second.records) == 5, second)

    assert first.answers == [None]
    assert [record.offset for record in second.records] == [3, 4, 6, 8, 9]


def test_a_commit_in_an_eager_revoke_counts(broker: Broker, topic: str, join: Join) -> None:
    """What is finished while the group waits for its members to join again is not done twice."""
    if isinstance(broker, Embedded):
        pytest.skip("the embedded broker refuses each commit in an eager revoke")
    broker.create_topic(topic, 2)
    produce(broker, topic, (b"%d" % number for number in range(40)))
    first = commits_on_revoke(join(broker, topic, **PROTOCOLS["range"]))
    until(lambda: len(first.records) == 40, first)

    second = join(broker, topic, **PROTOCOLS["range"])
    until(lambda: len(first.owned) == len(second.owned) == 1, first, second)
    turns(0.5, first, second)

    assert first.answers[:1] == [None]
    assert (len(first.records), second.records) == (40, [])


class TestForeignPartition:
    """A commit for a partition that is another member's: the broker would accept it."""

    def test_is_never_sent(
        self, broker: Broker, topic: str, join: Join, protocol: dict[str, str]
    ) -> None:
        """Neither way of committing lets it through: alone, beside an owned one, or after a close.

        No answer pretends that it did, and what the owner committed stands.
        """
        broker.create_topic(topic, 2)
        first = join(broker, topic, **protocol)
        until(lambda: first.owned == {0, 1}, first)
        gone = dict(first.tenures)
        second = join(broker, topic, **protocol)
        until(lambda: len(first.owned) == len(second.owned) == 1, first, second)
        [moved], [own] = second.tenures.values(), first.tenures.values()
        until(lambda: second.commits({moved: Checkpoint(50, 50, ())}), first, second)
        late = {gone[moved.partition]: Checkpoint(10, 10, ())}

        first.source.commit(late)
        first.source.commit_now(late)
        turns(0.3, first, second)
        alone = list(first.answers)
        until(lambda: first.commits(late | {own: Checkpoint(7, 7, ())}), first, second)
        beside = committed(broker, f"group-of-{topic}", topic, 2)
        first.answers.clear()
        first.source.close()
        first.source.commit(late)
        first.source.commit_now(late)

        assert alone == first.answers == []
        assert beside == {moved.partition.number: 50, own.partition.number: 7}
        assert committed(broker, f"group-of-{topic}", topic, 2) == beside

    def test_is_not_sent_from_the_late_answer_of_an_earlier_owner(
        self, broker: Broker, topic: str, join: Join
    ) -> None:
        """What is in flight when a partition goes can be finished, and moves nothing."""
        broker.create_topic(topic, 1)
        produce(broker, topic, (b"%d" % number for number in range(10)))
        first = join(broker, topic)
        until(lambda: len(first.records) == 10, first)
        old = first.tenures[Partition(topic, 0)]
        first.source.close()
        second = commits_on_revoke(join(broker, topic))
        until(lambda: len(second.records) == 10, second)
        second.finish_all()
        second.commit_now()

        old.ledger.finish(0)
        late = old.ledger.checkpoint()
        assert late is not None
        first.source.commit_now({old: late})

        assert committed_by(broker, topic) == {0: 10}


def committed_by(broker: Broker, topic: str) -> dict[int, int]:
    """Return what the group of *topic* has committed."""
    return committed(broker, f"group-of-{topic}", topic, 1)


def test_the_listener_owns_a_partition_until_its_revoke_ends(
    broker: Broker, topic: str, join: Join
) -> None:
    """Inside `revoked` the partitions can still be committed; afterwards they cannot."""
    broker.create_topic(topic, 1)
    produce(broker, topic, [b"0", b"1"])
    member = commits_on_revoke(join(broker, topic))
    until(lambda: len(member.records) == 2, member)

    member.source.close()

    assert member.answers == [None]
    assert [it for it in member.said if it.partitions] == [
        Said("assigned", (0,)),
        Said("revoked", (0,)),
    ]
    assert committed_by(broker, topic) == {0: 2}


def test_who_leaves_takes_nothing_more(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """A partition that comes while a member closes is not asked about, for that would hang."""
    broker.create_topic(topic, 2)
    first, second = join(broker, topic, **protocol), join(broker, topic, **protocol)
    until(lambda: len(first.owned) == len(second.owned) == 1, first, second)
    first.source.close()
    pause(0.5)  # the second is given the other partition, and has not heard of it
    heard = len(second.said)
    clock = SystemClock()
    start_s = clock.monotonic_s()
    second.source.close()

    assert clock.monotonic_s() - start_s < 5.0
    assert {it.what for it in second.said[heard:]} == {"revoked"}


def come_and_go(settings: list[Settings]) -> None:
    """Join each group, and leave it at another moment after one has been taken in."""
    for number, each in enumerate(settings):
        member = Member(each)
        eventually(lambda member=member: bool(member.source.is_member))  # type: ignore[misc]
        pause(number * 0.007)
        member.kill()


def test_who_leaves_while_it_is_given_something_comes_to_an_end(
    embedded: Embedded, topic: str, protocol: dict[str, str]
) -> None:
    """Also where it never polled: librdkafka waits for ever in one such stop of five."""
    topics = [f"{topic}-{number}" for number in range(20)]
    for name in topics:
        embedded.create_topic(name, 1)
    settings = [settings_for(embedded, name, **protocol) for name in topics]
    process = get_context("spawn").Process(target=come_and_go, args=(settings,))
    process.start()
    process.join(40)
    process.kill()

    assert process.exitcode == 0


def test_a_spare_member_is_one(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """A member that the group has given no partition is in the group all the same."""
    broker.create_topic(topic, 1)
    first = join(broker, topic, **protocol)
    until(lambda: first.owned == {0}, first)
    spare = join(broker, topic, **protocol)
    until(lambda: spare.source.is_member, first, spare)

    # An eager rebalance takes the partition away before it gives it to one of them.
    until(lambda: [*first.owned, *spare.owned] == [0], first, spare)
    assert first.source.is_member
    assert spare.source.is_member


def test_latest_is_pinned_while_members_come(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """A group that begins at the end can begin with several members at once."""
    broker.create_topic(topic, PARTITIONS)
    produce(broker, topic, [b"old"] * 10)
    variables = protocol | {"SEG_KAFKA__AUTO_OFFSET_RESET": "latest"}
    group = [join(broker, topic, **variables) for _ in range(3)]
    until(lambda: sorted(it for m in group for it in m.owned) == list(range(PARTITIONS)), *group)
    until(lambda: {len(it.owned) for it in group} == {2}, *group)
    # In the middle of a rebalance the group takes no commit; it begins where it has taken one.
    name = f"group-of-{topic}"
    until(lambda: len(committed(broker, name, topic, PARTITIONS)) == PARTITIONS, *group)

    produce(broker, topic, (b"%d" % number for number in range(60)))
    until(lambda: sum(len(it.records) for it in group) >= 60, *group)

    assert {it for m in group for it in m.values} == {b"%d" % number for number in range(60)}


def test_a_partition_that_comes_back_is_not_paused(
    broker: Broker, topic: str, join: Join, protocol: dict[str, str]
) -> None:
    """Whatever it was when it went: librdkafka would remember it."""
    broker.create_topic(topic, 2)
    first = join(broker, topic, **protocol)
    until(lambda: first.owned == {0, 1}, first)
    first.pause(Partition(topic, 0), Partition(topic, 1))
    second = join(broker, topic, **protocol)
    until(lambda: len(first.owned) == len(second.owned) == 1, first, second)
    went = next(iter(second.owned))
    second.kill()
    until(lambda: first.owned == {0, 1}, first)

    fill(broker, topic, 2, b"0")

    until(lambda: went in {it.partition.number for it in first.records}, first)


def test_a_failing_listener_ends_the_poll(
    broker: Broker, topic: str, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception of the listener's is raised by the poll in which it was called."""
    broker.create_topic(topic, 1)
    member = join(broker, topic)

    def fail(_partitions: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(member, "assigned", fail)

    with pytest.raises(ZeroDivisionError):
        until(lambda: False, member)
