"""What was wrong when, and so which fault a double is put down to."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

SOON_S: Final = 1.0
"""A call whose answer was heard and committed in this time is not sent again."""
NOTHING: Final = "nothing"


class Spell(NamedTuple):
    """A time of trouble, on the machine's monotonic clock; a moment begins and ends at once."""

    since_s: float
    until_s: float


class Double(NamedTuple):
    """When Seg took a call, and when it came again."""

    first_s: float
    again_s: float


class Chronicle:
    """The faults of a soak."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        """What was done, and how often."""
        self._spells: list[tuple[str, Spell]] = []

    def note(self, fault: str, *spells: Spell) -> None:
        """Note when *fault* can have cost doubles."""
        self._spells += [(fault, spell) for spell in spells]

    def causes(self, double: Double) -> str:
        """Return the faults that met the call when it was taken, else when it came again."""
        for since_s in (double.first_s, double.again_s - SOON_S):
            met = {
                fault for fault, it in self._spells if _meet(it, Spell(since_s, since_s + SOON_S))
            }
            if met:
                return " + ".join(sorted(met))
        return NOTHING


def _meet(one: Spell, other: Spell) -> bool:
    return one.since_s <= other.until_s and other.since_s <= one.until_s
