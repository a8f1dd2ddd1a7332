"""When to read no more.

Pausing costs: librdkafka throws away what it has read ahead, and after a pause of everything the
first record comes half a second late. So for a short while the loop just reads less often, and
only what lasts is a pause:

- too much in flight, in records or in bytes: read nothing for up to `PAUSE_AFTER_S`, then pause
  everything, until half of it is done;
- Seg or the dead-letter topic is away: pause everything, until it is back;
- a topic cannot be read as the settings are: pause its partitions, until one record can be;
- one partition far ahead of its oldest unfinished record, one of its keys with too long a lane, or
  its share of all records waiting for a schema: pause that one.

While paused the source is still polled: that is what keeps the membership alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.model import Pause

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.model import Tenure
    from consumer.core.ports import Source

PAUSE_AFTER_S = 1.0


class InFlight(NamedTuple):
    """How much is unfinished."""

    records: int
    kept_bytes: int
    """What they hold together: keys, values and headers, the bodies of calls, copies of letters."""


class Bounds(NamedTuple):
    """How much may be unfinished."""

    records: int
    """In all."""
    window: int
    """Offsets between a partition's oldest unfinished record and its newest."""
    lane: int
    """Calls that wait in one lane."""
    kept_bytes: int = 64 << 20
    """What all of it may hold: what bounds the memory where events are large. 2,000 of 16 KB, with
    calls as large, keep hundreds of requests busy."""


class Backpressure:
    """Pauses what is owned, and lets it go on."""

    def __init__(self, source: Source, bounds: Bounds) -> None:
        self._source = source
        self._bounds = bounds
        self._full_since_s: float | None = None
        self._paused = False

    @property
    def paused(self) -> bool:
        """True while everything is paused."""
        return self._paused

    def room(self, in_flight: InFlight) -> int:
        """Return how many more records may be read."""
        if in_flight.kept_bytes >= self._bounds.kept_bytes:
            return 0
        return self._bounds.records - in_flight.records

    def update(
        self, tenures: Collection[Tenure], in_flight: InFlight, now_s: float, *, away: bool
    ) -> None:
        """Pause or resume *tenures*, all that are owned; *away* tells that a dependency is."""
        half_share = self._share(tenures) // 2
        if relieved := [
            it
            for it in tenures
            if Pause.FULL in it.pauses and len(it.held) <= half_share and self._is_low(it)
        ]:
            self._source.resume(relieved, Pause.FULL)
        if self.room(in_flight) > 0:
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s = now_s
        lasts = self._full_since_s is not None and now_s - self._full_since_s >= PAUSE_AFTER_S
        if not self._paused and (away or lasts):
            self._paused = True
            self._source.pause(tenures, Pause.EVERYTHING)
        elif self._paused and not away and self._is_half_done(in_flight):
            self._paused = False
            self._source.resume(tenures, Pause.EVERYTHING)

    def leave(self, tenures: Collection[Tenure], topics: Collection[str]) -> None:
        """Read no more of those of *tenures* whose topic is one of *topics*; read the others."""
        left = {it for it in tenures if Pause.UNREADABLE in it.pauses}
        if not topics and not left:
            return
        leave = [it for it in tenures if it.partition.topic in topics and it not in left]
        if leave:
            self._source.pause(leave, Pause.UNREADABLE)
        if back := [it for it in left if it.partition.topic not in topics]:
            self._source.resume(back, Pause.UNREADABLE)

    def read(self, tenures: Collection[Tenure]) -> None:
        """Look at *tenures*, all that are owned, some records having been read of them."""
        share = self._share(tenures)
        for tenure in tenures:
            if tenure.ledger.window >= self._bounds.window or len(tenure.held) >= share:
                self._fill(tenure)

    def queued(self, tenure: Tenure, lane_waiting: int) -> None:
        """Note that so many calls now wait in a lane of *tenure*."""
        if lane_waiting >= self._bounds.lane:
            self._fill(tenure)

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Read nothing of what has just come either, where everything is paused."""
        if self._paused:
            self._source.pause(tenures, Pause.EVERYTHING)

    def _share(self, tenures: Collection[Tenure]) -> int:
        """Return how many records of one of *tenures* may wait for a schema: others need room."""
        return max(1, self._bounds.records // (2 * (len(tenures) or 1)))

    def _fill(self, tenure: Tenure) -> None:
        if Pause.FULL not in tenure.pauses:
            self._source.pause([tenure], Pause.FULL)

    def _is_half_done(self, in_flight: InFlight) -> bool:
        records, kept_bytes = in_flight
        bounds = self._bounds
        return records <= bounds.records // 2 and kept_bytes <= bounds.kept_bytes // 2

    def _is_low(self, tenure: Tenure) -> bool:
        # A lane cannot be longer than its partition's records in flight.
        half_window, half_lane = self._bounds.window // 2, self._bounds.lane // 2
        return tenure.ledger.window <= half_window and tenure.ledger.in_flight <= half_lane
