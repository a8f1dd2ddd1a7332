"""Which offsets are finished, and so which one is safe to commit.

At least once in one sentence: an offset is committed only when every earlier record of its
partition is finished, that is taken by Seg, ignored for a named reason, or stored in the
dead-letter topic. Records start in offset order and finish in any order:

    started   41  42  43  44        in flight  42, 44
    finished  41      43            position   42      (43 waits for 42)

The position is the *next* record to read, as Kafka counts it. What is finished above it (here
43) rides in the commit's metadata (`consumer.core.checkpoint`), so that the next owner skips it.
Offsets have gaps (compaction, transaction markers): the record after 41 need not be 42, and a
gap counts as finished, for nothing can ever appear in it.

One `Ledger` is one partition during one assignment (`consumer.core.model.Tenure`); it is never
reused. No I/O, no clock, no lock.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple


class Checkpoint(NamedTuple):
    """What a commit says about one partition.

    Every record below `position` is finished; of those from `position` up to `horizon` all are
    but `unfinished` (ascending); of those from `horizon` on nothing is known.
    """

    position: int
    horizon: int
    unfinished: tuple[int, ...]


class Ledger:
    """The records of one partition during one assignment."""

    __slots__ = (
        "_first_offset",
        "_in_flight",
        "_inherited",
        "newest_timestamp_ms",
        "next_offset",
    )

    def __init__(self, inherited: Checkpoint | None = None) -> None:
        """Start where *inherited*, the group's last commit, ends; None where there is none."""
        self._inherited = inherited
        self._in_flight: dict[int, int | None] = {}  # to its timestamp; in order of offset
        self.next_offset = inherited.position if inherited is not None else None
        """The lowest offset that has not been read; None before the first record."""
        self._first_offset = self.next_offset
        self.newest_timestamp_ms: int | None = None
        """The log's timestamp of the newest record read; None where it has none."""

    def start(self, offset: int, timestamp_ms: int | None = None) -> bool:
        """Note that the record at *offset*, appended to the log at *timestamp_ms*, was read.

        Return False where it needs no work: it was read before in this assignment, or the last
        owner had finished it.
        """
        if self.next_offset is not None and offset < self.next_offset:
            return False
        self.next_offset = offset + 1
        self.newest_timestamp_ms = timestamp_ms
        if self._inherited is not None:
            if offset >= self._inherited.horizon:
                self._inherited = None  # beyond the last owner's commit
            elif not _contains(self._inherited.unfinished, offset):
                return False
        self._in_flight[offset] = timestamp_ms
        return True

    def pass_over(self, offset: int) -> None:
        """Note that the reader is at *offset*: what was not read below it is a gap.

        Before the first record nothing is noted: a reader that was set to another place may tell
        where it was before.
        """
        if self.next_offset is None or self.next_offset == self._first_offset:
            return
        if offset > self.next_offset:
            self.next_offset = offset
            if self._inherited is not None and offset >= self._inherited.horizon:
                self._inherited = None

    def finish(self, offset: int) -> None:
        """Note that nothing more will be done for the record at *offset*.

        Raises:
            KeyError: the record is not in flight; finishing twice would hide a lost record.
        """
        del self._in_flight[offset]

    @property
    def in_flight(self) -> int:
        """How many records are started and not finished."""
        return len(self._in_flight)

    @property
    def position(self) -> int | None:
        """The oldest record in flight, else the next to read; None before the first record."""
        return next(iter(self._in_flight), self.next_offset)

    @property
    def oldest_timestamp_ms(self) -> int | None:
        """The log's timestamp of the oldest record in flight; None where there is none."""
        return next(iter(self._in_flight.values()), None)

    @property
    def window(self) -> int:
        """How many offsets lie between the position and the newest record read."""
        if self.next_offset is None or not self._in_flight:
            return 0
        return self.next_offset - next(iter(self._in_flight))

    def checkpoint(self) -> Checkpoint | None:
        """Return what may be committed now; None before the first record."""
        if self.next_offset is None:
            return None
        position = next(iter(self._in_flight), self.next_offset)
        unfinished = tuple(self._in_flight)
        if self._inherited is None:
            return Checkpoint(position, self.next_offset, unfinished)
        ahead = self._inherited.unfinished
        not_read_yet = ahead[bisect_left(ahead, self.next_offset) :]
        return Checkpoint(position, self._inherited.horizon, unfinished + not_read_yet)


def _contains(ascending: tuple[int, ...], offset: int) -> bool:
    index = bisect_left(ascending, offset)
    return index < len(ascending) and ascending[index] == offset
