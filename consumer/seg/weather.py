"""What Seg is like for everybody now: the one estimate that tells a bad Seg from a bad call.

Breaker, limits, retries and the judgement of a single call all ask it, so they cannot disagree.
It counts what *first* attempts meet: a call that fails again and again counts once, so a few that
Seg never takes do not look like bad weather.

A call is at fault when its row of failures would be improbable for any other call. Between two of
its own attempts `taken` first attempts of others were taken and `failed` were not. If the call
is like those others, the chance that just its attempt is among the `failed + 1` that failed is

    (failed + 1) / (taken + failed + 1)

whatever the share of failures is, and however it changes from one interval to the next. The
product over its row bounds the chance that a good call ever gets so far (Ville's inequality: the
inverse of the product is a martingale). Below `BOUND` it is the call: at 5,000 calls/s, all of
them failing at random, that is one good call in two days.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, NamedTuple

from consumer.seg.answers import THROTTLED, TOO_MANY_REQUESTS
from consumer.seg.trial import Usual

if TYPE_CHECKING:
    from consumer.seg.answers import Answer

BOUND = 1e-9
"""How improbable a row must be before it is nobody's bad luck."""
BAD = 0.05
"""From this share of failures on the weather is bad: 503 and silence say nothing of a call."""
SLICE_S = 10.0
SLICE_CALLS = 50
"""The window is one to two slices of so long and so many calls, or of `SLICE_MAX_S`."""
SLICE_MAX_S = 60.0
FAIR_CALLS = 10
"""So many calls that were taken are taken for granted: the first failure of a run is no weather."""
TROUBLE_MAX = 0.7
"""A Seg that fails more is as good as away: then one request at a time is the gentle way."""


class Mark(NamedTuple):
    """A moment, by what first attempts had met until then."""

    taken: int
    """Seg took or judged them."""
    refused: int
    """The answer blamed our setting."""
    troubled: int
    """Seg throttled them, failed them, or left them without an answer."""


class Weather:
    """What the first attempts of calls met, all in all and lately; times are monotonic seconds."""

    def __init__(self, now_s: float) -> None:
        self.taken = self.refused = self.troubled = 0
        """What first attempts met, since the start; whoever sees an answer counts."""
        self.throttled = Usual()
        """What `rate` has found that cutting does not cure."""
        self.unanswered = Usual()
        """What `limiter` has found that fewer requests at once do not cure."""
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Begin the window anew: what was before belongs to another time."""
        self._before = self._last = self.mark()  # where the last two slices of it began
        self._since_s = now_s

    def turn(self, now_s: float) -> None:
        """Let the window move on."""
        age_s = now_s - self._since_s
        if age_s < SLICE_S:
            return
        mark = self.mark()
        if sum(mark) - sum(self._last) >= SLICE_CALLS or age_s >= SLICE_MAX_S:
            self._before, self._last, self._since_s = self._last, mark, now_s

    def mark(self) -> Mark:
        """Return this moment."""
        return Mark(self.taken, self.refused, self.troubled)

    @property
    def takes(self) -> bool:
        """Tell whether Seg took any call in the window."""
        return self.taken > self._before.taken

    @property
    def trouble(self) -> float:
        """The share of attempts in the window that were troubled; cautious."""
        troubled = self.troubled - self._before.troubled
        share = troubled / (sum(self.mark()) - sum(self._before) + FAIR_CALLS)
        return min(share, TROUBLE_MAX)

    def row(self, bound: float) -> int:
        """Return how many failures in a row are less probable than *bound* in this weather."""
        trouble = self.trouble
        return int(log(bound) / log(trouble)) + 1 if trouble > 0.0 else 1

    def chance_since(self, mark: Mark, answer: Answer) -> float:
        """Return how probable it is that a call like the others met *answer*, since *mark*.

        1 where that says nothing of the call: nobody else was tried, or it is an answer that bad
        weather gives to anybody.
        """
        taken = self.taken - mark.taken
        failed = self.refused - mark.refused + self.troubled - mark.troubled
        if answer.status == TOO_MANY_REQUESTS:
            return 1.0
        bad = failed > BAD * (taken + failed)
        if bad and (answer.status is None or answer.status in THROTTLED):
            return 1.0
        return (failed + 1) / (taken + failed + 1)
