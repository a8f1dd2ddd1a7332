"""What goes wrong in a soak, and when: all of it out of one seed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.soak.members import Members

PAUSE_S = (4.0, 12.0)
FAULT_S = (2.0, 6.0)


class Faults(Protocol):
    """What can go wrong at one place, one at a time."""

    @property
    def known(self) -> Mapping[str, Callable[[], None]]:
        """What begins each, at once."""

    def heal(self) -> bool:
        """End what began, and tell whether it is over: some need their time."""


class Series:
    """The faults of one place: a pause, a fault for a while, until it is over, and again."""

    def __init__(self, faults: Faults, made: Counter[str], random: Random, *, now_s: float) -> None:
        self._faults = faults
        self._made = made
        self._random = random
        self._deck: list[str] = []
        self._is_fault = False
        self._next_s = now_s + random.uniform(*PAUSE_S)

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        if now_s < self._next_s:
            return
        if not self._is_fault:
            self._faults.known[self._draw()]()
            self._is_fault = True
            self._next_s = now_s + self._random.uniform(*FAULT_S)
        elif self.heal():
            self._next_s = now_s + self._random.uniform(*PAUSE_S)

    def heal(self) -> bool:
        """End the fault, and tell whether it is over."""
        self._is_fault = not self._faults.heal()
        return not self._is_fault

    def _draw(self) -> str:
        """Return the next fault: each has its turn before one comes again."""
        if not self._deck:
            self._deck = list(self._faults.known)
            self._random.shuffle(self._deck)
        name = self._deck.pop()
        self._made[name] += 1
        return name


class Trouble:
    """Faults at several places at once, and members that come and go."""

    def __init__(
        self,
        places: list[Faults],
        members: Members,
        random: Random,
        *,
        kill_every_s: float,
        now_s: float,
    ) -> None:
        self.made: Counter[str] = Counter()
        """What was done, and how often."""
        self._series = [Series(faults, self.made, random, now_s=now_s) for faults in places]
        self._members = members
        self._random = random
        self._kill_every_s = kill_every_s
        self._next_kill_s = now_s + kill_every_s

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        for series in self._series:
            series.tick(now_s)
        if now_s >= self._next_kill_s:
            self._next_kill_s = now_s + self._kill_every_s
            self._replace_a_member()

    def heal(self) -> bool:
        """End every fault, and tell whether all are over."""
        over = [series.heal() for series in self._series]  # each is told
        return all(over)

    def _replace_a_member(self) -> None:
        """Kill one (three times out of four) or stop one, and start another."""
        index = self._random.randrange(len(self._members))
        if self._random.random() < 0.75:
            self.made["kill -9"] += 1
            self._members.kill(index)
        else:
            self.made["stop"] += 1
            self._members.stop(index)
        self._members.start()
