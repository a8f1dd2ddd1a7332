"""How many requests at once: a limit that finds its own level by latency.

From `START` it rises by one for each answer that comes in time, so it doubles with each round trip,
until requests queue at the other end; it goes half back, and from then on rises by its square root
and falls by a tenth. It judges rounds: as many answers as it allows requests, and, once it no
longer doubles, only to requests that were sent since it changed last.

Requests queue where a round's *median* is both `LATENCY_TOLERANCE` times the best round's and
`LATENCY_SLACK_S` above it: a few outliers move no median, and a shorter queue harms nobody. At
twice the latency of an idle Seg half of the requests wait, so Seg is busy and its queue bounded.

Slowing down must help, or it is undone. A latency that does not fall with the limit is no queue of
ours, but how slow Seg is now. Where more requests than usual are left without an answer half as
many go at once, on trial (`trial`). What Seg refuses is `rate`'s matter.
"""

from __future__ import annotations

from math import sqrt
from statistics import median_high as median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.seg.trial import Trial, Usual

START = 10
"""Where it begins, between floor and ceiling: as many as TCP sends at first (RFC 6928)."""
ROUND_ANSWERS_MIN = 10
"""The median of fewer says little."""
FIRST_ANSWERS = 3
"""So many tell how quick Seg is; the limit rises by what comes after them."""
LATENCY_TOLERANCE = 2.0
LATENCY_SLACK_S = 0.002
DECREASE = 0.9
CURED = 0.75
"""A latency that falls to this part when we halve ours was our doing, more or less."""


class Concurrency:
    """The limit on requests in flight; between *floor* and *ceiling*, both at least 1."""

    def __init__(self, floor: int, ceiling: int, usual: Usual) -> None:
        self._floor = float(floor)
        self._ceiling = float(ceiling)
        self._in_flight = 0
        self._best_s: float | None = None
        self._usual = usual
        self._limit = self._floor
        self.limit = floor
        """How many requests may be in flight now."""
        self.restart()

    def restart(self) -> None:
        """Begin again, doubling: what was learnt belongs to another time."""
        self._doubling = True
        self._slow: tuple[float, float] | None = None  # limit and median when it became slow
        self._trial: tuple[Trial, float, bool] | None = None  # what it goes back to
        self._set(min(max(self._floor, START), self._ceiling))

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
            if self._doubling and self._full:
                self._rise(seconds)
        else:
            return
        if len(self._seconds) + self._failed >= self._round:
            self._judge()

    def _rise(self, seconds: float) -> None:
        if self._best_s is None:
            if len(self._seconds) >= FIRST_ANSWERS:
                self._best_s = median(self._seconds)
        elif not self._is_slow(seconds):
            self._limit = min(self._limit + 1.0, self._ceiling)
            self.limit = int(self._limit)
            self._doubling = self._limit < self._ceiling

    def _is_slow(self, seconds: float) -> bool:
        best_s = self._best_s or seconds
        return seconds > max(best_s * LATENCY_TOLERANCE, best_s + LATENCY_SLACK_S)

    def _judge(self) -> None:
        answers = len(self._seconds) + self._failed
        failed = self._failed / answers
        if self._trial is not None:
            self._try(failed, answers)
        elif self._usual.exceeded_by(failed - 1.0 / sqrt(answers), answers):
            self._trial = self._usual.trial(failed, answers), self._limit, self._doubling
            self._doubling = False
            self._set(max(self._limit / 2, self._floor))
        else:
            self._usual.less(failed, answers)
            self._judge_latency()

    def _try(self, failed: float, answers: int) -> None:
        """See whether half as many requests are left without an answer less often."""
        assert self._trial is not None  # noqa: S101 - the caller looks
        trial, limit, doubling = self._trial
        helped = trial.helped(failed, answers)
        if helped is None:
            self._round = 2 * answers
            return
        self._trial = None
        if helped:
            self._start_round()
            return
        self._usual.learn(min(failed, trial.before), answers)
        self._doubling = doubling
        self._set(limit)

    def _judge_latency(self) -> None:
        if not self._seconds:
            self._start_round()
            return
        median_s = median(self._seconds)
        self._best_s = min(median_s, self._best_s or median_s)
        if self._is_slow(median_s):
            self._slow_down(median_s)
            return
        self._slow = None
        if self._doubling or not self._full:  # a limit that nobody reached has proved nothing
            self._start_round()
        else:
            self._set(min(self._limit + sqrt(self._limit), self._ceiling))

    def _slow_down(self, median_s: float) -> None:
        if self._doubling:
            self._doubling = False
            self._set(max(self._limit / 2, self._floor))
            return
        limit, before_s = self._slow or (self._limit, median_s)
        self._slow = limit, max(before_s, median_s)  # a queue takes its time to fill
        if self._limit <= max(limit / 2, self._floor):
            self._slow = None
            if median_s >= before_s * CURED:
                self._best_s = median_s
                self._set(limit)
                return
        self._set(max(self._limit * DECREASE, self._floor))

    def _set(self, limit: float) -> None:
        self._limit = limit
        self.limit = int(limit)
        self._sent_before = self._in_flight  # their answers say nothing about the new limit
        self._start_round()

    def _start_round(self) -> None:
        self._round = max(self.limit, ROUND_ANSWERS_MIN)
        self._seconds: list[float] = []
        self._failed = 0
        self._full = False
