"""The partitions that this member owns, and what it commits of them.

A ledger comes with the assignment and goes with the revoke. A commit speaks of owned partitions
only: a broker takes a commit for a partition of somebody else's without a word, and would move
its offset back.

A commit goes out every `interval_s`, or after `FINISHED_TO_COMMIT` records, for the partitions
whose checkpoint has changed; one is under way at a time. A refused one needs no care of its own:
what is not acknowledged is still due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.ledger import Ledger
from consumer.observe.counting import add

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Partition
    from consumer.core.ports import Source
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
    """The ledgers of the owned partitions."""

    def __init__(self, source: Source, interval_s: float, tally: Tally, clock: Clock) -> None:
        self._source = source
        self._interval_s = interval_s
        self._tally = tally
        self._clock = clock
        self._last_commit_s = clock.monotonic_s()
        self._under_way_since_s: float | None = None
        self._held_until_s = 0.0
        self._finished = 0  # since the last commit
        self.ledgers: dict[Partition, Ledger] = {}
        """The owned partitions; nothing else may be started or committed."""

    def add(self, partitions: Mapping[Partition, Checkpoint | None]) -> None:
        """Own *partitions* from now on; none is a rebalance that brought none."""
        self._held_until_s = 0.0
        for partition, checkpoint in partitions.items():
            self.ledgers[partition] = Ledger(checkpoint)

    def close(self, partitions: Collection[Partition]) -> list[Ledger]:
        """Start nothing more of *partitions*; what is under way may still be finished."""
        self._held_until_s = self._clock.monotonic_s() + HOLD_S
        ledgers = [self.ledgers[p] for p in partitions if p in self.ledgers]
        for ledger in ledgers:
            ledger.closed = True
        return ledgers

    def drop(self, partitions: Collection[Partition]) -> None:
        """Own *partitions* no longer; what is unfinished is the next owner's."""
        tally = self._tally
        for partition in partitions:
            ledger = self.ledgers.pop(partition, None)
            if ledger is None:
                continue
            ledger.closed = True
            tally.records_handed_over += ledger.in_flight
            tally.records_in_flight -= ledger.in_flight
            labels = (partition.topic, str(partition.number))
            for series in (
                tally.lag_records,
                tally.lag_seconds,
                tally.committed_offset,
                tally.position_offset,
            ):
                series.pop(labels, None)

    def finish(self, partition: Partition, ledger: Ledger, offset: int) -> bool:
        """Finish a record; return False where its partition is another member's by now."""
        if self.ledgers.get(partition) is not ledger:
            return False
        ledger.finish(offset)
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
        checkpoints = self._due(self.ledgers)
        if checkpoints:
            self._under_way_since_s = now_s
            self._source.commit(checkpoints)

    def commit_now(self, partitions: Collection[Partition]) -> None:
        """Commit *partitions* and wait for the answer."""
        checkpoints = self._due(partitions)
        if checkpoints:
            self._under_way_since_s = self._clock.monotonic_s()
            self._source.commit_now(checkpoints)

    def commit_answered(self, committed: Mapping[Partition, Checkpoint], error: str | None) -> None:
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
        for partition, checkpoint in committed.items():
            ledger = self.ledgers.get(partition)
            if ledger is not None:
                ledger.committed = checkpoint

    def _due(self, partitions: Collection[Partition]) -> dict[Partition, Checkpoint]:
        due: dict[Partition, Checkpoint] = {}
        for partition in partitions:
            ledger = self.ledgers.get(partition)
            checkpoint = ledger.checkpoint() if ledger is not None else None
            if ledger is not None and checkpoint is not None and checkpoint != ledger.committed:
                due[partition] = checkpoint
        return due
