"""The heart of the promise: which offsets are finished, over crashes, gaps and new owners."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.checkpoint import decode, encode
from consumer.core.ledger import Checkpoint, Ledger


def read(ledger: Ledger, *offsets: int) -> list[bool]:
    """Start the records at *offsets*; return for each whether there is work to do."""
    return [ledger.start(offset) for offset in offsets]


def finish(ledger: Ledger, *offsets: int) -> None:
    """Finish the records at *offsets*."""
    for offset in offsets:
        ledger.finish(offset)


def test_position_waits_for_the_oldest_record_in_flight() -> None:
    """The picture at the top of the module: 43 is finished and waits for 42."""
    ledger = Ledger()
    read(ledger, 41, 42, 43, 44)

    finish(ledger, 41, 43)

    assert ledger.position == 42
    assert ledger.in_flight == 2
    assert Checkpoint(42, 45, (42, 44)) == ledger.checkpoint()


def test_position_is_the_next_to_read_when_nothing_is_in_flight() -> None:
    """The position after the last finished record is the next offset, as Kafka counts it."""
    ledger = Ledger()
    read(ledger, 41)

    finish(ledger, 41)

    assert Checkpoint(42, 42, ()) == ledger.checkpoint()


def test_nothing_is_committed_before_the_first_record() -> None:
    """A partition without a commit has no position before its first record."""
    ledger = Ledger()

    assert ledger.position is None
    assert ledger.checkpoint() is None
    assert ledger.window == 0


def test_what_was_inherited_is_what_would_be_committed() -> None:
    """An owner that has read nothing yet knows exactly what the last one did: no commit is due."""
    inherited = Checkpoint(10, 20, (10, 15))

    assert inherited == Ledger(inherited).checkpoint()


def test_next_owner_does_only_what_is_unfinished() -> None:
    """Records that the last owner finished above its position are skipped, the others are not."""
    ledger = Ledger(Checkpoint(10, 13, (10, 12)))

    assert [True, False, True, True] == read(ledger, 10, 11, 12, 13)


def test_next_owner_may_crash_before_it_has_read_everything_again() -> None:
    """A checkpoint made half way through the inherited one keeps what lies ahead of the reader."""
    ledger = Ledger(Checkpoint(10, 20, (10, 12, 15)))
    read(ledger, 10, 11, 12)
    finish(ledger, 10)

    assert Checkpoint(12, 20, (12, 15)) == ledger.checkpoint()


def test_what_was_inherited_ends_with_its_horizon() -> None:
    """Beyond it an owner knows by itself what is finished, also with something old in flight."""
    ledger = Ledger(Checkpoint(10, 13, (10, 12)))
    read(ledger, 10, 11, 12, 13, 14, 15)
    finish(ledger, 12, 14)

    assert Checkpoint(10, 16, (10, 13, 15)) == ledger.checkpoint()


def test_record_that_was_read_before_needs_no_work() -> None:
    """A record that Kafka gives twice (a seek, a pause that purged) is started once."""
    ledger = Ledger()

    assert [True, True, False, False, True] == read(ledger, 5, 6, 5, 6, 7)


def test_finishing_twice_is_refused() -> None:
    """The second finish of a record would hide that another one was lost."""
    ledger = Ledger()
    read(ledger, 5)
    finish(ledger, 5)

    with pytest.raises(KeyError):
        ledger.finish(5)


def test_what_no_reader_gets_is_passed_over() -> None:
    """The marker of a transaction at the end of the log: nothing will ever appear there."""
    ledger = Ledger()
    ledger.start(41)
    ledger.pass_over(43)
    assert ledger.checkpoint() == Checkpoint(41, 43, (41,))

    ledger.finish(41)
    assert ledger.checkpoint() == Checkpoint(43, 43, ())
    assert not ledger.start(42)
    assert ledger.start(43)


def test_reader_is_not_believed_before_the_first_record() -> None:
    """It may tell where it was before it was set to the committed offset: that would be a loss."""
    for ledger in (Ledger(), Ledger(Checkpoint(40, 40, ()))):
        ledger.pass_over(100)

        assert ledger.start(41)


def test_reader_that_is_behind_takes_nothing_back() -> None:
    """What was read stays read."""
    ledger = Ledger()
    ledger.start(41)

    ledger.pass_over(40)

    assert ledger.next_offset == 42


def test_what_is_passed_over_was_not_left_by_the_last_owner() -> None:
    """Below the horizon too: what it had not finished is gone from the log."""
    ledger = Ledger(Checkpoint(41, 50, (41, 45)))
    ledger.start(41)
    ledger.pass_over(46)
    assert ledger.checkpoint() == Checkpoint(41, 50, (41,))

    ledger.pass_over(50)
    ledger.finish(41)
    assert ledger.checkpoint() == Checkpoint(50, 50, ())


def test_gap_counts_as_finished() -> None:
    """Offsets that compaction or a transaction marker took away hold nothing up."""
    ledger = Ledger(Checkpoint(10, 20, (10, 15)))
    read(ledger, 10, 18)  # 15 is gone from the log

    finish(ledger, 10)

    assert Checkpoint(19, 20, ()) == ledger.checkpoint()


def test_window_is_from_the_position_to_the_newest() -> None:
    """The window counts offsets, gaps included, and is empty when nothing is in flight."""
    ledger = Ledger()
    read(ledger, 10, 11, 30)

    finish(ledger, 10)
    assert ledger.window == 20

    finish(ledger, 11, 30)
    assert ledger.window == 0


def test_timestamps_are_of_the_oldest_in_flight_and_of_the_newest_read() -> None:
    """The lag in seconds is made of these two."""
    ledger = Ledger()
    for offset, timestamp_ms in ((1, 100), (2, 200), (3, 300)):
        ledger.start(offset, timestamp_ms)
    finish(ledger, 1)
    assert (200, 300) == (ledger.oldest_timestamp_ms, ledger.newest_timestamp_ms)

    ledger.start(4, None)
    assert (200, None) == (ledger.oldest_timestamp_ms, ledger.newest_timestamp_ms)


class Schedules(RuleBasedStateMachine):
    """One partition through many owners: read, finish, commit and crash in any order.

    The model is three sets of offsets: what the log holds, what the owner knows to be finished,
    and what was known when the last commit was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.known: set[int] = set()
        self.in_flight: set[int] = set()
        self.read = 0  # so many records of the log
        self.ledger = Ledger()
        self.commit: tuple[int, str] | None = None
        self.known_at_commit: frozenset[int] = frozenset()

    @rule(gaps=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def produce(self, gaps: list[int]) -> None:
        """Write records; before each one as many offsets hold nothing."""
        for gap in gaps:
            self.log.append((self.log[-1] + 1 if self.log else 0) + gap)

    @precondition(lambda self: self.read < len(self.log))
    @rule(count=st.integers(1, 12))
    def consume(self, count: int) -> None:
        """Work is done for each record that no commit has called finished, and for no other."""
        for offset in self.log[self.read : self.read + count]:
            assert (offset not in self.known) is self.ledger.start(offset)
            self.read += 1
            if offset not in self.known:
                self.in_flight.add(offset)

    @precondition(lambda self: self.read)
    @rule(back=st.integers(0, 10))
    def consume_again(self, back: int) -> None:
        """A record that is read again in the same assignment changes nothing."""
        before = self.ledger.checkpoint()

        assert not self.ledger.start(self.log[max(0, self.read - 1 - back)])
        assert before == self.ledger.checkpoint()

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Finish any records in flight."""
        one = st.sampled_from(sorted(self.in_flight))
        for offset in data.draw(st.lists(one, min_size=1, unique=True)):
            self.ledger.finish(offset)
            self.in_flight.remove(offset)
            self.known.add(offset)

    @rule()
    def commit_it(self) -> None:
        """Commit through the text that the broker keeps."""
        checkpoint = self.ledger.checkpoint()
        if checkpoint is not None:
            self.commit = checkpoint.position, encode(checkpoint)
            self.known_at_commit = frozenset(self.known)

    @rule(revoked=st.booleans())
    def next_owner(self, revoked: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        """It goes on from the last commit, made just now or before a crash."""
        if revoked:
            self.commit_it()
        checkpoint = None if self.commit is None else decode(*self.commit)
        position = 0 if checkpoint is None else checkpoint.position
        self.ledger = Ledger(checkpoint)
        self.known = set(self.known_at_commit)
        self.in_flight = set()
        self.read = sum(offset < position for offset in self.log)

    @invariant()
    def position_is_never_beyond_an_unfinished_record(self) -> None:
        """Nothing below the position is unfinished, and it is no lower than that asks for."""
        position = self.ledger.position
        if position is None:
            assert not self.read
            return
        assert self.known.issuperset(offset for offset in self.log if offset < position)
        if self.in_flight:
            assert min(self.in_flight) == position

    @invariant()
    def in_flight_is_what_was_started_and_not_finished(self) -> None:
        """The count is the truth."""
        assert len(self.in_flight) == self.ledger.in_flight

    def teardown(self) -> None:
        """The last owner does every record that was not known to be done, and commits them all."""
        self.next_owner(revoked=False)
        done = [offset for offset in self.log[self.read :] if self.ledger.start(offset)]
        finish(self.ledger, *done)

        assert set(self.log) == self.known.union(done)
        if done:
            assert self.log[-1] + 1 == self.ledger.position


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
