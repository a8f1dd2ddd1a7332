"""When to read no more.

Pausing costs: librdkafka throws away what it has read ahead, and after a pause of everything the
first record comes half a second late. So for a short while the loop just reads less often, and
only what lasts is a pause:

- too much in flight, in records or in bytes: read nothing for up to `PAUSE_AFTER_S`, then pause
  everything, until half of it is done;
- Seg, the dead-letter topic or the registry is away: pause everything, until it is back;
- one partition far ahead of its oldest unfinished record, or one of its keys with too long a
  lane: pause that one.

While paused the source is still polled: that is what keeps the membership alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Ledger
    from consumer.core.model import Partition
    from consumer.core.ports import Source

PAUSE_AFTER_S = 1.0


class InFlight(NamedTuple):
    """How much is unfinished."""

    records: int
    body_bytes: int
    """The bodies of their calls together; the records' own values are kept beside them."""


class Bounds(NamedTuple):
    """How much may be unfinished."""

    records: int
    """In all."""
    window: int
    """Offsets between a partition's oldest unfinished record and its newest."""
    lane: int
    """Calls that wait in one lane."""
    body_bytes: int = 32 << 20
    """The bodies of all calls: what bounds the memory where events are large. 2,000 of 16 KB keep
    hundreds of requests busy."""


class Backpressure:
    """What is paused, and why."""

    def __init__(self, source: Source, bounds: Bounds) -> None:
        self._source = source
        self._bounds = bounds
        self._full_since_s: float | None = None
        self._full: set[Partition] = set()  # paused by themselves
        self._paused = False  # everything is

    @property
    def paused(self) -> bool:
        """True while everything is paused."""
        return self._paused

    def room(self, in_flight: InFlight) -> int:
        """Return how many more records may be read."""
        if in_flight.body_bytes >= self._bounds.body_bytes:
            return 0
        return self._bounds.records - in_flight.records

    def paused_partitions(self, owned: int) -> int:
        """Return how many of the *owned* partitions are paused."""
        return owned if self._paused else len(self._full)

    def update(
        self, ledgers: Mapping[Partition, Ledger], in_flight: InFlight, now_s: float, *, away: bool
    ) -> None:
        """Pause or resume; *away* tells that a dependency is, for which the records wait."""
        self._relieve(ledgers)
        if self.room(in_flight) > 0:
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s = now_s
        lasts = self._full_since_s is not None and now_s - self._full_since_s >= PAUSE_AFTER_S
        if not self._paused and (away or lasts):
            self._paused = True
            self._source.pause(ledgers.keys())
        elif self._paused and not away and self._is_half_done(in_flight):
            self._paused = False
            self._source.resume(ledgers.keys() - self._full)

    def read(self, ledgers: Mapping[Partition, Ledger]) -> None:
        """Look at the windows of all partitions, some records having been read of them."""
        for partition, ledger in ledgers.items():
            if ledger.window >= self._bounds.window:
                self._fill(partition)

    def queued(self, partition: Partition, lane_waiting: int) -> None:
        """Note that so many calls now wait in a lane of *partition*."""
        if lane_waiting >= self._bounds.lane:
            self._fill(partition)

    def assigned(self, partitions: Collection[Partition]) -> None:
        """Read nothing of what has just come either, where everything is paused."""
        if self._paused:
            self._source.pause(partitions)

    def gone(self, partitions: Collection[Partition]) -> None:
        """Forget what is another member's now."""
        self._full.difference_update(partitions)

    def _fill(self, partition: Partition) -> None:
        if partition not in self._full:
            self._full.add(partition)
            if not self._paused:
                self._source.pause([partition])

    def _relieve(self, ledgers: Mapping[Partition, Ledger]) -> None:
        relieved = [partition for partition in self._full if self._is_low(ledgers[partition])]
        self._full.difference_update(relieved)
        if relieved and not self._paused:
            self._source.resume(relieved)

    def _is_half_done(self, in_flight: InFlight) -> bool:
        records, body_bytes = in_flight
        bounds = self._bounds
        return records <= bounds.records // 2 and body_bytes <= bounds.body_bytes // 2

    def _is_low(self, ledger: Ledger) -> bool:
        # A lane cannot be longer than its partition's records in flight.
        half_window, half_lane = self._bounds.window // 2, self._bounds.lane // 2
        return ledger.window <= half_window and ledger.in_flight <= half_lane
