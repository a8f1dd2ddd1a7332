"""When to read no more: what is paused, for how long, and that it always ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consumer.flow.backpressure import PAUSE_AFTER_S, Backpressure, Bounds, InFlight
from tests.fakes import P0, P1, FakeClock, FakeSource

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Partition, Tenure

BOUNDS = Bounds(records=10, window=20, lane=6, kept_bytes=1_000)


class Member:
    """Two partitions, what is in flight of them, and the backpressure on them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.source.listener = self
        self.backpressure = Backpressure(self.source, BOUNDS)
        self.call_bytes = 1

    @property
    def tenures(self) -> list[Tenure]:
        """Those of the partitions that are owned."""
        return list(self.source.tenures.values())

    @property
    def in_flight(self) -> InFlight:
        """How much is unfinished in all."""
        records = sum(tenure.ledger.in_flight for tenure in self.tenures)
        return InFlight(records, records * self.call_bytes)

    @property
    def paused(self) -> set[Partition]:
        """Which of the owned partitions Kafka does not read."""
        return self.source.paused

    def update(self, *, after_s: float = 0.0, away: bool = False) -> None:
        """Let time pass and turn once."""
        self.clock.advance(after_s)
        now_s = self.clock.monotonic_s()
        self.backpressure.read(self.tenures)
        self.backpressure.update(self.tenures, self.in_flight, now_s, away=away)

    def read(self, partition: Partition, count: int = 1, *, lane_waiting: int = 1) -> None:
        """Read records whose calls go into lanes, where so many wait."""
        tenure = self.source.tenures[partition]
        for _ in range(count):
            tenure.ledger.start(tenure.ledger.next_offset or 0)
            self.backpressure.queued(tenure, lane_waiting)

    def ignore(self, partition: Partition, count: int) -> None:
        """Read records for which there is nothing to do."""
        ledger = self.source.tenures[partition].ledger
        for _ in range(count):
            offset = ledger.next_offset or 0
            ledger.start(offset)
            ledger.finish(offset)

    def finish(self, partition: Partition, count: int) -> None:
        """Finish the oldest records in flight."""
        ledger = self.source.tenures[partition].ledger
        for _ in range(count):
            ledger.finish(next(iter(ledger._in_flight)))

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures*, as the rebalance does."""
        self.backpressure.assigned(tenures)

    def lost(self, tenures: Collection[Tenure]) -> None:
        """Give *tenures* up; their pauses go with them."""

    revoked = lost

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Hear nothing: nothing is committed here."""


@pytest.fixture(name="member")
def _member() -> Member:
    member = Member()
    member.source.assign(P0, P1)
    return member


def test_short_fullness_pauses_nothing(member: Member) -> None:
    """A pause throws away what was read ahead: for a moment it is cheaper to read nothing."""
    member.read(P0, 10)

    member.update()
    member.update(after_s=PAUSE_AFTER_S - 0.01)

    assert member.backpressure.room(member.in_flight) == 0
    assert not member.paused


def test_lasting_fullness_pauses_everything(member: Member) -> None:
    """After `PAUSE_AFTER_S` the source must be polled again, for the membership's sake."""
    member.read(P0, 10)

    member.update()
    member.update(after_s=PAUSE_AFTER_S)

    assert {P0, P1} == member.paused
    assert member.backpressure.paused


def test_fullness_that_ended_begins_anew(member: Member) -> None:
    """Only time without a break counts."""
    member.read(P0, 10)
    member.update()
    member.finish(P0, 1)
    member.update(after_s=0.9)
    member.read(P0, 1)

    member.update(after_s=0.1)
    member.update(after_s=0.9)

    assert not member.paused


def test_pause_ends_when_half_is_done(member: Member) -> None:
    """Between the bound and its half nothing changes."""
    member.read(P0, 10, lane_waiting=1)
    member.update()
    member.update(after_s=PAUSE_AFTER_S)

    member.finish(P0, 4)
    member.update()
    assert {P0, P1} == member.paused

    member.finish(P0, 1)
    member.update()
    assert not member.paused


def test_bytes_fill_as_records_do(member: Member) -> None:
    """A few large calls take as much memory as many small ones."""
    member.read(P0, 5, lane_waiting=1)
    member.call_bytes = 199
    member.update()
    assert member.backpressure.room(member.in_flight) == 5

    member.call_bytes = 200
    member.update()
    assert member.backpressure.room(member.in_flight) == 0
    member.update(after_s=PAUSE_AFTER_S)
    assert {P0, P1} == member.paused

    member.call_bytes = 101
    member.update()
    assert {P0, P1} == member.paused

    member.call_bytes = 100
    member.update()
    assert not member.paused


def test_dependency_that_is_away_pauses_everything_at_once(member: Member) -> None:
    """Seg, the dead-letter topic, the registry: until it is back nothing can be finished."""
    member.update(away=True)
    assert {P0, P1} == member.paused

    member.update(after_s=3_600.0, away=True)
    assert {P0, P1} == member.paused

    member.update()
    assert not member.paused


def test_what_an_outage_left_is_worked_off_first(member: Member) -> None:
    """A dependency that is back with more than half in flight goes on without new records."""
    member.read(P0, 6, lane_waiting=1)
    member.update(away=True)

    member.update()
    assert {P0, P1} == member.paused

    member.finish(P0, 1)
    member.update()
    assert not member.paused


def test_window_that_is_full_pauses_its_partition_until_half(member: Member) -> None:
    """One slow call does not let its partition run away, and holds up no other."""
    member.read(P0, 1)  # at 0
    member.ignore(P0, 8)
    member.read(P0, 2)  # at 9 and 10
    member.ignore(P0, 8)
    member.update()
    assert not member.paused

    member.read(P0, 1)  # at 19
    member.update()
    assert {P0} == member.paused

    member.finish(P0, 1)
    member.update()
    assert {P0} == member.paused

    member.finish(P0, 1)
    member.update()
    assert not member.paused


def test_records_with_nothing_to_do_fill_the_window_too(member: Member) -> None:
    """One slow call among events that are all ignored: the window is bounded all the same."""
    member.read(P0, 1)
    member.ignore(P0, 500)

    member.update()

    assert {P0} == member.paused


def test_long_lane_pauses_its_partition(member: Member) -> None:
    """A key with far too many calls stops its partition until half of them can be left."""
    member.read(P0, 6, lane_waiting=6)
    assert {P0} == member.paused

    member.finish(P0, 2)
    member.update()
    assert {P0} == member.paused

    member.finish(P0, 1)
    member.update()
    assert not member.paused


def test_smallest_bounds_stop_nothing_for_good(member: Member) -> None:
    """With one record at a time the next is read when the last is done."""
    member.backpressure = Backpressure(member.source, Bounds(records=1, window=1, lane=1))
    member.update()
    assert not member.paused

    member.read(P0, 1)
    assert {P0} == member.paused

    member.finish(P0, 1)
    member.update()
    assert not member.paused


def test_partition_that_is_full_stays_paused_when_the_others_go_on(member: Member) -> None:
    """Each pause ends for its own reason."""
    member.read(P0, 5, lane_waiting=6)
    member.update(away=True)

    member.update()

    assert {P0} == member.paused


def test_relief_of_one_partition_waits_for_the_pause_of_all(member: Member) -> None:
    """While everything is paused nothing is resumed."""
    member.read(P0, 5, lane_waiting=6)
    member.update(away=True)
    member.finish(P0, 5)

    member.update(away=True)
    assert {P0, P1} == member.paused

    member.update()
    assert not member.paused


def test_partition_that_comes_while_all_is_paused_is_paused(member: Member) -> None:
    """A rebalance in the middle of an outage reads nothing."""
    member.source.lose(P1)
    member.update(away=True)

    member.source.assign(P1)

    assert {P0, P1} == member.paused


@pytest.mark.parametrize("why", ["everything", "itself"])
def test_partition_that_comes_back_is_read(member: Member, why: str) -> None:
    """A pause is kept by librdkafka over a revoke and an assignment (confluent-kafka-go issue 193).

    Whatever paused it when it went, and even if that ended while it was away.
    """
    if why == "itself":
        member.read(P0, 6, lane_waiting=6)
    member.update(away=why == "everything")
    member.source.lose(P0)
    member.update()

    member.source.assign(P0)

    assert not member.paused


class Schedules(RuleBasedStateMachine):
    """Any traffic, any outages, any rebalances: what is paused is what should be, and it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.member = Member()
        self.full_for_s = 0.0

    @rule(
        seconds=st.sampled_from([0.0, 0.4, 2.0]),
        away=st.booleans(),
        reads=st.lists(st.tuples(st.sampled_from([P0, P1]), st.integers(0, 7)), max_size=12),
    )
    def turn(self, seconds: float, away: bool, reads: list[tuple[Partition, int]]) -> None:  # noqa: FBT001 - hypothesis passes it
        """Update, then read from what is not paused; a lane length of 0 is an ignored record."""
        member, bounds = self.member, BOUNDS
        records, kept_bytes = member.in_flight
        full = records >= bounds.records or kept_bytes >= bounds.kept_bytes
        member.update(after_s=seconds, away=away)
        assert member.backpressure.paused or not away
        for tenure in member.tenures:
            assert tenure.ledger.window < bounds.window or tenure.pauses
        room = member.backpressure.room(member.in_flight)
        assert full is (room <= 0)
        for partition, lane in reads[: max(0, room)]:
            if partition not in member.source.owned - member.paused:
                continue
            if lane:
                in_flight = member.source.tenures[partition].ledger.in_flight
                member.read(partition, 1, lane_waiting=min(lane, in_flight + 1))
            else:
                member.ignore(partition, 30)

    @rule(call_bytes=st.sampled_from([1, 100, 300]))
    def resize(self, call_bytes: int) -> None:
        """What is in flight is of another size."""
        self.member.call_bytes = call_bytes

    @rule(partition=st.sampled_from([P0, P1]), count=st.integers(1, 10))
    def finish(self, partition: Partition, count: int) -> None:
        """Finish the oldest."""
        tenure = self.member.source.tenures.get(partition)
        if tenure is not None:
            self.member.finish(partition, min(count, tenure.ledger.in_flight))

    @rule(partition=st.sampled_from([P0, P1]))
    def rebalance(self, partition: Partition) -> None:
        """A partition comes or goes."""
        source = self.member.source
        if partition in source.owned:
            source.lose(partition)
        else:
            source.assign(partition)

    @invariant()
    def all_is_paused_or_only_what_is_full(self) -> None:
        """While everything is paused nothing is read, whatever comes and goes."""
        member = self.member
        if member.backpressure.paused:
            assert member.paused == member.source.owned

    def teardown(self) -> None:
        """When the dependencies are back and the work is done everything is read again."""
        member = self.member
        for tenure in member.tenures:
            member.finish(tenure.partition, tenure.ledger.in_flight)

        member.update()

        assert not member.paused
        assert not member.backpressure.paused
        assert BOUNDS.records == member.backpressure.room(member.in_flight)


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
