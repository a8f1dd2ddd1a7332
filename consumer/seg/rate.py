"""How many requests a second: the operator's limit, and the one that Seg's refusals teach.

Without refusals (429, 503) there is no limit but the operator's. Where more are refused than is
usual (`weather`), the rate is cut to just below what Seg took, and rises along a cubic curve (as in
TCP CUBIC, RFC 9438): quickly up to the rate that was fine before, gently past it, then ever faster;
after three minutes without a cut the throttle is gone.

    fine before |..................._________---  /
                |           __---``                   flat where a refusal is likely,
                |       _-``                          steep where it is not
    cut to      |____-`
                +--------------------------------- time since the cut

Each cut is on trial (`trial`): where it does not help it is undone. So refusals that strike at
random cost one trial and no more, whatever their share.

Until the first cut requests go in bunches, and Seg may refuse bunches at any rate. So after the
first the rate is found by growing step by step, evenly spaced, until it is refused again.

A throttle refuses sooner than it answers what it takes, so its refusals come in rows, as those of
an outage do. `dispatch` keeps no more requests under way than the breaker has failures left.

Requests are only counted, so the memory is the same at any rate. In simulations it settles at 90 to
100 % of a throttle of 20 to 2,000/s, with less than 2 % of the requests refused, also by a token
bucket that saves up nothing (`tests/seg/test_limiter.py`); `docs/weather.md` has the shares of
random refusals.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from consumer.seg.trial import TRIAL_ANSWERS

if TYPE_CHECKING:
    from consumer.seg.trial import Trial, Usual

MEASURED_S = 1.0
"""A rate is judged after so long; where it is clear, after `CLEAR_REFUSALS`."""
CLEAR_REFUSALS = 10
"""So many refusals, and more than usual: no need to wait any longer."""
CLEAR_LATENCIES = 5
"""But so many answers' time at least before the first cut: refusals come faster than answers do."""
OUTAGE_S = 5.0
"""What opens the breaker for less than that may be a throttle, and is measured on."""
VOID = 0.5
"""What was fine before is void where Seg refuses more than this."""
DECREASE = 0.75
"""A cut goes to this share of what was taken: deep enough to show whether it helps."""
FLOOR_S = 1.0
"""No refusals cut the rate below so many requests a second."""
CREEP = 0.07
"""How far beyond the plateau the rate is after as long again."""
PLATEAU_S = 30.0
"""How long after a cut the plateau is reached."""
CUT_ENDS_S = 180.0
EXPLORE = 1.2
"""By how much the rate grows each time that it is judged, after the first cut."""
EXPLORE_ANSWERS = 10
"""So many answers without a refusal are enough for that."""
SOONEST_S = 0.01
"""What came in less time tells no rate."""
LATE_S = 0.005
"""So much lateness of the loop is made up for at once; more would be a bunch."""
_NEARLY_ONE = 1.0 - 1e-6
"""A token, but for the rounding of a wait."""


class Rate:
    """The limit on requests a second: the operator's, and the one that refusals teach."""

    def __init__(self, fixed: float | None, usual: Usual, now_s: float) -> None:
        self._fixed = fixed
        self._usual = usual
        self._cut: _Cut | None = None
        self._before_trial: _Cut | None = None
        self._trial: Trial | None = None
        self._explored = False
        self._fine: float | None = None  # the limit when hardly anything was refused
        self._tokens = 1.0
        self._filled_at_s = now_s
        self._waits = False
        self.limit = fixed
        """Requests a second that may start now; None where there is no bound."""
        self._since_s: float | None = None  # when the window began; None before its first answer
        self._taken_at_s = now_s
        self._took_s = 0.0  # how long the last answer took that was no refusal
        self._taken = 0
        self._refused = 0
        self._refused_at_s = now_s  # the first of them
        self._taken_before = 0  # that one

    def restart(self, now_s: float) -> None:
        """Forget the requests that were counted last, unless a throttle looked like an outage."""
        if self._since_s is not None and now_s - self._since_s > OUTAGE_S:
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
            if not self._refused:
                self._refused_at_s, self._taken_before = now_s, self._taken
            self._refused += 1
            if self._is_clear(now_s - self._refused_at_s):
                self._judge(now_s)
                return
        else:
            self._taken += 1
            self._taken_at_s = now_s
            self._took_s = seconds
        if self._taken + self._refused >= self._enough and now_s - self._since_s >= MEASURED_S:
            self._judge(now_s)

    @property
    def _enough(self) -> int:
        """After how many answers the rate is judged."""
        if self._trial is not None:
            return self._trial.enough
        explores = self._cut is not None and self._cut.explores
        return EXPLORE_ANSWERS if explores and not self._refused else TRIAL_ANSWERS

    def _is_clear(self, age_s: float) -> bool:
        """Tell whether so much is refused that there is no need to measure for any longer."""
        if self._trial is not None or self._refused < CLEAR_REFUSALS:
            return False
        long_enough = self._cut is not None or age_s >= CLEAR_LATENCIES * self._took_s
        return long_enough and self._exceeds()

    def _begin(self, now_s: float, seconds: float) -> None:
        # An answer to what was sent before a cut tells nothing about the rate after it.
        if self._cut is None or now_s - seconds >= self._cut.at_s:
            self._measure_from(now_s)

    def _measure_from(self, since_s: float | None) -> None:
        self._since_s = since_s
        self._taken = 0
        self._refused = 0

    def _exceeds(self) -> bool:
        answers = self._taken + self._refused
        return self._usual.exceeded_by(self._refused / answers, answers)

    def _judge(self, now_s: float) -> None:
        answers = self._taken + self._refused
        share = self._refused / answers
        trial, self._trial = self._trial, None
        helped = True if trial is None else trial.helped(share, answers)
        if trial is not None and helped is None:
            self._trial = trial._replace(enough=2 * answers)
        elif trial is not None and not helped:
            self._cut, self._explored = self._before_trial, self._before_trial is not None
            self._usual.learn(min(share, trial.before), answers)
            self._measure_from(now_s)
        elif not self._exceeds():
            self._usual.less(share, answers)
            self._fine = self.limit
            if self._cut is not None and self._cut.explores and self._is_used(answers, now_s):
                self._cut = self._cut._replace(low=self._cut.low * EXPLORE)
            self._measure_from(now_s)
        elif self._taken > self._taken_before:  # else it is an outage, and the breaker's matter
            self._trial, self._before_trial = self._usual.trial(share, answers), self._cut
            # From the first refusal on: what was taken before, a throttle may have saved up. Up to
            # the last that was taken: the silence of an outage is no rate.
            seconds = max(self._taken_at_s - self._refused_at_s, SOONEST_S)
            taken = (self._taken - self._taken_before) / seconds
            self._slow_down(taken, share, now_s)
        self._climb(now_s)

    def _is_used(self, answers: int, now_s: float) -> bool:
        """Tell whether *answers* are about as many as it allows: else it has proved nothing."""
        since_s = now_s if self._since_s is None else self._since_s
        return answers * EXPLORE >= (self.limit or 0.0) * (now_s - since_s)

    def _slow_down(self, taken: float, share: float, now_s: float) -> None:
        fine = taken if self._fine is None or share > VOID else self._fine
        self._explored = self._explored or self._cut is not None
        low = max(FLOOR_S, min(taken, fine) * DECREASE)
        self._cut = _Cut(low, max(low, fine), now_s, explores=not self._explored)
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
