"""What arrived: read from the sandbox's journal while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.traffic import Traffic


class Verdict:
    """Follows the journal and counts what should not be."""

    def __init__(self, journal: Path, users: int) -> None:
        self._file = journal.open("rb")
        self._rest = b""
        self._last = [0] * users
        self.arrived = 0
        """Calls that Seg accepted for the first time."""
        self.out_of_order = 0
        """Calls that came before one of the same user with a lower number, or after a higher."""

    def follow(self) -> None:
        """Read what was written since."""
        data = self._rest + self._file.read()
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            message_id = orjson.loads(line)["message_id"]
            user, _, number = message_id.partition("-")
            self.arrived += 1
            if int(number) != self._last[int(user)] + 1:
                self.out_of_order += 1
            self._last[int(user)] = max(self._last[int(user)], int(number))

    def lost(self, traffic: Traffic) -> int:
        """Return how many deliverable calls did not arrive."""
        return traffic.deliverable - self.arrived

    def close(self) -> None:
        """Close the journal."""
        self._file.close()
