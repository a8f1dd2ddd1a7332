"""The loop: poll, decode, translate, schedule, deliver, settle, commit.

One thread owns everything here; librdkafka and libcurl do their I/O for it. `ports` holds what
the loop needs of the outside world.

Each record is started in its partition's ledger when it is read; `outcomes` has the ways in which
it is finished. Only what is finished is ever committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.flow.backpressure import InFlight
from consumer.flow.intake import Intake
from consumer.seg.breaker import BreakerState

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import Record
    from consumer.core.timing import Clock
    from consumer.flow.stages import Stages
    from consumer.observe.metrics import Tally

IDLE_WAIT_S = 0.1
"""How long to wait for a record where there is nothing else to do; signals wait as long."""
BUSY_WAIT_S = 0.005
"""How long to wait for answers before Kafka is asked again."""
TURN_RECORDS = 50
"""How many records a turn may take in at least, whatever the limit on requests is."""
POLL_AT_LEAST_S = 0.25
"""How often Kafka is asked though there is enough to do: a rebalance waits no longer."""
LOOK_UP_WAIT_S = 0.02
"""How long to wait for a record while a look-up is under way: nothing tells when it is over."""
GROUP_SILENT_S = 1.0
"""How long records may wait for the group's word before it counts as away."""


class Pipeline:
    """One consumer: everything between a topic and Seg."""

    def __init__(
        self,
        stages: Stages,
        *,
        poll_max_records: int,
        tally: Tally,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._source = stages.source
        self._lanes = stages.lanes
        self._delivery = stages.delivery
        self._letters = stages.letters
        self._assignment = stages.assignment
        self._backpressure = stages.backpressure
        self._outcomes = stages.outcomes
        self._poll_max_records = poll_max_records
        self._tally = tally
        self._clock = clock
        self._intake = Intake(stages, tally=tally, clock=clock, log=log)
        self._has_more = False  # Kafka, when it was asked last
        self._no_lease_since_s: float | None = None  # while records wait for the group's word

    def turn(self) -> None:
        """One turn: poll, decode, translate, schedule, deliver, settle, commit - in that order."""
        clock = self._clock
        start_s = clock.monotonic_s()
        self._look_at_lease(start_s)
        records = self._poll(start_s)
        polled_s = clock.monotonic_s()
        self._intake.take(records, polled_s)
        taken_in_s = clock.monotonic_s()
        waits = self._busy and not self._has_more
        delivered_s = self._outcomes.step(BUSY_WAIT_S if waits else 0.0)
        settled_s = clock.monotonic_s()
        self._assignment.commit_if_due(settled_s)
        spent = self._tally.loop_seconds
        for stage, seconds in (
            (("poll",), polled_s - start_s),
            (("take_in",), taken_in_s - polled_s),
            (("deliver",), delivered_s - taken_in_s),
            (("settle",), settled_s - delivered_s),
            (("commit",), clock.monotonic_s() - settled_s),
        ):
            spent[stage] = spent.get(stage, 0.0) + seconds

    def _look_at_lease(self, now_s: float) -> None:
        """Note since when records wait for the group to say that they are ours."""
        if not (self._tally.records_in_flight and self._assignment.lease_is_over):
            self._no_lease_since_s = None
        elif self._no_lease_since_s is None:
            self._no_lease_since_s = now_s

    @property
    def waits_for(self) -> str | None:
        """What is away that calls or records wait for; None while nothing is."""
        if self._delivery.breaker.state is not BreakerState.CLOSED:
            return str(self._delivery.breaker.reason)
        if self._group_away:
            return "consumer_group"
        missing = self._intake.missing
        return self._letters.waits_for or (None if missing is None else missing.dependency)

    @property
    def held_partitions(self) -> int:
        """How many partitions there are whose next record waits for its schema."""
        return self._intake.waiting

    @property
    def detail(self) -> str:
        """More of that, for people; empty where there is no more to say."""
        if self._delivery.breaker.state is not BreakerState.CLOSED:
            return self._delivery.breaker.detail
        if self._group_away:
            return "the group has not acknowledged a commit of ours of late"
        if self._letters.waits_for is not None:
            return self._letters.detail or ""
        missing = self._intake.missing
        return "" if missing is None else missing.detail

    @property
    def _group_away(self) -> bool:
        since_s = self._no_lease_since_s
        return since_s is not None and self._clock.monotonic_s() - since_s >= GROUP_SILENT_S

    @property
    def _away(self) -> bool:
        """True where there is no sense in reading more, of whatever partition.

        A breaker that is not closed is asked again with a call that has not failed yet: without
        one, reading goes on, or nobody would ever find out that Seg is back.
        """
        if self._group_away or self._letters.away:
            return True
        breaker = self._delivery.breaker
        if breaker.state is BreakerState.CLOSED:
            return False
        return breaker.probe_at_s is None or self._lanes.ready_calls > 0

    def _poll(self, now_s: float) -> list[Record]:
        self._has_more = False
        backpressure = self._backpressure
        tenures = self._assignment.tenures
        kept_bytes = sum(tenure.kept_bytes for tenure in tenures) + self._lanes.body_bytes
        kept_bytes += self._letters.pending_bytes  # the producer has a copy of each
        in_flight = InFlight(self._tally.records_in_flight, kept_bytes)
        backpressure.update(tenures, in_flight, now_s, away=self._away)
        backpressure.leave(tenures, self._letters.unreadable_topics)
        room = backpressure.room(in_flight)
        if not backpressure.paused and (room <= 0 or self._is_sated(now_s)):
            return []  # full, but perhaps not for long: a pause would cost more
        self._tally.poll_age_seconds = now_s
        if self._intake.is_late:
            return self._source.poll(1, 0.0)  # only to serve callbacks: enough is read
        timeout_s = LOOK_UP_WAIT_S if self._intake.waiting else IDLE_WAIT_S
        if self._busy:
            timeout_s = 0.0
        at_once = max(1, min(self._turn_records, room))
        records = self._source.poll(at_once, timeout_s)
        self._has_more = len(records) == at_once
        return records

    @property
    def _turn_records(self) -> int:
        """How many records a turn may take in: half as many as fill what may be under way.

        Seg answers the other half meanwhile, so neither waits for the other, and what was read
        goes out while the processor's cache still has it. A turn looks at every partition: one
        record for each at least.
        """
        half = self._delivery.full_calls // 2
        return min(self._poll_max_records, max(TURN_RECORDS, len(self._assignment.tenures), half))

    def _is_sated(self, now_s: float) -> bool:
        """Tell whether delivery has enough to do; what is read later costs no memory now."""
        polled_s = self._tally.poll_age_seconds
        recently = polled_s is not None and now_s - polled_s < POLL_AT_LEAST_S
        if self._no_lease_since_s is not None:
            return False  # the group's word comes with a poll
        return recently and self._lanes.ready_calls >= 2 * self._delivery.full_calls

    @property
    def _busy(self) -> bool:
        """True while answers may come or calls may go: then Kafka is not the place to wait."""
        if self._delivery.requests_in_flight:
            return True
        closed = self._delivery.breaker.state is BreakerState.CLOSED
        return closed and self._lanes.ready_calls > 0
