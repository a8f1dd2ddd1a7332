"""What happens when partitions come and go; all of it runs inside `Source.poll`, on one thread.

    assigned    read what has come, where the group's last commit ends
    revoked     start nothing more, wait for what is under way, commit, give up the rest
    lost        give up at once: another member owns them, and a commit would be wrong

What is unfinished at the end is the next owner's; the commit's metadata tells it what is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.observe.counting import add

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from structlog.typing import FilteringBoundLogger

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import Tenure
    from consumer.core.timing import Clock
    from consumer.flow.assignment import Assignment
    from consumer.flow.backpressure import Backpressure
    from consumer.flow.outcomes import Outcomes
    from consumer.observe.metrics import Tally

DRAIN_STEP_S = 0.05
"""How long a drain waits for answers before it looks at its deadline again."""


class Rebalance:
    """The listener of the source."""

    def __init__(  # noqa: PLR0913 - the parts of a rebalance, each made and tested by itself
        self,
        assignment: Assignment,
        backpressure: Backpressure,
        outcomes: Outcomes,
        *,
        drain_timeout_s: float,
        tally: Tally,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._assignment = assignment
        self._backpressure = backpressure
        self._outcomes = outcomes
        self._drain_timeout_s = drain_timeout_s
        self._tally = tally
        self._clock = clock
        self._log = log

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures* from now on."""
        add(self._tally.rebalances, "assigned")
        self._assignment.add(tenures)
        self._backpressure.assigned(tenures)
        if tenures:  # in a cooperative rebalance most members are given nothing
            self._log.info("partitions_assigned", partitions=_names(tenures))

    def revoked(self, tenures: Collection[Tenure]) -> None:
        """Let what is under way end, commit what is finished, and give the rest up."""
        start_s = self._clock.monotonic_s()
        tenures = [tenure for tenure in tenures if not tenure.over]
        self._assignment.close(tenures)
        if not tenures:
            return
        self._wait_for(tenures, start_s + self._drain_timeout_s)
        self._assignment.commit_now(tenures)
        add(self._tally.rebalances, "revoked")
        self._tally.revoke_drain_seconds.observe(self._clock.monotonic_s() - start_s)
        self._log.info(
            "partitions_revoked",
            partitions=_names(tenures),
            handed_over=sum(tenure.ledger.in_flight for tenure in tenures),
        )
        self._assignment.drop(tenures)

    def lost(self, tenures: Collection[Tenure]) -> None:
        """Give everything up at once: another member owns the partitions."""
        add(self._tally.rebalances, "lost")
        self._log.warning("partitions_lost", partitions=_names(tenures))
        self._assignment.drop(tenures)

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Note the broker's answer to a commit."""
        self._assignment.commit_answered(committed, error)
        if error is not None:
            self._log.warning("commit_refused", reason=error, partitions=_names(committed))

    def _wait_for(self, tenures: list[Tenure], deadline_s: float) -> None:
        while self._outcomes.under_way(tenures):
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                return
            self._outcomes.step(min(DRAIN_STEP_S, left_s))


def _names(tenures: Collection[Tenure]) -> list[str]:
    return sorted(f"{it.partition.topic}/{it.partition.number}" for it in tenures)
