"""From a record that was read to a call in its lane: start, decode, translate, schedule.

A record whose schema is still looked up waits in its tenure, and those of its partition behind it;
other partitions go on. A turn takes in for `TAKE_IN_S` at most.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from consumer.core.errors import IgnoredReason, PendingError, UnavailableError
from consumer.core.lanes import Task
from consumer.core.model import Ignored, SegCall, bytes_of
from consumer.observe.counting import add

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import Record, Tenure
    from consumer.core.timing import Clock
    from consumer.flow.stages import Stages
    from consumer.observe.metrics import Tally

TAKE_IN_S = 0.25
"""How long a turn may decode and translate; what is left is for the next."""
LOOK_AHEAD = 16
"""How many records behind one that waits are looked at, for what they will need."""


class Intake:
    """Takes records in, in the order of their partitions."""

    def __init__(
        self, stages: Stages, *, tally: Tally, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._decode = stages.decode
        self._expect = stages.expect
        self._translate = stages.translate
        self._lane_of = stages.lane_of
        self._lanes = stages.lanes
        self._letters = stages.letters
        self._outcomes = stages.outcomes
        self._assignment = stages.assignment
        self._backpressure = stages.backpressure
        self._tally = tally
        self._clock = clock
        self._log = log
        self._turns = 0
        self._waiting: list[Tenure] = []  # whose next record needs a dependency's answer
        self.is_late = False
        """True where the last turn had no time left for all that waits."""

    @property
    def waiting(self) -> int:
        """How many partitions there are whose next record needs a dependency's answer."""
        return len(self._waiting)

    @property
    def missing(self) -> UnavailableError | None:
        """Why the next record of a partition cannot be decoded; None where all can be."""
        return next((it.waits_for for it in self._waiting if it.waits_for is not None), None)

    def take(self, records: list[Record], now_s: float) -> None:
        """Start each record in its ledger, and bring on what waits as far as it gets."""
        tally, tenures = self._tally, self._assignment.tenures
        started = 0
        for record in records:
            tenure = record.tenure
            if tenure.closed:
                continue  # revoked between the fetch and now
            if not tenure.ledger.start(record.offset, record.timestamp_ms):
                tally.records_skipped += 1
                continue
            started += 1
            tenure.kept_bytes += bytes_of(record)
            tenure.held.append(record)
        tally.records_received += started
        tally.records_in_flight += started
        self._turns += 1
        first = self._turns % (len(tenures) or 1)  # or the last would never come to its turn
        self.is_late = False
        self._waiting = [
            tenure
            for tenure in tenures[first:] + tenures[:first]
            if tenure.held and not self._bring_on(tenure, now_s)
        ]
        if records:
            self._backpressure.read(tenures)

    def _bring_on(self, tenure: Tenure, now_s: float) -> bool:
        """Prepare what waits of *tenure*, in order; return False where a dependency is missing."""
        held, clock, until_s = tenure.held, self._clock, now_s + TAKE_IN_S
        while held:
            if clock.monotonic_s() >= until_s:
                self.is_late = True
                return True
            if not self._prepare(held[0], now_s):
                for record in islice(held, 1, 1 + LOOK_AHEAD):
                    if record.value is not None:
                        self._expect(record.value, record.headers)
                return False
            held.popleft()
        return True

    def _prepare(self, record: Record, now_s: float) -> bool:
        """Decode and translate *record* and put its call into a lane, or finish it here.

        Return False where a dependency must answer first.
        """
        tenure = record.tenure
        if record.value is None:
            self._letters.empty()
            self._outcomes.ignore(record, IgnoredReason.TOMBSTONE)
            return True
        try:
            call = self._translate(self._decode(record.value, record.headers), record.timestamp_ms)
            if isinstance(call, SegCall) and call.has_large_number:
                event = self._decode(record.value, record.headers, exactly=True)
                call = self._translate(event, record.timestamp_ms)
        except PendingError:
            return False
        except UnavailableError as error:
            tenure.waits_for = error
            add(self._tally.dependency_failures, error.dependency)
            self._log.warning("dependency_away", reason=error.dependency, detail=error.detail)
            return False
        except Exception as error:  # noqa: BLE001 - no event may end the program at every start
            tenure.waits_for = None
            self._letters.unreadable(record, error)
            return True
        tenure.waits_for = None
        self._letters.readable(tenure.partition.topic)
        if isinstance(call, Ignored):
            self._outcomes.ignore(record, call.reason)
            return True
        for value in call.left_out:
            add(self._tally.values_left_out, value.key)
        waiting = self._lanes.put(self._lane_of(record, call), Task(record, call), now_s)
        self._backpressure.queued(tenure, waiting)
        return True
