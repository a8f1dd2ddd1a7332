"""What arrived: read from the sandbox's file of arrivals while it is written."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import orjson

from tests.soak.chronicle import Double

if TYPE_CHECKING:
    from pathlib import Path


class Verdict:
    """Follows the journal and counts what should not be."""

    def __init__(self, journal: Path, users: int) -> None:
        self._file = journal.open("rb")
        self._rest = b""
        self._newest = [0] * users
        self._last = [0] * users
        self._missing: set[tuple[int, int]] = set()
        """Calls of which a later one of the same user has arrived."""
        self.arrived = 0
        """Calls that Seg accepted, each counted once."""
        self.out_of_order = 0
        """Calls that came after a later one of the same user."""
        self.doubles: list[Double] = []
        """Calls that arrived again."""
        self._first_s = [array("d") for _ in range(users)]
        """When each call arrived first, by its number."""

    def follow(self) -> None:
        """Read what was written since."""
        data = self._rest + self._file.read()
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            arrival = orjson.loads(line)
            user, _, number = arrival["message_id"].partition("-")
            self._arrive(int(user), int(number), arrival["arrived_s"])

    @property
    def left_behind(self) -> int:
        """How many users' last arrival is an older call than one before: Seg is left with that."""
        return sum(last < newest for last, newest in zip(self._last, self._newest, strict=True))

    def close(self) -> None:
        """Close the journal."""
        self._file.close()

    def _arrive(self, user: int, number: int, now_s: float) -> None:
        self._last[user] = number
        first_s = self._first_s[user]
        first_s.extend([now_s] * (number + 1 - len(first_s)))
        if number > self._newest[user]:
            self._missing.update((user, it) for it in range(self._newest[user] + 1, number))
            self._newest[user] = number
        elif (user, number) in self._missing:
            self._missing.remove((user, number))
            self.out_of_order += 1
            first_s[number] = now_s
        else:
            self.doubles.append(Double(first_s[number], now_s))
            return
        self.arrived += 1
