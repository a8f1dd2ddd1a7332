"""A storm of poison is told from poison: by share, or by a run that begins with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.errors import DeadLetterReason
from consumer.core.model import DeadLetter
from consumer.flow.storm import FIRST, KEPT_BYTES, QUIET_S, WINDOW, StormGuard
from tests.fakes import a_record


def letter(size_bytes: int = 10) -> DeadLetter:
    """Return a letter of a record of that size."""
    record = a_record(key=None, value=bytes(size_bytes))
    return DeadLetter(record, DeadLetterReason.BAD_AVRO, "no datum", attempts=0, status=None)


def feed(guard: StormGuard, *, poison: int = 0, healthy: int = 0) -> list[bool]:
    """Note *healthy* records, then *poison* ones; return of each of the latter: is it a storm?"""
    for _ in range(healthy):
        guard.healthy()
    said = []
    for _ in range(poison):
        guard.poison(letter())
        said.append(guard.storm)
    return said


def test_run_that_begins_with_nothing_but_poison_is_a_storm() -> None:
    """The hundredth record in a row, all of them poison, is where it is seen."""
    said = feed(StormGuard(0.5), poison=FIRST + 1)

    assert [False] * 99 + [True, True] == said


def test_one_good_record_makes_the_first_hundred_poison() -> None:
    """The setting is right, then: it is the share that counts."""
    guard = StormGuard(0.5)

    assert not any(feed(guard, healthy=1, poison=FIRST))


def test_share_is_judged_over_a_full_window() -> None:
    """Of the first 999 records nothing can be said but that they do not begin with poison."""
    guard = StormGuard(0.5)

    said = feed(guard, healthy=1, poison=WINDOW - 1)

    assert [False] * 998 + [True] == said


def test_half_is_not_a_storm_and_more_than_half_is() -> None:
    """Of the last 1,000 records 500 are borne, 501 are not."""
    guard = StormGuard(0.5)
    feed(guard, poison=1)

    said = feed(guard, healthy=WINDOW, poison=501)

    assert [False] * 500 + [True] == said


def test_record_that_is_long_past_counts_no_more() -> None:
    """The window moves on by one record at a time."""
    guard = StormGuard(0.5)
    feed(guard, poison=1)

    said = feed(guard, healthy=WINDOW - 1, poison=501)

    assert [False] * 500 + [True] == said


def test_limit_of_zero_switches_the_guard_off() -> None:
    """Then everything may be poison."""
    assert not any(feed(StormGuard(0), poison=2 * WINDOW))


def test_text_tells_what_was_seen() -> None:
    """It goes into the readiness answer and into the log; the newest letter that is kept, too."""
    guard = StormGuard(0.5)

    feed(guard, healthy=3, poison=2)
    text = "2 of the last 5 records would be dead-lettered"
    assert guard.text == f"{text}, events/0/0 as bad_avro: no datum"
    guard.released(0.0)
    assert guard.text == text

    feed(guard, healthy=WINDOW - 1)
    assert guard.text == "1 of the last 1000 records would be dead-lettered"


def test_healthy_records_may_be_told_together() -> None:
    """What an answer decides about many calls is one word to the guard."""
    guard = StormGuard(0.5)
    feed(guard, poison=1)

    guard.healthy(WINDOW)
    guard.released(0.0)

    assert guard.text == "0 of the last 1000 records would be dead-lettered"


@settings(max_examples=60, deadline=None)
@given(
    limit=st.sampled_from([0.01, 0.25, 0.5, 0.999, 1.0]),
    runs=st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=8),
)
def test_guard_agrees_with_the_plain_definition(limit: float, runs: list[tuple[bool, int]]) -> None:
    """Whatever came before, a storm is: the run is poison only, or the share is over the limit."""
    guard, seen, stormed = StormGuard(limit), list[bool](), False
    for is_poison, count in runs:
        for _ in range(count):
            seen.append(is_poison)
            if not is_poison:
                guard.healthy()
                continue
            guard.poison(letter())
            window = seen[-WINDOW:]
            only_poison = len(seen) >= FIRST and False not in window and False not in seen
            over = len(window) == WINDOW and sum(window) > limit * WINDOW
            stormed |= only_poison or over
            assert guard.storm is stormed


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_settings_bounds_are_limits(limit: float) -> None:
    """With a limit of one, only a run of nothing but poison is a storm; with none, nothing is."""
    said = feed(StormGuard(limit), healthy=1, poison=2 * WINDOW)

    assert not any(said)


class TestKeptBack:
    """Letters that may be of a storm go when it is known that they are not."""

    def test_until_no_more_than_the_limit_of_a_young_run_are_poison(self) -> None:
        """One good record after three bad ones says little; two more, and they are poison."""
        guard = StormGuard(0.5)
        feed(guard, poison=3)
        said = []
        for _ in range(3):
            guard.healthy()
            said.append(len(guard.released(0.0)))

        assert said == [0, 0, 3]
        assert guard.kept_bytes == 0

    def test_not_in_a_run_that_is_long_enough(self) -> None:
        """There poison is poison at once, until the share is a storm's."""
        guard = StormGuard(0.5)
        feed(guard, healthy=WINDOW)

        assert [feed(guard, poison=1) and len(guard.released(0.0)) for _ in range(500)] == [1] * 500
        assert feed(guard, poison=1) == [True]
        assert guard.released(0.0) == []

    def test_until_nothing_has_followed_for_a_while(self) -> None:
        """Where records come, the wait begins anew."""
        guard = StormGuard(0.5)
        feed(guard, poison=1)
        early = [guard.released(0.0), guard.released(QUIET_S - 1)]
        feed(guard, poison=1)
        early += [guard.released(QUIET_S), guard.released(2 * QUIET_S - 1)]

        assert early == [[], [], [], []]
        assert len(guard.released(2 * QUIET_S)) == 2

    def test_a_good_record_that_fills_the_window_lets_no_storm_go(self) -> None:
        """What is judged is the window, whatever its last record is."""
        guard = StormGuard(0.5)
        feed(guard, healthy=1, poison=WINDOW - 2)
        guard.healthy()

        assert guard.released(0.0) == []
        assert guard.storm

    def test_for_good_once_it_is_a_storm(self) -> None:
        """Whatever comes later, and however long it is quiet."""
        guard = StormGuard(0.5)
        feed(guard, poison=FIRST)
        feed(guard, healthy=10 * WINDOW)

        assert guard.storm
        assert guard.released(0.0) == guard.released(10 * QUIET_S) == []

    def test_not_at_all_where_the_guard_is_off(self) -> None:
        """All that is bad goes at once."""
        guard = StormGuard(0)
        feed(guard, poison=5)

        assert len(guard.released(0.0)) == 5

    def test_as_much_as_the_bound_on_bytes_allows(self) -> None:
        """A run that begins with so much poison is a storm; with something healthy in it, go."""
        storm, mixed = StormGuard(0.5), StormGuard(0.5)
        mixed.healthy()
        for guard in (storm, mixed):
            guard.poison(letter(KEPT_BYTES // 2))
            guard.poison(letter(KEPT_BYTES // 2))

        assert storm.storm
        assert storm.kept_bytes == KEPT_BYTES
        assert not mixed.storm
        assert len(mixed.released(0.0)) == 2
