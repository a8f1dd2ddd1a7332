"""A storm of poison is not poison.

When most records would be dead-lettered, the cause is a schema, a setting or Seg itself, and a
dead-letter topic full of good events helps nobody. The guard looks at the last `WINDOW` records,
and at the first `FIRST` of a run: a consumer that begins with nothing but poison is misconfigured.
"""

from __future__ import annotations

from collections import deque

WINDOW = 1_000
FIRST = 100


class StormGuard:
    """Tells poison from a storm; *limit* is the share of poison that is one, 0 switches it off."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._records = 0
        self._dead = 0
        self._recent: deque[int] = deque()  # which of the last `WINDOW` records were poison

    def healthy(self, records: int = 1) -> None:
        """Note so many *records* that were delivered or ignored."""
        self._records += records

    def poison(self) -> bool:
        """Note a record that would be dead-lettered; return True where that is a storm."""
        self._records += 1
        self._dead += 1
        self._recent.append(self._records)
        poison = self._recent_poison()
        if not self._limit:
            return False
        if self._dead == self._records:
            return poison >= FIRST
        return self._records >= WINDOW and poison > self._limit * WINDOW

    @property
    def text(self) -> str:
        """What the guard saw, for people."""
        seen = min(self._records, WINDOW)
        return f"{self._recent_poison()} of the last {seen} records would be dead-lettered"

    def _recent_poison(self) -> int:
        while self._recent and self._recent[0] <= self._records - WINDOW:
            self._recent.popleft()
        return len(self._recent)
