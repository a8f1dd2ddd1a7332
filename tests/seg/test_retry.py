"""When to try again: full jitter, Retry-After and their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.seg.support import POLICY, chance

SEEDS = st.integers(0, 2**32)
FAILURES = st.integers(1, 10_000)


@given(FAILURES, SEEDS)
def test_bounds(failures: int, seed: int) -> None:
    """The wait lies between nothing and a bound that doubles up to the longest."""
    wait_s = POLICY.wait_s(failures, None, chance(seed))

    assert 0.0 <= wait_s <= min(POLICY.max_s, POLICY.base_s * 2.0 ** min(failures - 1, 1_000))


@pytest.mark.parametrize(("failures", "bound_s"), [(1, 1.0), (2, 2.0), (5, 16.0), (10, 300.0)])
def test_full_jitter(failures: int, bound_s: float) -> None:
    """Waits are spread evenly over all of it: callers who failed together do not come together."""
    dice = chance(7)
    waits = [POLICY.wait_s(failures, None, dice) for _ in range(10_000)]

    quarters = [sum(1 for wait in waits if int(4 * wait / bound_s) == i) for i in range(4)]

    assert all(2_300 < count < 2_700 for count in quarters)


@given(FAILURES, SEEDS, st.floats(0.001, 1e9))
def test_retry_after(failures: int, seed: int, retry_after_s: float) -> None:
    """It is obeyed, never undercut, up to its cap; and at most the base wait longer."""
    wait_s = POLICY.wait_s(failures, retry_after_s, chance(seed))

    obeyed_s = min(retry_after_s, POLICY.retry_after_max_s)
    assert obeyed_s <= wait_s <= obeyed_s + POLICY.base_s


def test_retry_after_spreads() -> None:
    """Those who were told the same second do not come in the same instant."""
    dice = chance(7)

    waits = {POLICY.wait_s(3, 30.0, dice) for _ in range(100)}

    assert len(waits) == 100
