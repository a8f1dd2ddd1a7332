"""How a record ends: Seg took its call, there was nothing to do, or its dead letter is stored.

There is no fourth way out. What ends is finished in its ledger, where it is still ours to finish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.model import DeadLetter
from consumer.observe.counting import add

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.core.errors import IgnoredReason
    from consumer.core.lanes import Task
    from consumer.core.ledger import Ledger
    from consumer.core.model import Record
    from consumer.core.ports import DeadLetters
    from consumer.flow.assignment import Assignment
    from consumer.flow.storm import StormGuard
    from consumer.observe.metrics import Tally
    from consumer.seg.breaker import Breaker
    from consumer.seg.ports import Settled


class Outcomes:
    """Finishes records, and counts how."""

    def __init__(
        self,
        assignment: Assignment,
        dead_letters: DeadLetters,
        breaker: Breaker,
        undeliverable: StormGuard,
        *,
        tally: Tally,
        log: FilteringBoundLogger,
    ) -> None:
        self._assignment = assignment
        self._dead_letters = dead_letters
        self._breaker = breaker
        self._undeliverable = undeliverable
        self._tally = tally
        self._log = log

    def settle(self, settled: list[Settled], now_ms: float) -> None:
        """Finish what Seg took or does not support; bury what it rejects."""
        for tasks, dead, ignored, detail, status, attempts in settled:
            if dead is not None:
                for task in tasks:
                    letter = DeadLetter(task.record, task.ledger, dead, detail, attempts, status)
                    self.bury(letter, self._undeliverable)
                continue
            self._undeliverable.healthy(len(tasks))
            if ignored is None:
                self._delivered(tasks, now_ms)
                continue
            for task in tasks:
                self.ignore(task.record, task.ledger, ignored)
        for letter in self._dead_letters.stored():
            if self._assignment.finish(
                letter.record.partition, letter.ledger, letter.record.offset
            ):
                add(self._tally.records_dead_lettered, letter.reason)

    def ignore(self, record: Record, ledger: Ledger, reason: IgnoredReason) -> None:
        """Finish a record that makes no call."""
        if self._assignment.finish(record.partition, ledger, record.offset):
            add(self._tally.records_ignored, reason)

    def bury(self, letter: DeadLetter, guard: StormGuard) -> None:
        """Send *letter* to the dead-letter topic, unless *guard* sees everything go there."""
        if self._assignment.ledgers.get(letter.record.partition) is not letter.ledger:
            return  # the next owner reads it again
        if guard.poison():
            self._breaker.storm(guard.text)
            return  # it stays in flight: after a restart it is read again
        self._dead_letters.put(letter)
        self._log.warning("record_dead_lettered", reason=letter.reason, detail=letter.detail)

    def _delivered(self, tasks: list[Task], now_ms: float) -> None:
        """Finish what Seg took."""
        tally, finish = self._tally, self._assignment.finish
        events: dict[str, int] = {}
        event_ages_s, append_ages_s = list[float](), list[float]()
        for task in tasks:
            record, call = task.record, task.call
            if not finish(record.partition, task.ledger, record.offset):
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
