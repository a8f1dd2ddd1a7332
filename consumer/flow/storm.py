"""A storm of poison is not poison.

When most records would be dead-lettered, the cause is a schema, a setting or Seg itself, and a
dead-letter topic full of good events helps nobody. The guard looks at the last `WINDOW` records,
and at the first `FIRST` of a run: a consumer that begins with nothing but poison is misconfigured.

Letters that may belong to a storm are kept back until it is known, so that a storm leaves none, in
no run: while a run is younger than `WINDOW` records and more of them are poison than the limit
allows. They go once enough records are healthy, or once nothing has followed for `QUIET_S`: a few
bad events alone in a topic are poison. Letters of a storm are never let go; their records stay
unfinished and are read again after a restart.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from consumer.core.model import bytes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.model import DeadLetter

WINDOW = 1_000
FIRST = 100
KEPT_BYTES = 32 << 20
"""So many bytes of records are kept back at most. A run that begins with as much poison is a storm;
where something was healthy, they go."""
QUIET_S = 10.0


class StormGuard:
    """Tells poison from a storm; *limit* is the share of poison that is one, 0 switches it off."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._records = 0
        self._dead = 0
        self._recent: deque[int] = deque()  # which of the last `WINDOW` records were poison
        self._kept: list[DeadLetter] = []
        self._heard = 0  # of `_records`, at `_heard_s`
        self._heard_s = 0.0
        self.kept_bytes = 0
        """The records of the letters that are kept back, bytes."""
        self.storm = False
        """True once a storm is seen: what is kept back stays here."""

    def healthy(self, records: int = 1) -> None:
        """Note so many *records* that were delivered or ignored."""
        self._records += records

    def poison(self, letter: DeadLetter) -> None:
        """Note a record that would be dead-lettered; `released` gives its *letter* back."""
        self._records += 1
        self._dead += 1
        self._recent.append(self._records)
        self._kept.append(letter)
        self.kept_bytes += bytes_of(letter.record)
        self._judge()

    def released(self, now_s: float) -> list[DeadLetter]:
        """Return the letters that may go to the dead-letter topic at *now_s*, monotonic."""
        if not self._kept:
            return []
        self._judge()
        if self._limit and (self.storm or self._may_be_storm(now_s)):
            return []
        kept, self._kept, self.kept_bytes = self._kept, [], 0
        return kept

    @property
    def kept(self) -> Sequence[DeadLetter]:
        """The letters that are kept back."""
        return self._kept

    @property
    def text(self) -> str:
        """What the guard saw, for people."""
        seen = min(self._records, WINDOW)
        text = f"{self._recent_poison()} of the last {seen} records would be dead-lettered"
        if not self._kept:
            return text
        last = self._kept[-1]
        return f"{text}, {last.record.place} as {last.reason}: {last.detail}"

    def _judge(self) -> None:
        poison = self._recent_poison()
        if not self._limit:
            return
        if self._dead == self._records:
            self.storm |= poison >= FIRST or self.kept_bytes >= KEPT_BYTES
        else:
            self.storm |= self._records >= WINDOW and poison > self._limit * WINDOW

    def _may_be_storm(self, now_s: float) -> bool:
        if self._records >= WINDOW:
            return False
        if self._dead <= self._limit * self._records and self._dead < self._records:
            return False
        if self._dead < self._records and self.kept_bytes >= KEPT_BYTES:
            return False
        if self._records != self._heard:
            self._heard, self._heard_s = self._records, now_s
        return now_s - self._heard_s < QUIET_S

    def _recent_poison(self) -> int:
        while self._recent and self._recent[0] <= self._records - WINDOW:
            self._recent.popleft()
        return len(self._recent)
