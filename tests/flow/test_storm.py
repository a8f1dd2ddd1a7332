"""A storm of poison is told from poison: by share, or by a run that begins with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.flow.storm import FIRST, WINDOW, StormGuard


def feed(guard: StormGuard, *, poison: int = 0, healthy: int = 0) -> list[bool]:
    """Note *healthy* records, then *poison* ones; return what was said of each of the latter."""
    for _ in range(healthy):
        guard.healthy()
    return [guard.poison() for _ in range(poison)]


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
    """It goes into the readiness answer and into the log."""
    guard = StormGuard(0.5)

    feed(guard, healthy=3, poison=2)
    assert guard.text == "2 of the last 5 records would be dead-lettered"

    feed(guard, healthy=WINDOW - 1)
    assert guard.text == "1 of the last 1000 records would be dead-lettered"


def test_healthy_records_may_be_told_together() -> None:
    """What an answer decides about many calls is one word to the guard."""
    guard = StormGuard(0.5)
    feed(guard, poison=1)

    guard.healthy(WINDOW)

    assert guard.text == "0 of the last 1000 records would be dead-lettered"


@settings(max_examples=60, deadline=None)
@given(
    limit=st.sampled_from([0.01, 0.25, 0.5, 0.999, 1.0]),
    runs=st.lists(st.tuples(st.booleans(), st.integers(1, 700)), max_size=8),
)
def test_guard_agrees_with_the_plain_definition(limit: float, runs: list[tuple[bool, int]]) -> None:
    """Whatever came before, a storm is: the run is poison only, or the share is over the limit."""
    guard, seen = StormGuard(limit), list[bool]()
    for is_poison, count in runs:
        for _ in range(count):
            seen.append(is_poison)
            if not is_poison:
                guard.healthy()
                continue
            window = seen[-WINDOW:]
            only_poison = len(seen) >= FIRST and False not in window and False not in seen
            over = len(window) == WINDOW and sum(window) > limit * WINDOW
            assert guard.poison() is (only_poison or over)


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_settings_bounds_are_limits(limit: float) -> None:
    """With a limit of one, only a run of nothing but poison is a storm; with none, nothing is."""
    said = feed(StormGuard(limit), healthy=1, poison=2 * WINDOW)

    assert not any(said)
