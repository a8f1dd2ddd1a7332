"""How many requests a second: the operator's limit, and the one that Seg's refusals teach.

Without refusals (429, 503) there is no limit but the operator's. Where more than
`REFUSED_TOLERANCE` of the requests are refused, the rate is cut to just below what Seg took, and
rises along a cubic curve (as in TCP CUBIC, RFC 9438): quickly up to the rate that was fine before,
gently past it, then ever faster; after three minutes without a cut the throttle is gone.

    fine before |..................._________---  /
                |           __---``                   flat where a refusal is likely,
                |       _-``                          steep where it is not
    cut to      |____-`
                +--------------------------------- time since the cut

Until the first cut requests go in bunches, and Seg may refuse bunches at any rate. So after the
first the rate is found by growing step by step, evenly spaced, until it is refused again.

Cutting must help, as in `limiter`: refusals that do not get fewer are no throttle, and the cut is
taken back. Requests are only counted, so the memory is the same at any rate.

In simulations it settles at 90 to 100 % of a throttle of 20 to 2,000/s, with less than 2 % of the
requests refused, also by a token bucket that saves up nothing (`tests/seg/test_limiter.py`).
"""

from __future__ import annotations

from math import inf, sqrt
from typing import NamedTuple

from consumer.seg.limiter import FORGET

MEASURED_S = 1.0
MEASURED_ANSWERS = 50
"""A rate is judged after so long and so many answers, or after `MEASURED_MAX_S`."""
MEASURED_MAX_S = 10.0
PROOF_ANSWERS = 200
"""So many tell whether a cut has helped."""
CLEAR_REFUSALS = 10
CLEAR = 0.25
"""So many refusals, and more than a quarter of what is taken: no need to wait any longer."""
REFUSED_TOLERANCE = 0.02
REFUSED_MIN = 4
"""Fewer may be chance, whatever their share."""
DECREASE = 0.75
"""A cut goes to this share of what was taken: deep enough to show whether it helps."""
RANDOM_MAX = 0.5
"""A Seg that refuses more than this does so for a reason, whatever a first cut does."""
CREEP = 0.07
"""How far beyond the plateau the rate is after as long again."""
RATE_NEAR = 0.98
"""The plateau lies so close to what was fine."""
PLATEAU_S = 30.0
"""How long after a cut the plateau is reached."""
CUT_ENDS_S = 180.0
EXPLORE = 1.2
"""By how much the rate grows each time that it is judged, after the first cut."""
SOONEST_S = 0.01
"""What came in less time tells no rate."""
LATE_S = 0.005
"""So much lateness of the loop is made up for at once; more would be a bunch."""
_NEARLY_ONE = 1.0 - 1e-6
"""A token, but for the rounding of a wait."""


class Rate:
    """The limit on requests a second: the operator's, and the one that refusals teach."""

    def __init__(self, fixed: float | None, now_s: float) -> None:
        self._fixed = fixed
        self._cut: _Cut | None = None
        self._unproved: _Unproved | None = None
        self._explored = False
        self._fine: float | None = None  # the limit when hardly anything was refused
        self._usual_refused = 0.0  # the share that fewer requests did not cure
        self._tokens = 1.0
        self._filled_at_s = now_s
        self._waits = False
        self.limit = fixed
        """Requests a second that may start now; None where there is no bound."""
        self._since_s: float | None = None  # when the window began; None before its first answer
        self._taken_at_s = now_s
        self._enough = MEASURED_ANSWERS
        self._taken = 0
        self._refused = 0

    def restart(self) -> None:
        """Forget the requests that were counted last: they were of an outage."""
        self._measure_from(None)

    def wait_s(self, now_s: float) -> float:
        """Return how long until the next request may start, seconds; 0 where it may start now."""
        limit = self.limit
        if limit is None:
            return 0.0
        tokens = self._tokens + (now_s - self._filled_at_s) * limit
        late = limit * LATE_S
        most = 1.0 + late if self._waits else max(1.0, late)
        self._tokens = tokens = min(tokens, most)
        self._filled_at_s = now_s
        self._waits = tokens < _NEARLY_ONE
        return (1.0 - tokens) / limit if self._waits else 0.0

    def started(self) -> None:
        """Count one request against the limit."""
        self._tokens -= 1.0

    def answered(self, now_s: float, seconds: float, *, refused: bool) -> None:
        """Note that a request sent *seconds* ago was *refused* (429, 503), or taken or judged."""
        if self._since_s is None:
            self._begin(now_s, seconds)
            return
        if refused:
            self._refused += 1
            if self._refused >= CLEAR_REFUSALS and self._refused > self._taken * CLEAR:
                self._judge(now_s, self._since_s)
                return
        else:
            self._taken += 1
            self._taken_at_s = now_s
        passed_s = now_s - self._since_s
        if passed_s >= MEASURED_S and (
            self._taken + self._refused >= self._enough or passed_s >= MEASURED_MAX_S
        ):
            self._judge(now_s, self._since_s)

    def _begin(self, now_s: float, seconds: float) -> None:
        # An answer to what was sent before a cut tells nothing about the rate after it.
        if self._cut is None or now_s - seconds >= self._cut.at_s:
            self._measure_from(now_s)

    def _measure_from(self, since_s: float | None) -> None:
        self._since_s = since_s
        self._taken = 0
        self._refused = 0

    def _judge(self, now_s: float, since_s: float) -> None:
        answers = self._taken + self._refused
        share = self._refused / answers
        usual = self._usual_refused
        chance = 2.0 * sqrt(usual * (1.0 - usual) / answers)
        cut, self._unproved = self._unproved, None
        self._enough = MEASURED_ANSWERS
        if self._refused < REFUSED_MIN or share <= usual + REFUSED_TOLERANCE + chance:
            self._usual_refused = min(usual, usual + (share - usual) * FORGET)
            self._fine = self.limit
            if self._cut is not None and self._cut.explores:
                self._cut = self._cut._replace(low=self._cut.low * EXPLORE)
            self._measure_from(now_s)
        elif cut is not None and cut.refused / 2.0 < share < min(cut.refused * 2.0, RANDOM_MAX):
            self._cut = cut.before
            self._usual_refused = share
            self._measure_from(now_s)
        elif self._taken:  # else it is an outage, and the breaker's matter
            self._unproved = _Unproved(self._cut, share)
            self._enough = PROOF_ANSWERS
            # Up to the last that was taken: the silence of an outage is no rate.
            taken = self._taken / max(self._taken_at_s - since_s, SOONEST_S)
            self._slow_down(taken, share, now_s)
        self._climb(now_s)

    def _slow_down(self, taken: float, share: float, now_s: float) -> None:
        fine = taken  # what was fine before is void where Seg takes less than half of it
        if self._fine is not None and share < RANDOM_MAX:
            fine = self._fine * RATE_NEAR
        self._explored = self._explored or self._cut is not None
        self._cut = _Cut(min(taken, fine) * DECREASE, fine, now_s, explores=not self._explored)
        self._measure_from(None)

    def _climb(self, now_s: float) -> None:
        learnt = None if self._cut is None else self._cut.limit(now_s)
        if learnt is None:
            self._cut = None
        if self.limit is None:  # nobody has counted so far
            self._tokens = 0.0
            self._filled_at_s = now_s
        self.limit = self._fixed if learnt is None else min(learnt, self._fixed or inf)


class _Cut(NamedTuple):
    """What Seg's refusals taught; rates are requests a second."""

    low: float
    """Where the rate begins again."""
    fine: float
    """What was not refused before, as far as is known: the plateau."""
    at_s: float
    explores: bool
    """The first of all. Requests came in bunches until then, and may have been refused for that."""

    def limit(self, now_s: float) -> float | None:
        """Return the limit at *now_s*; None where the cut is forgotten."""
        if now_s - self.at_s > CUT_ENDS_S:
            return None
        if self.explores:
            return self.low
        plateaus = (now_s - self.at_s) / PLATEAU_S - 1.0
        depth = self.fine - self.low if plateaus < 0.0 else self.fine * CREEP
        return self.fine + depth * plateaus**3


class _Unproved(NamedTuple):
    """A cut that has yet to show that it helps: what was before it."""

    before: _Cut | None
    refused: float
