"""From settings to a pipeline: which part is made of which settings, and nothing else."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from consumer.avro.lookups import Lookups
from consumer.core.build import BUILD
from consumer.core.lanes import Lanes
from consumer.flow.assignment import Assignment
from consumer.flow.backpressure import Backpressure, Bounds
from consumer.flow.letters import Letters
from consumer.flow.outcomes import Outcomes
from consumer.flow.pipeline import Pipeline
from consumer.flow.rebalance import Rebalance
from consumer.flow.stages import Stages
from consumer.kafka.config import lease_s, session_s
from consumer.kafka.dead_letters import KafkaDeadLetters
from consumer.kafka.source import LIBRARY_VERSION, KafkaSource
from consumer.program.gauges import Gauged
from consumer.program.reading import (
    decoder_of,
    expecting,
    lookups_of,
    secret,
    system_ca_file,
    translator_of,
)
from consumer.seg.breaker import Breaker
from consumer.seg.client import Client
from consumer.seg.delivery import Delivery
from consumer.seg.dispatch import Dispatch, Limits
from consumer.seg.handles import ClientOptions
from consumer.seg.judge import Judge
from consumer.seg.limiter import Concurrency
from consumer.seg.outbox import Batching, Outbox
from consumer.seg.rate import Rate
from consumer.seg.retry import RetryPolicy
from consumer.seg.weather import Weather
from consumer.settings.kinds import is_this_machine
from consumer.translate import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from random import Random

    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import Record, SegCall
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import (
        DeliverySettings,
        Settings,
    )

VERSION = version("seg-consumer")


def versions() -> tuple[str, str, str, str]:
    """Return what tells one build from another: our version, Python's, librdkafka's, the build."""
    return VERSION, platform.python_version(), LIBRARY_VERSION, BUILD


class Parts(NamedTuple):
    """What the program runs, and what it has to close."""

    pipeline: Pipeline
    rebalance: Rebalance
    source: KafkaSource
    dead_letters: KafkaDeadLetters
    client: Client
    lookups: Lookups | None
    gauged: Gauged


def build(
    settings: Settings, *, tally: Tally, clock: Clock, random: Random, log: FilteringBoundLogger
) -> Parts:
    """Make every part; nothing is read or sent yet.

    Raises:
        StartError: a schema file cannot be used.
    """
    # What starts at 0 shows its first value: Prometheus sees no increase in a series born at 1.
    tally.values_left_out.update({(key,): 0 for key in KEYS})
    source = KafkaSource(settings.kafka, tally, clock, log)
    dead_letters = KafkaDeadLetters(
        settings.dead_letter, settings.kafka, version=VERSION, tally=tally, clock=clock, log=log
    )
    client = Client(client_options(settings.delivery), clock)
    lookups = lookups_of(settings.schema_registry, tally, clock, log)
    lanes = Lanes()
    delivery = _delivery(settings.delivery, lanes, client, tally=tally, clock=clock, random=random)
    assignment = Assignment(source, lease_s(session_s(settings.kafka)), tally, clock)
    bounds = Bounds(
        records=settings.ordering.max_waiting,
        window=settings.kafka.window_max_records,
        lane=settings.ordering.lane_max_waiting,
    )
    backpressure = Backpressure(source, bounds)
    letters = Letters(
        dead_letters, delivery.breaker, settings.dead_letter.storm_limit, clock=clock, log=log
    )
    outcomes = Outcomes(assignment, delivery, letters, tally=tally, clock=clock)
    decoder = decoder_of(settings.schemas, lookups)
    stages = Stages(
        source=source,
        decode=decoder,
        expect=expecting(decoder, lookups),
        translate=translator_of(settings.translation),
        lane_of=LANE_OF[settings.ordering.by],
        lanes=lanes,
        delivery=delivery,
        letters=letters,
        outcomes=outcomes,
        assignment=assignment,
        backpressure=backpressure,
    )
    pipeline = Pipeline(
        stages, poll_max_records=settings.kafka.poll_max_records, tally=tally, clock=clock, log=log
    )
    rebalance = Rebalance(
        assignment,
        backpressure,
        outcomes,
        drain_timeout_s=settings.kafka.drain_timeout_s,
        tally=tally,
        clock=clock,
        log=log,
    )
    gauged = Gauged(assignment, delivery, letters)
    return Parts(pipeline, rebalance, source, dead_letters, client, lookups, gauged)


def renew(parts: Parts, settings: Settings) -> None:
    """Let *parts* use the secrets of *settings* from the next request and connection on."""
    parts.client.set_website_id(settings.delivery.website_id.get_secret_value())
    if parts.lookups is not None:
        registry = settings.schema_registry
        password, token = secret(registry.password), secret(registry.bearer_token)
        parts.lookups.set_credentials(registry.username, password, token)
    username, password = settings.kafka.sasl_username, secret(settings.kafka.sasl_password)
    if username is not None and password is not None:
        parts.source.set_credentials(username, password)
        parts.dead_letters.set_credentials(username, password)


def _by_key(record: Record, _call: SegCall) -> Hashable:
    return record.tenure, record.key


def _by_user(record: Record, call: SegCall) -> Hashable:
    return record.tenure, call.user


def _by_partition(record: Record, _call: SegCall) -> Hashable:
    return record.tenure


LANE_OF: dict[str, Callable[[Record, SegCall], Hashable]] = {
    "key": _by_key,
    "user": _by_user,
    "partition": _by_partition,
}
"""What `ordering.by` means: calls of one lane keep their order. Each holds the tenure, for a lane
is a part of one partition during one assignment."""


def _delivery(
    settings: DeliverySettings,
    lanes: Lanes,
    client: Client,
    *,
    tally: Tally,
    clock: Clock,
    random: Random,
) -> Delivery:
    policy = RetryPolicy(
        base_s=settings.retry_base_s,
        max_s=settings.retry_max_s,
        budget_s=settings.retry_budget_s,
        max_attempts=settings.max_attempts,
        retry_after_max_s=settings.retry_after_max_s,
    )
    batching = Batching(
        max_calls=settings.batch_max_calls,
        max_bytes=settings.batch_max_bytes,
        max_age_s=settings.batch_max_age_s,
    )
    arrays = settings.mode == "batch"
    weather = Weather(clock.monotonic_s())
    outbox = Outbox(lanes, batching if arrays else None)
    breaker = Breaker(policy, settings.probe_interval_s, weather, random)
    limits = Limits(
        Concurrency(settings.min_in_flight, settings.max_in_flight, weather.unanswered),
        Rate(settings.max_requests_per_second, weather.throttled, clock.monotonic_s()),
    )
    dispatch = Dispatch(outbox, client, breaker, limits, arrays=arrays)
    judge = Judge(weather, breaker, outbox, policy, random)
    return Delivery(lanes, dispatch, judge, tally, clock)


def client_options(settings: DeliverySettings) -> ClientOptions:
    """Return how requests reach Seg."""
    return ClientOptions(
        endpoint=settings.endpoint,
        website_id=settings.website_id.get_secret_value(),
        user_agent=f"seg-consumer/{VERSION}",
        connect_timeout_s=settings.connect_timeout_s,
        timeout_s=settings.timeout_s,
        ca_file=settings.ca_file or system_ca_file(),
        proxy=settings.proxy,
        direct=is_this_machine(settings.endpoint),
    )
