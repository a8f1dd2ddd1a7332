"""What happens to work under way when partitions come and go, and when the program stops."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock, call

from consumer.core.checkpoint import decode
from consumer.core.model import Tenure
from tests.fakes import P0, P1, a_record, an_answer, take_all
from tests.member import DRAIN_S, POISON, Member, ids_in, page

if TYPE_CHECKING:
    from consumer.seg.answers import Answer


def silent(_body: bytes) -> Answer | None:
    """Be a Seg that has not answered yet."""
    return None


def silent_on_m0(body: bytes) -> Answer | None:
    """Be a Seg that has not answered one of the calls yet."""
    return None if "m0" in ids_in(body) else an_answer()


def test_revoke_waits_for_calls_under_way_and_commits_them() -> None:
    """A deploy under load sends nothing twice."""
    member = Member()
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))
    member.turn(3)
    start_s = member.clock.now_s

    def takes_after_two_seconds(_body: bytes) -> Answer | None:
        return an_answer() if member.clock.now_s - start_s >= 2.0 else None

    member.seg.seg = takes_after_two_seconds
    member.source.revoke(P0)

    assert member.committed == 1
    assert member.tally.records_handed_over == 0
    assert 2.0 <= member.clock.now_s - start_s < 2.2


def test_rebalance_that_brings_nothing_is_no_line_of_the_log() -> None:
    """A roll-out of several members is many rebalances, and most give most members nothing."""
    member = Member()
    member.rebalance._log = log = Mock()

    member.rebalance.assigned([])
    member.rebalance.assigned([Tenure(P1)])

    assert log.info.call_args_list == [call("partitions_assigned", partitions=["events/1"])]
    assert member.tally.rebalances["assigned",] == 3


def test_revoke_starts_nothing_more_of_what_leaves() -> None:
    """What waits behind a call under way is the next owner's."""
    member = Member()
    member.seg.seg = silent
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(3)))
    member.turn(3)
    member.seg.seg = take_all

    member.source.revoke(P0)
    member.turn(20, every_s=0.1)

    assert [["m0"]] == member.sent
    assert member.committed == 1
    assert member.tally.records_handed_over == 2


def test_revoke_gives_up_at_its_deadline() -> None:
    """The group is not kept waiting for a Seg that does not answer."""
    member = Member()
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))
    member.turn(3)
    start_s = member.clock.now_s

    member.source.revoke(P0)

    assert DRAIN_S <= member.clock.now_s - start_s < DRAIN_S + 0.1
    assert member.tally.records_handed_over == 1
    assert member.tally.records_in_flight == 0


def test_revoke_waits_for_dead_letters_under_way() -> None:
    """A letter that is nearly stored need not be written twice."""
    member = Member()
    member.letters.away = True
    member.source.append(a_record(0, value=page(0)), a_record(1, value=POISON))
    member.turn(3)
    member.letters.away = False

    member.source.revoke(P0)

    assert member.committed == 2
    assert len(member.letters.topic) == 1


def test_revoke_does_not_wait_for_a_letter_that_is_refused() -> None:
    """It would be in vain, and the whole group waits with it: the next owner tries anew."""
    member = Member()
    member.letters.away, member.letters.problem = True, "the letter of events/0/1 is too large"
    member.source.append(a_record(0, value=page(0)), a_record(1, value=POISON))
    member.turn(3)
    start_s = member.clock.now_s

    member.source.revoke(P0)

    assert member.committed == 1
    assert member.clock.now_s - start_s < 1.0


def test_revoke_does_not_wait_for_dead_letters_of_what_stays() -> None:
    """The group would wait for a topic that has nothing to do with what leaves."""
    member = Member(None, P0, P1)
    member.letters.away = True
    member.source.append(a_record(0, value=page(0)), a_record(0, partition=P1, value=POISON))
    member.turn(3)
    start_s = member.clock.now_s

    member.source.revoke(P0)

    assert member.committed == 1
    assert member.clock.now_s - start_s < 1.0


def test_what_stays_goes_on_during_a_revoke() -> None:
    """Cooperative: only what leaves stops."""
    member = Member(None, P0, P1)
    member.seg.seg = silent_on_m0
    member.source.append(a_record(0, value=page(0)), a_record(0, partition=P1, value=page(10)))
    member.turn(3)

    member.source.revoke(P0)
    member.source.append(a_record(1, partition=P1, value=page(11)))
    member.turn(30, every_s=0.1)

    assert member.source.stored[P1][0] == 2


def test_next_owner_skips_what_was_finished_out_of_order() -> None:
    """Finished offsets above the committed one travel in the commit's metadata."""
    first = Member()
    first.seg.seg = silent_on_m0
    records = [a_record(n, key=str(n).encode(), value=page(n)) for n in range(4)]
    first.source.append(*records)
    first.turn(20, every_s=0.1)
    first.source.revoke(P0)
    assert decode(*first.source.stored[P0]).unfinished == (0,)

    second = Member(None, P1)
    second.source.append(*records)
    second.source.stored = first.source.stored
    second.source.assign(P0)
    second.turn(30, every_s=0.1)

    assert [["m0"]] == second.sent
    assert second.committed == 4
    assert second.tally.records_skipped == 3


def test_loss_commits_nothing_and_waits_for_nobody() -> None:
    """The partitions are another member's already: a commit would move its offset back."""
    member = Member()
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))
    member.turn(3)
    start_s, commits = member.clock.now_s, member.source.commits

    member.source.lose(P0)
    member.turn(30, every_s=0.1)

    assert member.source.commits == commits
    assert member.clock.now_s - start_s < 10.0
    assert member.committed == 0


def test_answer_that_comes_after_a_loss_changes_nothing() -> None:
    """It falls on an orphan, although the same partition is back with the same member."""
    member = Member()
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))
    member.turn(3)

    member.source.lose(P0)
    member.source.assign(P0)
    answered = {"m0": 0}

    def takes_the_first_only(body: bytes) -> Answer | None:
        answered[ids_in(body)[0]] += 1
        return an_answer() if answered["m0"] == 1 else None

    member.seg.seg = takes_the_first_only
    member.turn(30, every_s=0.1)

    assert member.committed in {None, 0}
    assert member.tally.records_in_flight == 1


def test_retry_that_waits_is_given_up_with_its_partition() -> None:
    """Whoever owns the record now sends it; two senders would break the order."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(503)
    member.source.append(a_record(0, value=page(0)))
    member.turn(2)
    member.seg.seg = take_all

    member.source.lose(P0)
    member.turn(300, every_s=0.1)

    assert [["m0"]] == member.sent
    assert member.delivery.retrying == 0


def test_records_held_for_the_registry_are_given_up_with_their_partition() -> None:
    """They are read again by the next owner."""
    member = Member()
    member.registry_away = True
    member.source.append(a_record(0, value=page(0)))
    member.turn(3)
    member.source.revoke(P0)
    member.registry_away = False

    member.turn(100, every_s=0.1)

    assert [] == member.sent
    assert member.pipeline.waits_for is None
    assert member.tally.records_handed_over == 1


def test_partition_that_comes_while_everything_is_paused_is_paused_too() -> None:
    """And it is read when the others are."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(401)
    member.source.append(a_record(0, value=page(0)), a_record(0, partition=P1, value=page(10)))
    member.turn(10)

    member.source.assign(P1)
    member.turn(3)

    assert P1 in member.source.paused

    member.seg.seg = take_all
    member.turn(400, every_s=0.1)

    assert {0: 1, 1: 1} == {p.number: offset for p, (offset, _) in member.source.stored.items()}


def test_commit_that_is_not_answered_is_sent_again() -> None:
    """After a minute it is forgotten; a revoke does not wait that long."""
    member = Member()
    member.source.append(a_record(0, value=page(0)))
    member.turn(2)
    member.source.silent = True
    member.turn(30, every_s=0.1)
    commits = member.source.commits

    member.turn(400, every_s=0.1)
    assert member.source.commits == commits + 1

    member.source.revoke(P0)
    assert member.committed == 1


def test_shutdown_drains_and_commits_everything_that_was_started() -> None:
    """As `program.app` does on a signal; leaving the group afterwards finds nothing to do."""
    member = Member(None, P0, P1)
    start_s = member.clock.now_s
    member.seg.seg = lambda _body: an_answer() if member.clock.now_s > start_s + 1.0 else None
    member.source.append(a_record(0, value=page(0)), a_record(0, partition=P1, value=page(10)))
    member.turn(3)

    member.rebalance.revoked(member.assignment.tenures)
    member.source.revoke(P0, P1)

    assert {0: 1, 1: 1} == {p.number: offset for p, (offset, _) in member.source.stored.items()}
    assert member.tally.records_handed_over == 0
    assert {("assigned",): 1, ("revoked",): 1, ("lost",): 0} == member.tally.rebalances
