"""What is owned and what is committed of it; and that every record is counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.checkpoint import decode
from consumer.core.ledger import Checkpoint
from consumer.flow.assignment import (
    ANSWER_WITHIN_S,
    GONE,
    HOLD_S,
    REBALANCING,
    RENEWALS,
    SOONEST_S,
    STALE,
    Assignment,
)
from consumer.observe.metrics import Tally
from tests.fakes import P0, P1, FakeClock, FakeSource, a_record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.model import Partition, Record, Tenure

LEASE_S = 9.0


class Member:
    """An assignment, its source, and as much of a loop as it takes to start and finish records."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.source.listener = self
        self.tally = Tally()
        self.assignment = Assignment(self.source, LEASE_S, self.tally, self.clock)
        self.in_flight: list[Record] = []

    def produce(self, partition: Partition, count: int) -> None:
        """Write *count* records to the log."""
        first = len(self.source.log.get(partition, ()))
        records = [a_record(offset, partition=partition) for offset in range(first, first + count)]
        self.source.append(*records)

    def read(self, count: int = 1_000) -> None:
        """Start up to *count* records."""
        for record in self.source.poll(count, 0.0):
            if record.tenure.ledger.start(record.offset):
                self.tally.records_received += 1
                self.tally.records_in_flight += 1
                self.in_flight.append(record)

    def finish(self, index: int = 0) -> bool:
        """Finish one of those in flight; tell whether it counted."""
        finished = self.assignment.finish(self.in_flight.pop(index))
        if finished:
            self.tally.records_ignored["made_up",] = (
                self.tally.records_ignored.get(("made_up",), 0) + 1
            )
        return finished

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many records came, ended, and are in flight."""
        tally = self.tally
        return tally.records_received, tally.outcomes, tally.records_in_flight

    def commit(self, *, after_s: float = SOONEST_S) -> None:
        """Let time pass and commit if that is due."""
        self.clock.advance(after_s)
        self.assignment.commit_if_due(self.clock.monotonic_s())

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures*, as the rebalance does."""
        self.assignment.add(tenures)

    def revoked(self, tenures: Collection[Tenure]) -> None:
        """Commit *tenures* and give them up, as the rebalance does."""
        self.assignment.close(tenures)
        self.assignment.commit_now(tenures)
        self.assignment.drop(tenures)

    def lost(self, tenures: Collection[Tenure]) -> None:
        """Give *tenures* up, as the rebalance does."""
        self.assignment.drop(tenures)

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Pass the answer on, as the rebalance does."""
        self.assignment.commit_answered(committed, error)


@pytest.fixture(name="member")
def _member() -> Member:
    """Own `P0` with three records in flight."""
    member = Member()
    member.produce(P0, 3)
    member.source.assign(P0)
    member.read()
    return member


@pytest.fixture(name="leased")
def _leased(member: Member) -> Member:
    """Be the same, with a commit that the group has acknowledged."""
    member.commit()
    member.source.answer()
    return member


def test_commit_speaks_of_what_is_finished(member: Member) -> None:
    """The position goes to the broker, and what is finished above it goes in the metadata."""
    member.finish(1)

    member.commit()
    member.source.answer()

    assert Checkpoint(0, 2, (0,)) == decode(*member.source.stored[P0])
    assert Checkpoint(0, 3, (0, 2)) == member.source.tenures[P0].committed


def test_commit_goes_out_as_soon_as_something_is_finished(leased: Member) -> None:
    """What is finished and not committed is sent twice after a crash."""
    leased.commit()
    assert leased.source.commits == 1

    leased.finish()
    leased.commit(after_s=0.0)

    assert leased.source.commits == 2
    assert {P0: Checkpoint(1, 3, (1, 2))} == leased.source.under_way


def test_commits_keep_their_distance(leased: Member) -> None:
    """However much is finished, the brokers have others to serve."""
    leased.finish()
    leased.commit()
    leased.source.answer()
    leased.finish()

    leased.commit(after_s=SOONEST_S * 0.9)
    assert leased.source.commits == 2

    leased.commit(after_s=SOONEST_S * 0.11)
    assert leased.source.commits == 3


def test_no_call_may_start_before_the_group_has_acknowledged_a_commit(member: Member) -> None:
    """An assignment may be old when it is heard of: the process may have stood still."""
    assert member.assignment.lease_is_over

    member.commit()
    assert member.assignment.lease_is_over

    member.source.answer()
    assert not member.assignment.lease_is_over


def test_lease_counts_from_when_the_commit_was_sent(member: Member) -> None:
    """Its answer may have waited in a socket for as long as the process stood still."""
    member.commit()
    member.clock.advance(LEASE_S - 0.1)
    member.source.answer()
    assert not member.assignment.lease_is_over

    member.clock.advance(0.1)
    assert member.assignment.lease_is_over


def test_lease_is_renewed_by_a_commit_that_says_nothing_new(leased: Member) -> None:
    """A quiet topic has a lease, too; one partition is enough to ask with."""
    leased.source.assign(P1)
    leased.commit(after_s=LEASE_S / RENEWALS - SOONEST_S - 0.1)
    assert leased.source.commits == 1

    leased.commit(after_s=SOONEST_S + 0.1)
    assert {P0: Checkpoint(0, 3, (0, 1, 2))} == leased.source.under_way

    leased.source.answer()
    leased.clock.advance(LEASE_S - 0.1)
    assert not leased.assignment.lease_is_over


def test_time_in_which_the_machine_was_suspended_counts(leased: Member) -> None:
    """A laptop's lid or a frozen virtual machine: the group has waited meanwhile."""
    leased.clock.suspended_s = LEASE_S

    assert leased.assignment.lease_is_over


@pytest.mark.parametrize("refusal", [*sorted(GONE), STALE])
def test_refusal_that_says_we_are_out_ends_the_lease_at_once(leased: Member, refusal: str) -> None:
    """Another member may own what we do; the next acknowledged commit says that none does."""
    leased.source.refusal = refusal
    leased.finish()
    leased.commit()
    leased.source.answer()
    assert leased.assignment.lease_is_over

    leased.source.refusal = None
    leased.commit(after_s=HOLD_S)
    leased.source.answer()
    assert not leased.assignment.lease_is_over


def test_refusal_for_another_reason_leaves_the_lease_as_it_is(leased: Member) -> None:
    """A coordinator that moves says nothing of who owns what: nothing waits for it at once."""
    leased.source.refusal = "NOT_COORDINATOR"
    leased.finish()
    leased.commit()
    leased.source.answer()

    assert not leased.assignment.lease_is_over


def test_what_comes_back_after_a_loss_needs_a_lease_of_its_own(leased: Member) -> None:
    """Another member may have had it meanwhile."""
    leased.source.lose(P0)
    leased.source.assign(P0)

    assert leased.assignment.lease_is_over


@pytest.mark.parametrize("revoked", [True, False], ids=["revoked", "refused"])
def test_commits_wait_for_a_rebalance_to_end(member: Member, *, revoked: bool) -> None:
    """One in the middle of it could cost the whole assignment; but the wait has an end."""
    if revoked:
        member.source.assign(P1)
        member.source.revoke(P1)
    else:
        member.source.refusal = REBALANCING
        member.commit()
        member.source.answer()
    commits = member.source.commits

    member.commit(after_s=HOLD_S - 0.01)
    assert commits == member.source.commits

    member.commit(after_s=0.01)
    assert commits + 1 == member.source.commits


def test_assignment_that_brings_nothing_ends_the_wait(member: Member) -> None:
    """The rebalance is over: what was kept may be committed."""
    member.source.assign(P1)
    member.source.revoke(P1)

    member.source.assign()
    member.commit()

    assert {P0: Checkpoint(0, 3, (0, 1, 2))} == member.source.under_way


def test_one_commit_is_under_way_at_a_time(member: Member) -> None:
    """The next one waits for the answer, and then says what has changed meanwhile."""
    member.commit()
    member.finish()

    member.commit()
    assert member.source.commits == 1

    member.source.answer()
    member.commit()
    assert {P0: Checkpoint(1, 3, (1, 2))} == member.source.under_way


def test_commit_without_an_answer_is_given_up_in_time(member: Member) -> None:
    """An answer that got lost does not end all commits."""
    member.commit()

    member.commit(after_s=ANSWER_WITHIN_S - 0.01)
    assert member.source.commits == 1

    member.commit(after_s=0.01)
    assert member.source.commits == 2


def test_refused_commit_is_due_again(member: Member) -> None:
    """What the broker has not acknowledged is said again, though nothing has changed since."""
    member.source.refusal = "NOT_COORDINATOR"
    member.commit()
    member.source.answer()

    member.source.refusal = None
    member.commit()
    member.source.answer()

    assert member.source.commits == 2
    assert {("NOT_COORDINATOR",): 1} == member.tally.commit_failures
    assert Checkpoint(0, 3, (0, 1, 2)) == member.source.tenures[P0].committed


def test_time_to_the_answer_is_measured(member: Member) -> None:
    """It is what tells a slow coordinator."""
    member.commit()
    member.clock.advance(0.3)
    member.source.answer()

    assert member.tally.commit_seconds.total == pytest.approx(0.3)
    assert sum(member.tally.commit_seconds.counts) == 1

    member.finish()
    member.source.revoke(P0)
    assert sum(member.tally.commit_seconds.counts) == 2


def test_revoked_partition_is_committed_while_it_is_owned(member: Member) -> None:
    """The next owner goes on where this one ended, and does only the rest."""
    member.finish()
    member.finish(1)
    member.source.revoke(P0)

    member.source.assign(P0)
    member.read()

    assert [1] == [record.offset for record in member.in_flight[1:]]


def test_late_finish_falls_on_an_orphan(member: Member) -> None:
    """A call that Seg takes after its partition went counts for nothing: the next owner's does."""
    member.source.revoke(P0)

    assert (3, 3, 0) == member.counts
    assert member.finish() is False
    assert (3, 3, 0) == member.counts
    assert not member.assignment.tenures


def test_late_finish_falls_on_an_orphan_after_the_partition_came_back(member: Member) -> None:
    """The new ledger knows nothing of the old one's records: they are read again."""
    member.source.lose(P0)
    member.source.assign(P0)

    assert member.finish() is False

    member.read()
    assert member.source.tenures[P0].ledger.in_flight == 3


def test_finishing_twice_is_refused(member: Member) -> None:
    """It would hide that another record was lost."""
    record = member.in_flight[0]
    member.finish()

    with pytest.raises(KeyError):
        member.assignment.finish(record)


def test_closed_partition_may_still_finish_and_commit(member: Member) -> None:
    """That is what a revoke waits for."""
    tenures = list(member.source.tenures.values())
    member.assignment.close(tenures)

    assert all(tenure.closed for tenure in tenures)
    assert member.finish() is True
    member.assignment.commit_now(tenures)
    assert 1 == member.source.stored[P0][0]


def test_unfinished_records_of_a_dropped_partition_are_handed_over(member: Member) -> None:
    """They are in flight no longer, but they have not ended here either."""
    member.finish()
    tenure = member.source.tenures[P0]
    member.source.lose(P1, P0)

    assert tenure.closed
    assert (3, 2, 0) == (
        member.tally.records_received,
        member.tally.records_handed_over,
        member.tally.records_in_flight,
    )


def test_series_of_a_dropped_partition_are_gone(member: Member) -> None:
    """A lag that nobody keeps up to date would be an alert for nothing."""
    tally = member.tally
    for series in (
        tally.lag_records,
        tally.lag_seconds,
        tally.committed_offset,
        tally.position_offset,
    ):
        series["events", "0"] = series["events", "1"] = 7

    member.source.lose(P0)

    assert {("events", "1"): 7} == tally.lag_records == tally.lag_seconds
    assert {("events", "1"): 7} == tally.committed_offset == tally.position_offset


def test_answer_for_a_partition_that_went_is_ignored(member: Member) -> None:
    """A commit may be answered after a rebalance."""
    member.commit()
    member.source.lose(P0)

    member.source.answer()

    assert not member.assignment.tenures


class Groups(RuleBasedStateMachine):
    """Two partitions through many assignments; the broker, silent or refusing, as it likes.

    The model is one set: the records whose finish counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.member = Member()
        self.done: set[tuple[Partition, int]] = set()
        self.sent_s = 0.0  # when the last commit was

    @rule(partition=st.sampled_from([P0, P1]), count=st.integers(1, 6))
    def produce(self, partition: Partition, count: int) -> None:
        """Write records."""
        self.member.produce(partition, count)

    @rule(count=st.integers(1, 6))
    def read(self, count: int) -> None:
        """Start records; the broker may answer meanwhile."""
        self.member.read(count)

    @precondition(lambda self: self.member.in_flight)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Finish any record ever started; it counts only in the assignment that it began in."""
        index = data.draw(st.integers(0, len(self.member.in_flight) - 1))
        record = self.member.in_flight[index]
        is_orphan = record.tenure not in self.member.assignment.tenures
        before = self.member.counts

        assert self.member.finish(index) is not is_orphan
        if is_orphan:
            assert before == self.member.counts
        else:
            self.done.add((record.partition, record.offset))

    @rule(seconds=st.sampled_from([0.0, 1.0, 60.0]), silent=st.booleans())
    def commit(self, seconds: float, silent: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        """Commit if it is due; one at a time, unless the last was given up."""
        source, clock = self.member.source, self.member.clock
        source.silent, commits = silent, source.commits
        waits = bool(source.under_way)

        self.member.commit(after_s=seconds)

        if source.commits > commits:
            assert not waits or clock.now_s - self.sent_s >= ANSWER_WITHIN_S
            self.sent_s = clock.now_s

    @rule(refusal=st.sampled_from([None, "NOT_COORDINATOR"]))
    def answer(self, refusal: str | None) -> None:
        """The broker answers."""
        self.member.source.refusal = refusal
        self.member.source.answer()

    @rule(partition=st.sampled_from([P0, P1]), lost=st.booleans())
    def rebalance(self, partition: Partition, lost: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        """A partition comes, is revoked or is lost."""
        source = self.member.source
        if partition not in source.owned:
            source.assign(partition)
        elif lost:
            source.lose(partition)
        else:
            source.revoke(partition)

    @invariant()
    def every_record_is_counted_once(self) -> None:
        """What came is what ended, what was handed over and what is in flight."""
        received, ended, in_flight = self.member.counts

        assert received == ended + in_flight
        tenures = self.member.assignment.tenures
        assert sum(tenure.ledger.in_flight for tenure in tenures) == in_flight

    @invariant()
    def broker_is_told_only_of_what_is_done(self) -> None:
        """Neither the committed offset nor its metadata claims a record that is not finished."""
        for partition, stored in self.member.source.stored.items():
            checkpoint = decode(*stored)
            claimed = set(range(checkpoint.horizon)) - set(checkpoint.unfinished)
            assert self.done >= {(partition, offset) for offset in claimed}

    def teardown(self) -> None:
        """Once the broker answers and takes commits, everything that is finished is committed."""
        member = self.member
        member.source.refusal, member.source.silent = None, False
        member.source.answer()
        member.commit(after_s=ANSWER_WITHIN_S)
        member.source.answer()

        for tenure in member.assignment.tenures:
            assert tenure.ledger.checkpoint() in {None, tenure.committed}


TestGroups = Groups.TestCase
TestGroups.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
