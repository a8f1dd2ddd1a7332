"""The partitions that this member owns, what it commits of them, and until when it may start calls.

A commit speaks of owned partitions only: a broker takes a commit for a partition of somebody
else's without a word, and would move its offset back.

A commit goes out as soon as something is finished and the last one is answered, `SOONEST_S` apart;
one is under way at a time. A refused one needs no care of its own: what is not acknowledged is
still due.

A commit also asks the group whether we are its member still, so its acknowledgement is the lease on
what we own: no call starts later than `lease_s` after the last acknowledged commit was sent. A
process that stood still, or that reaches Seg and not the group's coordinator, would else send calls
that the next owner has sent already, behind later ones of the same key. Where nothing is finished
the lease is renewed with a commit that says nothing new.
"""

from __future__ import annotations

from math import inf
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

SOONEST_S = 0.1
"""No two commits are closer: the brokers have others to serve. What is finished between two is sent
twice after a crash."""
RENEWALS = 3
"""How often a lease is renewed in its time: a coordinator may be away for the rest."""
REBALANCING = "REBALANCE_IN_PROGRESS"
GONE = frozenset(
    {"FENCED_INSTANCE_ID", "FENCED_MEMBER_EPOCH", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"}
)
"""The group has gone on without us: the source will tell of it."""
STALE = "STALE_MEMBER_EPOCH"
"""The group has gone on, with us or without: the next commit tells (KIP-848)."""
HOLD_S = 3.0
"""How long commits wait for the end of a rebalance. One that is sent in the middle of it may reach
the broker with the number of the last generation, and that costs the whole assignment; one of a
member that was thrown out could be taken for a stranger's, which a broker believes."""
ANSWER_WITHIN_S = 60.0
"""A commit that was not answered in this time is forgotten, and the next one goes out."""


class Assignment:
    """The tenures of the owned partitions."""

    def __init__(self, source: Source, lease_s: float, tally: Tally, clock: Clock) -> None:
        self._source = source
        self._tally = tally
        self._clock = clock
        self._last_commit_s = -inf
        self._under_way_since_s: float | None = None
        self._held_until_s = 0.0
        self._is_due = False  # something is finished, or begins, that no commit has said
        self._asked_s = -inf  # when the commit under way was sent, by the clock of the lease
        self._proven_s = -inf  # when the last one was that the group has acknowledged
        self.lease_s = lease_s
        """How long after an acknowledged commit was sent calls may start."""
        self.tenures: list[Tenure] = []
        """Those of the owned partitions; nothing else may be started or committed."""

    @property
    def lease_until_s(self) -> float:
        """Until when calls may start, by `Clock.boottime_s`; past where the lease is over.

        Who has read nothing of what it owns, or owns nothing, may start what it likes: all that it
        has is given up when it comes up, and there is nothing yet that a commit could say.
        """
        if any(tenure.ledger.next_offset is not None for tenure in self.tenures):
            return self._proven_s + self.lease_s
        return inf

    @property
    def lease_is_over(self) -> bool:
        """True while no call may start."""
        return self._clock.boottime_s() >= self.lease_until_s

    def add(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures* from now on; none is a rebalance that brought none."""
        self._held_until_s = 0.0
        self._is_due = True  # what the rebalance refused, and where what is new begins
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
        if not self.tenures:
            self._proven_s = -inf  # what was proven of these says nothing of the next

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
        self._is_due = True
        self._tally.records_in_flight -= 1
        return True

    def commit_if_due(self, now_s: float) -> None:
        """Send a commit where something has changed, or where the lease wants to be renewed."""
        since_s = self._under_way_since_s
        if since_s is not None and now_s - since_s < ANSWER_WITHIN_S:
            return
        if now_s < self._held_until_s or now_s - self._last_commit_s < SOONEST_S:
            return
        boottime_s = self._clock.boottime_s()
        renews = boottime_s - self._proven_s >= self.lease_s / RENEWALS
        if not (self._is_due or renews):
            return
        checkpoints = _due(self.tenures)
        if not checkpoints and renews:
            checkpoints = _any(self.tenures)
        self._is_due = False
        if checkpoints:
            self._last_commit_s = self._under_way_since_s = now_s
            self._asked_s = boottime_s
            self._source.commit(checkpoints)

    def commit_now(self, tenures: Collection[Tenure]) -> None:
        """Commit *tenures* and wait for the answer."""
        checkpoints = _due(tenures)
        if checkpoints:
            self._under_way_since_s = self._clock.monotonic_s()
            self._asked_s = self._clock.boottime_s()
            self._source.commit_now(checkpoints)

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Note the broker's answer to a commit."""
        now_s = self._clock.monotonic_s()
        if self._under_way_since_s is not None:
            self._tally.commit_seconds.observe(now_s - self._under_way_since_s)
            self._under_way_since_s = None
        if error is None:
            self._proven_s = self._asked_s
            for tenure, checkpoint in committed.items():
                tenure.committed = checkpoint
            return
        self._is_due = True
        add(self._tally.commit_failures, error)
        if error in GONE or error == STALE:
            self._proven_s = -inf
        if error in GONE or error == REBALANCING:
            self._held_until_s = now_s + HOLD_S


def _due(tenures: Collection[Tenure]) -> dict[Tenure, Checkpoint]:
    """Return what may be committed of *tenures* and has changed since it was."""
    found = ((tenure, tenure.ledger.checkpoint()) for tenure in tenures)
    return {tenure: it for tenure, it in found if it is not None and it != tenure.committed}


def _any(tenures: Collection[Tenure]) -> dict[Tenure, Checkpoint]:
    """Return what may be committed of one of *tenures*: enough to ask the group."""
    for tenure in tenures:
        checkpoint = tenure.ledger.checkpoint()
        if checkpoint is not None:
            return {tenure: checkpoint}
    return {}
