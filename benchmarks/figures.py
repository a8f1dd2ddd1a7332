"""Figures of several rounds, and their ratios.

Others use the machine, too: what is compared ran one after the other in the same round, and a
ratio is the median of the rounds', with the lowest and the highest.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Figures = dict[str, float]
"""What one contender did in one round."""

RATE = "events_per_s"
CPU = "cpu_us_per_event"
WARM = "warm_"
"""Before these two: of the second half of the events alone."""


class Spread(NamedTuple):
    """The ratios of several rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], key: str) -> Spread:
    """Return how *ours* compares to *theirs*, round by round."""
    each = [a[key] / b[key] for a, b in zip(ours, theirs, strict=True)]
    return Spread(median(each), min(each), max(each))


def middle(rounds: Sequence[Figures], key: str) -> float:
    """Return the median of *key*."""
    return median(figures[key] for figures in rounds)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of *values* lie; NaN where there are none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")
