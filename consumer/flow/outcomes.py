"""How a record ends: Seg took its call, there was nothing to do, or its dead letter is stored.

There is no fourth way out. What ends is finished in its ledger, where it is still ours to finish.
The loop and a drain both take their steps here: what was started ends in the same way in either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.model import DeadLetter
from consumer.observe.counting import add
from consumer.seg.ports import Delivered, Ignored

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.errors import IgnoredReason
    from consumer.core.lanes import Task
    from consumer.core.model import Record, Tenure
    from consumer.core.timing import Clock
    from consumer.flow.assignment import Assignment
    from consumer.flow.letters import Letters
    from consumer.observe.metrics import Tally
    from consumer.seg.delivery import Delivery
    from consumer.seg.ports import Settled


class Outcomes:
    """Finishes records, and counts how."""

    def __init__(
        self,
        assignment: Assignment,
        delivery: Delivery,
        letters: Letters,
        *,
        tally: Tally,
        clock: Clock,
    ) -> None:
        self._assignment = assignment
        self._delivery = delivery
        self._letters = letters
        self._tally = tally
        self._clock = clock

    def step(self, timeout_s: float) -> float:
        """Start what may start, wait up to *timeout_s* for answers, and settle what they decide.

        Return when the wait was over, monotonic.
        """
        settled = self._delivery.step(timeout_s, self._assignment.lease_until_s)
        answered_s = self._clock.monotonic_s()
        self._settle(settled, self._clock.wall_s() * 1000)
        return answered_s

    def under_way(self, tenures: Collection[Tenure]) -> bool:
        """Tell whether a request or a dead letter of one of *tenures* has no answer yet."""
        return self._letters.under_way(tenures) or self._delivery.on_wire(tenures)

    def _settle(self, settled: list[Settled], now_ms: float) -> None:
        """Finish what Seg took or does not support; bury what it rejects."""
        for end in settled:
            if isinstance(end, Delivered):
                self._letters.taken(len(end.tasks))
                self._delivered(end.tasks, now_ms)
            elif isinstance(end, Ignored):
                self._letters.taken(1)
                self.ignore(end.task.record, end.reason)
            else:
                task, reason, detail, status, attempts = end
                letter = DeadLetter(task.record, reason, detail, attempts, status)
                self._letters.rejected(letter)
        for letter in self._letters.stored():
            if self._assignment.finish(letter.record):
                add(self._tally.records_dead_lettered, letter.reason)

    def ignore(self, record: Record, reason: IgnoredReason) -> None:
        """Finish a record that makes no call."""
        if self._assignment.finish(record):
            add(self._tally.records_ignored, reason)

    def _delivered(self, tasks: list[Task], now_ms: float) -> None:
        """Finish what Seg took."""
        tally, finish = self._tally, self._assignment.finish
        events: dict[str, int] = {}
        event_ages_s, append_ages_s = list[float](), list[float]()
        for task in tasks:
            record, call = task.record, task.call
            if not finish(record):
                continue
            event = call.event or call.type
            events[event] = events.get(event, 0) + 1
            if call.anonymous:
                tally.identifies_anonymous += 1
            if call.occurred_at_ms is not None:
                event_ages_s.append((now_ms - call.occurred_at_ms) / 1000)
            if record.timestamp_ms is not None:
                append_ages_s.append((now_ms - record.timestamp_ms) / 1000)
        for event, calls in events.items():
            add(tally.calls_delivered, event, times=calls)
        tally.event_to_ack_seconds.observe_all(event_ages_s)
        tally.append_to_ack_seconds.observe_all(append_ages_s)
