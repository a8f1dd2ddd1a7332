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
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._poison = 0
        self._only_poison = True

    def healthy(self) -> None:
        """Note a record that was delivered or ignored."""
        self._only_poison = False
        self._note(poison=False)

    def poison(self) -> bool:
        """Note a record that would be dead-lettered; return True where that is a storm."""
        self._note(poison=True)
        if not self._limit:
            return False
        if self._only_poison:
            return self._poison >= FIRST
        return len(self._recent) == WINDOW and self._poison > self._limit * WINDOW

    @property
    def text(self) -> str:
        """What the guard saw, for people."""
        return f"{self._poison} of the last {len(self._recent)} records would be dead-lettered"

    def _note(self, *, poison: bool) -> None:
        if len(self._recent) == WINDOW:
            self._poison -= self._recent[0]
        self._recent.append(poison)
        self._poison += poison
