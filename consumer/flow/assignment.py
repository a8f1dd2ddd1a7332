"""The partitions that this member owns, and what it commits of them.

A commit speaks of owned partitions only: a broker takes a commit for a partition of somebody
else's without a word, and would move its offset back.

A commit goes out every `interval_s`, or after `FINISHED_TO_COMMIT` records, for the partitions
whose checkpoint has changed; one is under way at a time. A refused one needs no care of its own:
what is not acknowledged is still due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.model import bytes_of
from consumer.observe.counting import add

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Partition, Record, Tenure
    from consumer.core.ports import Extent, Source
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally

FINISHED_TO_COMMIT = 250
"""What is finished and not committed is sent twice after a crash: at full speed a second of it
would be one call in a hundred."""
SOONEST_S = 0.1
"""No two commits are closer: the brokers have others to serve."""
REBALANCING = "REBALANCE_IN_PROGRESS"
HOLD_S = 3.0
"""How long commits wait for a rebalance to end. One that is sent in the middle of it may reach the
broker with the number of the last generation, and that costs the whole assignment."""
ANSWER_WITHIN_S = 60.0
"""A commit that was not answered in this time is forgotten, and the next one goes out."""


class Assignment:
    """The tenures of the owned partitions."""

    def __init__(self, source: Source, interval_s: float, tally: Tally, clock: Clock) -> None:
        self._source = source
        self._interval_s = interval_s
        self._tally = tally
        self._clock = clock
        self._last_commit_s = clock.monotonic_s()
        self._under_way_since_s: float | None = None
        self._held_until_s = 0.0
        self._finished = 0  # since the last commit
        self.tenures: list[Tenure] = []
        """Those of the owned partitions; nothing else may be started or committed."""

    def add(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures* from now on; none is a rebalance that brought none."""
        self._held_until_s = 0.0
        self.tenures += tenures

    def close(self, tenures: Collection[Tenure]) -> None:
        """Start nothing more of *tenures*; what is under way may still be finished."""
        self._held_until_s = self._clock.monotonic_s() + HOLD_S
        for tenure in tenures:
            tenure.closed = True

    def drop(self, tenures: Collection[Tenure]) -> None:
        """Own *tenures* no longer; what is unfinished is the next owner's."""
        tally = self._tally
        self.tenures = [tenure for tenure in self.tenures if tenure not in tenures]
        for tenure in tenures:
            if tenure.over:
                continue
            tenure.end()
            tally.records_handed_over += tenure.ledger.in_flight
            tally.records_in_flight -= tenure.ledger.in_flight
            labels = (tenure.partition.topic, str(tenure.partition.number))
            for series in (
                tally.lag_records,
                tally.lag_seconds,
                tally.committed_offset,
                tally.position_offset,
            ):
                series.pop(labels, None)

    def pass_over(self, extents: Mapping[Partition, Extent]) -> None:
        """Leave behind what no reader gets, so that it is no lag and need not be read again.

        All that was polled must have been started.
        """
        for tenure in self.tenures:
            extent = extents.get(tenure.partition)
            if extent is not None and extent.position is not None and not tenure.closed:
                tenure.ledger.pass_over(extent.position)

    def finish(self, record: Record) -> bool:
        """Finish *record*; return False where its partition is another member's by now."""
        tenure = record.tenure
        if tenure.over:
            return False
        tenure.ledger.finish(record.offset)
        tenure.kept_bytes -= bytes_of(record)
        self._finished += 1
        self._tally.records_in_flight -= 1
        return True

    def commit_if_due(self, now_s: float) -> None:
        """Send a commit where it is time and something has changed."""
        since_s = self._under_way_since_s
        if since_s is not None and now_s - since_s < ANSWER_WITHIN_S:
            return
        if now_s < self._held_until_s:
            return
        wait_s = self._interval_s
        if self._finished >= FINISHED_TO_COMMIT:
            wait_s = min(wait_s, SOONEST_S)
        if now_s - self._last_commit_s < wait_s:
            return
        self._last_commit_s = now_s
        self._finished = 0
        checkpoints = _due(self.tenures)
        if checkpoints:
            self._under_way_since_s = now_s
            self._source.commit(checkpoints)

    def commit_now(self, tenures: Collection[Tenure]) -> None:
        """Commit *tenures* and wait for the answer."""
        checkpoints = _due(tenures)
        if checkpoints:
            self._under_way_since_s = self._clock.monotonic_s()
            self._source.commit_now(checkpoints)

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Note the broker's answer to a commit."""
        if self._under_way_since_s is not None:
            seconds = self._clock.monotonic_s() - self._under_way_since_s
            self._tally.commit_seconds.observe(seconds)
            self._under_way_since_s = None
        if error is not None:
            add(self._tally.commit_failures, error)
            if error == REBALANCING:
                self._held_until_s = self._clock.monotonic_s() + HOLD_S
            return
        for tenure, checkpoint in committed.items():
            tenure.committed = checkpoint


def _due(tenures: Collection[Tenure]) -> dict[Tenure, Checkpoint]:
    """Return what may be committed of *tenures* and has changed since it was."""
    found = ((tenure, tenure.ledger.checkpoint()) for tenure in tenures)
    return {tenure: it for tenure, it in found if it is not None and it != tenure.committed}
