"""One process of the model: what `program.wiring.build` makes, with stand-ins for the outside."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import orjson

from consumer.core.errors import (
    DeadLetterReason,
    IgnoredReason,
    MisconfiguredError,
    PendingError,
    PoisonError,
    UnavailableError,
)
from consumer.core.lanes import Lanes
from consumer.core.model import Ignored, SegCall
from consumer.flow.assignment import Assignment
from consumer.flow.backpressure import Backpressure
from consumer.flow.letters import Letters
from consumer.flow.outcomes import Outcomes
from consumer.flow.pipeline import Pipeline
from consumer.flow.rebalance import Rebalance
from consumer.flow.stages import Stages
from consumer.observe.metrics import Tally
from consumer.program.wiring import LANE_OF
from consumer.seg.breaker import Breaker
from consumer.seg.delivery import Delivery
from consumer.seg.dispatch import Dispatch, Limits
from consumer.seg.judge import Judge
from consumer.seg.limiter import Concurrency
from consumer.seg.outbox import Batching, Outbox
from consumer.seg.rate import Rate
from consumer.seg.weather import Weather
from tests.member import silent_log
from tests.model.outside import ModelDeadLetters, ModelSeg, ModelSource
from tests.model.script import (
    BOUNDS,
    DRAIN_S,
    EVENT_BYTES,
    GAP_MAX,
    LEASE_S,
    POLICY,
    POLL_MAX,
    SLEEP_S,
    CrashedError,
)
from tests.model.truth import Place

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.model import Event, Headers, Partition
    from tests.model.script import CrashPoint
    from tests.model.truth import Fact
    from tests.model.world import World


class Member:
    """One process: what `consumer.program.wiring.build` makes, with stand-ins for the outside."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self.crash_at: CrashPoint | None = None
        self.freeze_at: CrashPoint | None = None
        self._looked_up: set[Place] = set()
        self.has_read = False
        """Whether a record could be read in this run."""
        self.tally = Tally()
        self.source = ModelSource(world, self)
        self.seg = ModelSeg(world, self)
        self.dead_letters = ModelDeadLetters(world, self)
        self.lanes = Lanes()
        clock, chance, log = world.clock, random.Random(seed), silent_log()  # noqa: S311 - jitter, not a secret
        batching = Batching(3, 100_000, 0.2) if world.config.batch else None
        self.outbox = Outbox(self.lanes, batching)
        weather = Weather(clock.monotonic_s())
        breaker = Breaker(POLICY, 5.0, weather, chance)
        limits = Limits(
            Concurrency(1, 4, weather.unanswered),
            Rate(None, weather.throttled, clock.monotonic_s()),
        )
        self.dispatch = Dispatch(self.outbox, self.seg, breaker, limits, arrays=world.config.batch)
        judge = Judge(weather, breaker, self.outbox, POLICY, chance)
        self.delivery = Delivery(self.lanes, self.dispatch, judge, self.tally, clock)
        self.assignment = Assignment(self.source, LEASE_S, self.tally, clock)
        backpressure = Backpressure(self.source, BOUNDS)
        self.letters = Letters(
            self.dead_letters, self.delivery.breaker, world.storm_limit, clock=clock, log=log
        )
        self.outcomes = Outcomes(
            self.assignment, self.delivery, self.letters, tally=self.tally, clock=clock
        )
        stages = Stages(
            source=self.source,
            decode=self._decode,
            expect=lambda _value, _headers: None,
            translate=self._translate,
            lane_of=LANE_OF[world.config.ordering],
            lanes=self.lanes,
            delivery=self.delivery,
            letters=self.letters,
            outcomes=self.outcomes,
            assignment=self.assignment,
            backpressure=backpressure,
        )
        self.pipeline = Pipeline(
            stages, poll_max_records=POLL_MAX, tally=self.tally, clock=clock, log=log
        )
        self.rebalance = Rebalance(
            self.assignment,
            backpressure,
            self.outcomes,
            drain_timeout_s=DRAIN_S,
            tally=self.tally,
            clock=clock,
            log=log,
        )

    def turn(self) -> None:
        """Do one turn of the loop, and die if it is time to."""
        try:
            self.pipeline.turn()
            self.assignment.pass_over(self.source.extents())
        except CrashedError:
            self._world.crash(self)

    def happens(self, what: str, partitions: Collection[Partition]) -> None:
        """Let the group tell this member something, inside its next poll."""
        if not partitions or self not in self._world.members:
            return
        self.source.happens(what, set(partitions))
        self.turn()
        while self.source.has_news and self in self._world.members:
            self._world.clock.advance(0.1)  # it is full, and does not poll for a moment
            self.turn()

    def passes(self, point: CrashPoint) -> None:
        """Die here, or sleep for longer than the group waits, if the script says so."""
        if self.crash_at == point:
            raise CrashedError
        if self.freeze_at == point:
            self.freeze_at = None
            self._world.fence(self)
            self._world.clock.advance(SLEEP_S)

    def check(self) -> None:
        """Check what must hold of a member between two turns."""
        tally, tenures = self.tally, self.assignment.tenures
        in_flight = sum(tenure.ledger.in_flight for tenure in tenures)
        assert in_flight == tally.records_in_flight
        assert tally.records_received == tally.outcomes + in_flight, "conservation"
        assert in_flight <= BOUNDS.records + POLL_MAX, "memory"
        kept_bytes = self.lanes.body_bytes + sum(tenure.kept_bytes for tenure in tenures)
        assert kept_bytes <= BOUNDS.kept_bytes + POLL_MAX * EVENT_BYTES, "memory: bytes"
        for tenure in tenures:
            read_ahead = POLL_MAX * (1 + GAP_MAX)
            window = tenure.ledger.window
            assert tenure.kept_bytes >= 0
            assert tenure.ledger.in_flight or not tenure.kept_bytes, "memory: what nobody keeps"
            assert window < BOUNDS.window + read_ahead, f"memory: {tenure.partition}"

    @property
    def idle(self) -> bool:
        """True where nothing is left behind in any stage."""
        return not (
            self.tally.records_in_flight
            or self.lanes._lanes
            or self.lanes.body_bytes
            or self.outbox._again
            or self.outbox._retries
            or self.dispatch._on_wire
            or any(tenure.held or tenure.letters for tenure in self.assignment.tenures)
            or self.dead_letters.pending
        )

    def _decode(self, value: bytes, headers: Headers | None, *, exactly: bool = False) -> Event:
        del headers, exactly
        self.passes("decoded")
        place = Place(*orjson.loads(value))
        fact = self._world.truth.facts[place]
        if fact.new_schema and not self._world.registry_up:
            raise UnavailableError("schema_registry", "it does not answer")
        if fact.new_schema and place not in self._looked_up:
            self._looked_up.add(place)
            raise PendingError("schema_registry", "it answers the next time")
        if fact.kind == "poison":
            raise PoisonError(DeadLetterReason.BAD_AVRO, "it is poison")
        if fact.kind == "misplaced":
            raise MisconfiguredError(DeadLetterReason.UNKNOWN_FRAMING, "it is no Avro")
        return {"messageId": "-".join(map(str, place)), "name": value.decode()}

    def _translate(self, event: Event, _timestamp_ms: int | None) -> SegCall | Ignored:
        body = str(event["name"]).encode()
        fact: Fact = self._world.truth.facts[Place(*orjson.loads(body))]
        self.has_read = True
        if fact.kind == "ignored":
            return Ignored(IgnoredReason.UNMAPPED_EVENT)
        return SegCall("page", None, str(event["messageId"]), fact.user, None, False, body)  # noqa: FBT003 - a row
