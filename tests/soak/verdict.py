"""What arrived, when the calls of each user are numbered from 1 without a gap."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import orjson

from tests.soak.chronicle import Double

if TYPE_CHECKING:
    from pathlib import Path


class Arrivals:
    """Counts what should not be."""

    def __init__(self, users: int) -> None:
        self.newest = [0] * users
        """The highest number of each user that has arrived; 0 where none has."""
        self._last = [0] * users
        self._missing: set[tuple[int, int]] = set()
        """Calls of which a later one of the same user has arrived."""
        self.arrived = 0
        """Calls that Seg accepted, each counted once."""
        self.out_of_order = 0
        """Calls that came after a later one of the same user."""
        self.doubles = 0
        """Calls that arrived again."""

    @property
    def left_behind(self) -> int:
        """How many users' last arrival is an older call than one before: Seg is left with that."""
        return sum(last < newest for last, newest in zip(self._last, self.newest, strict=True))

    def arrive(self, user: int, number: int) -> bool:
        """Take in call *number* of *user*; tell whether it is new."""
        self._last[user] = number
        if number > self.newest[user]:
            self._missing.update((user, it) for it in range(self.newest[user] + 1, number))
            self.newest[user] = number
        elif (user, number) in self._missing:
            self._missing.remove((user, number))
            self.out_of_order += 1
        else:
            self.doubles += 1
            return False
        self.arrived += 1
        return True


class Verdict(Arrivals):
    """Follows the sandbox's file of arrivals while it is written."""

    def __init__(self, journal: Path, users: int) -> None:
        super().__init__(users)
        self._file = journal.open("rb")
        self._rest = b""
        self.repeated: list[Double] = []
        """When each double came."""
        self._first_s = [array("d") for _ in range(users)]
        """When each call arrived first, by its number."""

    def follow(self) -> None:
        """Read what was written since."""
        data = self._rest + self._file.read()
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            arrival = orjson.loads(line)
            user, _, number = arrival["message_id"].partition("-")
            self._follow(int(user), int(number), arrival["arrived_s"])

    def close(self) -> None:
        """Close the journal."""
        self._file.close()

    def _follow(self, user: int, number: int, now_s: float) -> None:
        first_s = self._first_s[user]
        first_s.extend([now_s] * (number + 1 - len(first_s)))
        if self.arrive(user, number):
            first_s[number] = now_s
        else:
            self.repeated.append(Double(first_s[number], now_s))
