"""One member of a group, for example tests: the real pipeline between the fakes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple, cast

import orjson
import structlog

from consumer.core.errors import (
    DeadLetterReason,
    MisconfiguredError,
    PendingError,
    PoisonError,
    UnavailableError,
)
from consumer.core.json_text import read_json
from consumer.core.lanes import Lanes
from consumer.flow.assignment import Assignment
from consumer.flow.backpressure import Backpressure, Bounds
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
from consumer.seg.retry import RetryPolicy
from consumer.seg.weather import Weather
from consumer.translate import Translator
from tests.fakes import P0, FakeClock, FakeDeadLetters, FakeSender, FakeSource

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import Event, Headers, Partition

POLICY = RetryPolicy(
    base_s=1.0, max_s=300.0, budget_s=14_400.0, max_attempts=10, retry_after_max_s=900.0
)
PROBE_S = 30.0
DRAIN_S = 25.0
LEASE_S = 10.0


class Setup(NamedTuple):
    """What a test may want otherwise."""

    ordering: str = "key"
    batching: Batching | None = None
    bounds: Bounds = Bounds(records=1_000, window=1_000, lane=100)
    storm_limit: float = 0.5
    requests: int = 8
    poll_max_records: int = 500


class Member:
    """A consumer that owns `P0`, unless the test says otherwise."""

    def __init__(self, setup: Setup | None = None, *owned: Partition) -> None:
        setup = setup or Setup()
        self.registry_away = False
        self.registry_slips = 0
        """So many look-ups fail before it answers again."""
        self.looked_up: set[bytes] = set()
        """Values whose schema is being looked up."""
        self.decode_s = 0.0
        """How long it takes to decode a value."""
        self.expected: list[bytes] = []
        """Values whose schema was asked for beforehand."""
        self.clock = clock = FakeClock()
        self.tally = Tally()
        self.source = FakeSource(clock)
        self.seg = FakeSender(clock)
        self.letters = FakeDeadLetters()
        chance, log = random.Random(1), silent_log()  # noqa: S311 - jitter, not a secret
        self.lanes = Lanes()
        weather = Weather(clock.monotonic_s())
        outbox = Outbox(self.lanes, setup.batching)
        breaker = Breaker(POLICY, PROBE_S, weather, chance)
        limits = Limits(
            Concurrency(setup.requests, setup.requests, weather.unanswered),
            Rate(None, weather.throttled, clock.monotonic_s()),
        )
        arrays = setup.batching is not None
        self.dispatch = Dispatch(outbox, self.seg, breaker, limits, arrays=arrays)
        judge = Judge(weather, breaker, outbox, POLICY, chance)
        self.delivery = Delivery(self.lanes, self.dispatch, judge, self.tally, clock)
        self.assignment = Assignment(self.source, LEASE_S, self.tally, clock)
        backpressure = Backpressure(self.source, setup.bounds)
        letters = Letters(
            self.letters, self.delivery.breaker, setup.storm_limit, clock=clock, log=log
        )
        outcomes = Outcomes(self.assignment, self.delivery, letters, tally=self.tally, clock=clock)
        stages = Stages(
            source=self.source,
            decode=self._decode,
            expect=lambda value, _headers: self.expected.append(value),
            translate=Translator(),
            lane_of=LANE_OF[setup.ordering],
            lanes=self.lanes,
            delivery=self.delivery,
            letters=letters,
            outcomes=outcomes,
            assignment=self.assignment,
            backpressure=backpressure,
        )
        self.pipeline = Pipeline(
            stages,
            poll_max_records=setup.poll_max_records,
            tally=self.tally,
            clock=clock,
            log=log,
        )
        self.rebalance = Rebalance(
            self.assignment,
            backpressure,
            outcomes,
            drain_timeout_s=DRAIN_S,
            tally=self.tally,
            clock=clock,
            log=log,
        )
        self.source.listener = self.rebalance
        self.source.assign(*(owned or (P0,)))

    def turn(self, turns: int = 1, *, every_s: float = 0.0) -> None:
        """Turn the loop so many times, *every_s* apart."""
        for _ in range(turns):
            self.pipeline.turn()
            self.clock.advance(every_s)

    @property
    def ignored(self) -> dict[str, float]:
        """What was ignored, and how often."""
        return {reason: n for (reason,), n in self.tally.records_ignored.items() if n}

    @property
    def sent(self) -> list[list[str]]:
        """The messageIds of each request that was started."""
        return [ids_in(request.body) for request in self.seg.requests]

    @property
    def committed(self) -> int | None:
        """The offset that the group has committed of `P0`."""
        stored = self.source.stored.get(P0)
        return None if stored is None else stored[0]

    def _decode(self, value: bytes, headers: Headers | None, *, exactly: bool = False) -> Event:
        del headers
        self.clock.advance(self.decode_s)
        if self.registry_away or self.registry_slips:
            self.registry_slips = max(0, self.registry_slips - 1)
            raise UnavailableError("schema_registry", "it does not answer")
        if value in self.looked_up:
            raise PendingError("schema_registry", "it is being looked up")
        if value.startswith(POISON):
            raise PoisonError(DeadLetterReason.BAD_AVRO, "expected a datum, came poison")
        if value.startswith(UNSET):
            text = "no registry: set SEG_SCHEMA_REGISTRY__URL"
            raise MisconfiguredError(DeadLetterReason.UNKNOWN_SCHEMA, text)
        return cast("Event", read_json(value) if exactly else orjson.loads(value))


POISON = b"poison"
UNSET = b"unset"
"""What cannot be read for want of a setting."""


def page(offset: int, *, user: str = "u-1", title: str = "Shop") -> bytes:
    """Return the value of a page call; its messageId is `m<offset>`."""
    properties = {"url": "https://shop.example/", "title": title}
    call = {"type": "page", "messageId": f"m{offset}", "userId": user, "properties": properties}
    return orjson.dumps(call)


def group() -> bytes:
    """Return the value of a call that Seg has no word for."""
    return orjson.dumps({"type": "group", "messageId": "g"})


def ids_in(body: bytes) -> list[str]:
    """Return the messageIds in the body of a request."""
    parsed = orjson.loads(body)
    return [call["messageId"] for call in (parsed if isinstance(parsed, list) else [parsed])]


def silent_log() -> FilteringBoundLogger:
    """Return a log that nobody reads."""
    level = structlog.make_filtering_bound_logger("critical")
    log = structlog.wrap_logger(structlog.ReturnLogger(), processors=[], wrapper_class=level)
    return cast("FilteringBoundLogger", log.bind())
