"""Whether fewer requests cure trouble, or it strikes whatever we do; asked by both limits.

A cut is on trial until the share of trouble tells: where it does not lower the odds of trouble
beyond the usual, it is undone, and that share is usual from then on. So what strikes at random
costs one trial and no more, whatever its share.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

TOLERANCE = 0.02
"""So much more than the usual share of trouble is no trouble."""
DEVIATIONS = 4.0
"""What lies so many standard deviations above the usual share is no chance."""
FORGET = 0.05
"""How fast a usual share comes down when there is less."""
TRIAL_ANSWERS = 50
"""A trial is first looked at after so many answers, then each time that they have doubled."""
TRIAL_ANSWERS_MAX = 3_200
"""After so many a cut that has not shown that it helps is undone in any case."""
CURED = 0.5
"""Where the odds of trouble surely fall to this part, beyond the usual, it was our doing."""
UNCURED = 0.25
"""Where they surely stay above this part it was not: a true throttle is cured outright."""
SURE = 2.0
"""A trial ends where the share is so many standard deviations off what would just be a cure."""


class Usual:
    """A share of trouble that strikes whatever we do: fewer requests did not cure it."""

    def __init__(self) -> None:
        self.share = 0.0
        self._answers = 0  # that it was found in

    def exceeded_by(self, share: float, answers: int) -> bool:
        """Tell whether *share* of so many *answers* is more than the usual, and no chance."""
        if share <= self.share + TOLERANCE:
            return False
        return share > self.share + TOLERANCE + self._chance(answers)

    def learn(self, share: float, answers: int) -> None:
        """Take *share* for usual: slowing down has not cured it."""
        self.share, self._answers = share, answers

    def less(self, share: float, answers: int) -> None:
        """Come down where it is *share* now: at once where that is no chance, else slowly."""
        if share < self.share - self._chance(answers):
            self.learn(share, answers)
        elif share < self.share:
            self.share += (share - self.share) * FORGET

    def trial(self, share: float, answers: int) -> Trial:
        """Put a cut for *share* of so many *answers* on trial.

        It was looked at because it was so high: what it surely was is less.
        """
        sure = max(share - SURE * sqrt(share * (1.0 - share) / answers), share / 2, self.share)
        return Trial(share, self._between(sure, UNCURED), self._between(sure, CURED))

    def _between(self, share: float, part: float) -> float:
        """Return the share whose odds are *part* of the way from the usual to those of *share*."""
        usual = self.share / (1.0 - self.share)
        odds = usual + (share / max(1.0 - share, 1e-9) - usual) * part
        return odds / (1.0 + odds)

    def _chance(self, answers: int) -> float:
        spread = (
            self.share * (1.0 - self.share) * (1.0 / answers + 1.0 / max(answers, self._answers))
        )
        return DEVIATIONS * sqrt(spread)


class Trial(NamedTuple):
    """A cut that has yet to show that it helps."""

    before: float
    """The share of trouble before it."""
    uncured: float
    """A share that is surely above this one is no cure."""
    cured: float
    """One that is surely below this is."""
    enough: int = TRIAL_ANSWERS
    """After so many answers it is looked at."""

    def helped(self, share: float, answers: int) -> bool | None:
        """Tell whether the cut helps; None while *share* of so many *answers* cannot tell."""
        spread = SURE * sqrt(max(share, 1.0 / answers) * (1.0 - share) / answers)
        if share - spread > max(self.before, self.uncured):
            return True  # it has become worse: that is another throttle, and no chance
        if share - spread > self.uncured:
            return False
        if share + spread < self.cured:
            return True
        return False if answers >= TRIAL_ANSWERS_MAX else None
