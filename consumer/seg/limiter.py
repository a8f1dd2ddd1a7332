"""How many requests at once: a limit that finds its own level by latency.

From the floor it doubles until requests queue at the other end, goes half back, and from then on
rises by its square root and falls by a tenth. It judges rounds: as many answers as it allows
requests, and only to requests that were sent since it changed last.

Requests queue where a round's *median* is both `LATENCY_TOLERANCE` times the best round's and
`LATENCY_SLACK_S` above it: a few outliers move no median, and a shorter queue harms nobody. At
twice the latency of an idle Seg half of the requests wait, so Seg is busy and its queue bounded.

Slowing down must help, or it is undone. A latency that does not fall with the limit is no queue of
ours, and requests that are left without an answer as often as before are so at random: both are
Seg's usual state then (`weather`). What Seg refuses is `rate`'s matter.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consumer.seg.weather import Usual

ROUND_ANSWERS_MIN = 10
"""The median of fewer says little."""
LATENCY_TOLERANCE = 2.0
LATENCY_SLACK_S = 0.002
DECREASE = 0.9
CURED = 0.75
"""What falls to this share when we halve our part was our doing, more or less."""


class Concurrency:
    """The limit on requests in flight; between *floor* and *ceiling*, both at least 1."""

    def __init__(self, floor: int, ceiling: int, usual: Usual) -> None:
        self._floor = float(floor)
        self._ceiling = float(ceiling)
        self._in_flight = 0
        self._best_s: float | None = None
        self._usual = usual
        self.limit = floor
        """How many requests may be in flight now."""
        self.restart()

    def restart(self) -> None:
        """Begin at the floor again, doubling: what was learnt belongs to another time."""
        self._doubling = True
        self._trouble: _Trouble | None = None
        self._set(self._floor)

    def started(self) -> None:
        """Count one request."""
        self._in_flight += 1
        if self._in_flight >= self.limit:
            self._full = True

    def answered(self, seconds: float | None, *, failed: bool) -> None:
        """Note the end of a request.

        *seconds* is what it took, None where that tells nothing: an error comes faster than the
        true answer. *failed* is no answer at all.
        """
        self._in_flight -= 1
        if self._sent_before:
            self._sent_before -= 1
            return
        if failed:
            self._failed += 1
        elif seconds is not None:
            self._seconds.append(seconds)
        else:
            return
        if len(self._seconds) + self._failed >= self._round:
            self._judge()

    def _judge(self) -> None:
        seconds = sorted(self._seconds)
        answers = len(seconds) + self._failed
        failed = self._failed / answers
        median_s = seconds[len(seconds) // 2] if seconds else None
        slow = False
        if median_s is not None:
            self._best_s = best_s = min(median_s, self._best_s or median_s)
            slow = median_s > max(best_s * LATENCY_TOLERANCE, best_s + LATENCY_SLACK_S)
        if slow or self._usual.exceeded_by(failed - 1.0 / sqrt(answers), answers):
            self._slow_down(_Trouble(self._limit, median_s, failed))
            return
        self._trouble = None
        self._usual.less(failed, answers)
        if self._full:  # a limit that nobody reached has proved nothing
            grown = self._limit * 2 if self._doubling else self._limit + sqrt(self._limit)
            self._set(min(grown, self._ceiling))
        else:
            self._start_round()

    def _slow_down(self, trouble: _Trouble) -> None:
        if self._doubling:
            self._doubling = False
            self._set(max(self._limit / 2, self._floor))
            return
        began = self._trouble = self._trouble or trouble
        if self._limit <= max(began.limit / 2, self._floor):
            self._trouble = None
            if not trouble.is_cured_of(began):
                self._best_s = trouble.median_s
                self._usual.learn(trouble.failed, self._round)
                self._set(began.limit)
                return
        self._set(max(self._limit * DECREASE, self._floor))

    def _set(self, limit: float) -> None:
        self._limit = limit
        self.limit = int(limit)
        self._round = max(self.limit, ROUND_ANSWERS_MIN)
        self._sent_before = self._in_flight  # their answers say nothing about the new limit
        self._start_round()

    def _start_round(self) -> None:
        self._seconds: list[float] = []
        self._failed = 0
        self._full = False


class _Trouble(NamedTuple):
    """What a bad round looked like."""

    limit: float
    median_s: float | None
    failed: float

    @property
    def taken(self) -> float:
        """The share of requests that did not fail."""
        return 1.0 - self.failed

    def is_cured_of(self, began: _Trouble) -> bool:
        """Tell whether the trouble has become notably less since it *began*."""
        if self.failed < began.failed * CURED or began.taken < self.taken * CURED:
            return True
        if self.median_s is None or began.median_s is None:
            return False
        return self.median_s < began.median_s * CURED
