"""What goes wrong in a soak, and when: all of it out of one seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests.soak.chronicle import Chronicle, Spell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.soak.members import Members

PAUSE_S = (4.0, 12.0)
"""Between two faults of one place; at the brokers and of the members where a session is 6 s. Each
failover lets the coordinator wait anew for the dead: they never expire where it comes too often."""
FAULT_S = (2.0, 6.0)


class Faults(Protocol):
    """What can go wrong at one place, one at a time."""

    @property
    def known(self) -> Mapping[str, Callable[[], None]]:
        """What begins each, at once."""

    def heal(self) -> bool:
        """End what began, and tell whether it is over: some need their time."""

    def repeats(self, fault: str, spell: Spell) -> list[Spell]:
        """Return when *fault*, which was on for *spell*, can have cost doubles."""


class Place(NamedTuple):
    """Where something can go wrong."""

    faults: Faults
    slower: float = 1.0
    """By how much the pauses are longer."""


class Series:
    """The faults of one place: a pause, a fault for a while, until it is over, and again."""

    def __init__(self, place: Place, chronicle: Chronicle, random: Random, *, now_s: float) -> None:
        self._faults, self._slower = place
        self._chronicle = chronicle
        self._random = random
        self._deck: list[str] = []
        self._fault: str | None = None
        self._since_s = 0.0
        self._next_s = now_s + self._pause_s()

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        if now_s < self._next_s:
            return
        if self._fault is None:
            self._fault = self._draw()
            self._since_s = now_s
            self._chronicle.made[self._fault] += 1
            self._faults.known[self._fault]()
            self._next_s = now_s + self._random.uniform(*FAULT_S)
        elif self.heal(now_s):
            self._next_s = now_s + self._pause_s()

    def heal(self, now_s: float) -> bool:
        """End the fault, and tell whether it is over."""
        if not self._faults.heal():
            return False
        if self._fault is not None:
            spell = Spell(self._since_s, now_s)
            self._chronicle.note(self._fault, *self._faults.repeats(self._fault, spell))
            self._fault = None
        return True

    def _pause_s(self) -> float:
        return self._slower * self._random.uniform(*PAUSE_S)

    def _draw(self) -> str:
        """Return the next fault: each has its turn before one comes again."""
        if not self._deck:
            self._deck = list(self._faults.known)
            self._random.shuffle(self._deck)
        return self._deck.pop()


class Trouble:
    """Faults at several places at once, and members that come and go."""

    def __init__(
        self,
        places: list[Place],
        members: Members,
        random: Random,
        *,
        kill_every_s: float,
        now_s: float,
    ) -> None:
        self.chronicle = Chronicle()
        self._series = [Series(it, self.chronicle, random, now_s=now_s) for it in places]
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
            self._replace_a_member(now_s)

    def heal(self, now_s: float) -> bool:
        """End every fault, and tell whether all are over."""
        over = [series.heal(now_s) for series in self._series]  # each is told
        return all(over)

    def _replace_a_member(self, now_s: float) -> None:
        """Kill one (three times out of four) or stop one, and start another."""
        index = self._random.randrange(len(self._members))
        if self._random.random() < 0.75:
            end, how = self._members.kill, "kill -9"
        else:
            end, how = self._members.stop, "stop"
        end(index)
        self.chronicle.made[how] += 1
        self.chronicle.note(how, Spell(now_s, now_s))
        self._members.start()
