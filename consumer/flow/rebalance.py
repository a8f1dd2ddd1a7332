"""What happens when partitions come and go; all of it runs inside `Source.poll`, on one thread.

    assigned    a fresh ledger, that goes on where the group's last commit ends
    revoked     start nothing more, wait for what is under way, commit, give up the rest
    lost        give up at once: they are another member's already, and a commit would be wrong

What is unfinished at the end is the next owner's; the commit's metadata tells it what is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.observe.counting import add

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from structlog.typing import FilteringBoundLogger

    from consumer.core.ledger import Checkpoint, Ledger
    from consumer.core.model import Partition
    from consumer.core.ports import DeadLetters
    from consumer.core.timing import Clock
    from consumer.flow.assignment import Assignment
    from consumer.flow.backpressure import Backpressure
    from consumer.observe.metrics import Tally
    from consumer.seg.delivery import Delivery
    from consumer.seg.ports import Settled

DRAIN_STEP_S = 0.05
"""How long a drain waits for answers before it looks at its deadline again."""


class Drain(NamedTuple):
    """What is under way, how to settle it, and how long to wait for it."""

    delivery: Delivery
    dead_letters: DeadLetters
    settle: Callable[[list[Settled]], None]
    timeout_s: float


class Rebalance:
    """The listener of the source."""

    def __init__(
        self,
        assignment: Assignment,
        backpressure: Backpressure,
        drain: Drain,
        *,
        tally: Tally,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._assignment = assignment
        self._backpressure = backpressure
        self._drain = drain
        self._tally = tally
        self._clock = clock
        self._log = log

    def assigned(self, partitions: Mapping[Partition, Checkpoint | None]) -> None:
        """Own *partitions* from now on."""
        add(self._tally.rebalances, "assigned")
        self._assignment.add(partitions)
        self._backpressure.assigned(partitions.keys())
        if partitions:  # in a cooperative rebalance most members are given nothing
            self._log.info("partitions_assigned", partitions=_names(partitions))

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Let what is under way end, commit what is finished, and give the rest up."""
        start_s = self._clock.monotonic_s()
        ledgers = self._assignment.close(partitions)
        if not ledgers:
            return
        self._wait_for(ledgers, start_s + self._drain.timeout_s)
        self._assignment.commit_now(partitions)
        add(self._tally.rebalances, "revoked")
        self._tally.revoke_drain_seconds.observe(self._clock.monotonic_s() - start_s)
        self._log.info(
            "partitions_revoked",
            partitions=_names(partitions),
            handed_over=sum(ledger.in_flight for ledger in ledgers),
        )
        self._drop(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        """Give everything up at once: the partitions are another member's already."""
        add(self._tally.rebalances, "lost")
        self._log.warning("partitions_lost", partitions=_names(partitions))
        self._drop(partitions)

    def commit_answered(self, committed: Mapping[Partition, Checkpoint], error: str | None) -> None:
        """Note the broker's answer to a commit."""
        self._assignment.commit_answered(committed, error)
        if error is not None:
            self._log.warning("commit_refused", reason=error, partitions=_names(committed))

    def _wait_for(self, ledgers: list[Ledger], deadline_s: float) -> None:
        drain = self._drain
        while drain.dead_letters.pending or drain.delivery.on_wire(ledgers):
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                return
            drain.settle(drain.delivery.step(min(DRAIN_STEP_S, left_s)))

    def _drop(self, partitions: Collection[Partition]) -> None:
        self._assignment.drop(partitions)
        self._backpressure.gone(partitions)


def _names(partitions: Collection[Partition]) -> list[str]:
    return sorted(f"{partition.topic}/{partition.number}" for partition in partitions)
