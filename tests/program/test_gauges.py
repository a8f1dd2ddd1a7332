"""What is measured: the state of the parts, and how far behind each partition is."""

from __future__ import annotations

from random import Random

import pytest

from consumer.core.errors import DeadLetterReason, MisconfiguredError, PoisonError
from consumer.core.lanes import Lanes
from consumer.core.ledger import Checkpoint
from consumer.core.model import DeadLetter, Pause, Tenure
from consumer.core.ports import Extent
from consumer.flow.assignment import Assignment
from consumer.flow.letters import Letters
from consumer.observe.metrics import Tally
from consumer.program.gauges import Gauged, refresh, refresh_lag, refresh_waits
from consumer.seg.breaker import Breaker, OpenReason
from consumer.seg.delivery import Delivery
from consumer.seg.dispatch import Dispatch, Limits
from consumer.seg.judge import Judge
from consumer.seg.limiter import Concurrency
from consumer.seg.outbox import Outbox
from consumer.seg.rate import Rate
from consumer.seg.retry import RetryPolicy
from consumer.seg.weather import Weather
from tests.fakes import (
    NOON_S,
    P0,
    P1,
    FakeClock,
    FakeDeadLetters,
    FakeSender,
    FakeSource,
    a_record,
    a_task,
    an_answer,
)
from tests.member import Member, page, silent_log

NOON_MS = NOON_S * 1000
LABELS = ("events", "0")


class Parts:
    """The parts whose state is shown, over a Seg that answers as it is told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sender = FakeSender(self.clock, lambda _body: None)
        self.lanes = Lanes()
        self.tally = Tally()
        self.dead_letters = FakeDeadLetters()
        self.assignment = Assignment(FakeSource(self.clock), 1.0, self.tally, self.clock)
        random = Random(0)  # noqa: S311 - jitter, not a secret
        policy = RetryPolicy(
            base_s=1, max_s=300, budget_s=14_400, max_attempts=10, retry_after_max_s=900
        )
        weather = Weather(self.clock.monotonic_s())
        outbox = Outbox(self.lanes, None)
        breaker = Breaker(policy, 30, weather, random)
        limits = Limits(
            Concurrency(2, 8, weather.unanswered),
            Rate(25.0, weather.throttled, self.clock.monotonic_s()),
        )
        dispatch = Dispatch(outbox, self.sender, breaker, limits, arrays=False)
        judge = Judge(weather, breaker, outbox, policy, random)
        self.delivery = Delivery(self.lanes, dispatch, judge, self.tally, self.clock)
        self.letters = Letters(
            self.dead_letters, self.delivery.breaker, 0.5, clock=self.clock, log=silent_log()
        )

    def refreshed(self) -> Tally:
        """Return the tally after a refresh."""
        parts = Gauged(self.assignment, self.delivery, self.letters)
        refresh(self.tally, parts)
        return self.tally


@pytest.fixture(name="parts")
def _parts() -> Parts:
    return Parts()


def test_state_of_the_parts_is_shown(parts: Parts) -> None:
    """Partitions, pauses, requests, limits, retries and letters that wait."""
    tenure, other = Tenure(P0), Tenure(P1)
    parts.assignment.add([tenure, other])
    other.pauses.add(Pause.FULL)
    parts.dead_letters.away = True
    parts.dead_letters.put(
        DeadLetter(a_record(tenure=tenure), DeadLetterReason.BAD_AVRO, "", attempts=0, status=None)
    )
    parts.lanes.put("a", a_task(tenure), 0.0)
    parts.delivery.step(0.0)

    tally = parts.refreshed()

    assert (2, 1) == (tally.assigned_partitions, tally.paused_partitions)
    assert (1, 0) == (tally.requests_in_flight, tally.batches_retrying)
    assert (parts.delivery.concurrency.limit, 25.0) == (
        tally.concurrency_limit,
        tally.request_rate_limit,
    )
    assert tally.dead_letters_pending == 1


def test_batch_that_waits_for_another_attempt_is_shown(parts: Parts) -> None:
    """It is on its way no longer, and not settled."""
    parts.lanes.put("a", a_task(Tenure(P0)), 0.0)
    parts.sender.seg = lambda _body: an_answer(500)

    parts.delivery.step(0.0)

    tally = parts.refreshed()
    assert (0, 1) == (tally.requests_in_flight, tally.batches_retrying)


def test_breaker_has_a_series_for_each_reason(parts: Parts) -> None:
    """All are there from the start, for an alert needs a zero to rise from."""
    assert dict.fromkeys([(reason,) for reason in OpenReason], 0) == parts.refreshed().breaker_open

    parts.delivery.breaker.refused(OpenReason.UNAUTHORISED, 0.0, "")

    breaker_open = parts.refreshed().breaker_open
    assert breaker_open["unauthorised",] == 1
    assert sum(breaker_open.values()) == 1


def test_topic_that_cannot_be_read_is_shown_beside_the_breaker(parts: Parts) -> None:
    """Its alert looks there; the breaker is closed, for calls go on."""
    error = MisconfiguredError(DeadLetterReason.UNKNOWN_FRAMING, "")
    parts.letters.unreadable(a_record(), error)

    breaker_open = parts.refreshed().breaker_open
    assert breaker_open["misconfigured",] == 1
    assert sum(breaker_open.values()) == 1


def behind(
    tenure: Tenure, *, end: int | None, reader: int | None = None, now_s: float = NOON_S
) -> tuple[float | None, float | None]:
    """Return the lag of `P0` in records and in seconds; None where a scrape shows none."""
    tally = Tally()
    tally.lag_records[LABELS] = tally.lag_seconds[LABELS] = 99_999  # of the last refresh
    refresh_lag(tally, [tenure], {P0: Extent(reader, end)}, now_s * 1000)
    return tally.lag_records.get(LABELS), tally.lag_seconds.get(LABELS)


def reading(*records: tuple[int, float | None]) -> Tenure:
    """Return a tenure that has read records of so many seconds before noon."""
    tenure = Tenure(P0)
    for offset, age_s in records:
        tenure.ledger.start(offset, None if age_s is None else int(NOON_MS - age_s * 1000))
    return tenure


def test_lag_counts_from_the_position() -> None:
    """The age is that of the oldest record that is not finished."""
    tenure = reading((10, 60.0), (11, 30.0), (12, 5.0))
    tenure.ledger.finish(10)

    assert (9, 30.0) == behind(tenure, end=20)


def test_lag_of_what_is_not_read_yet() -> None:
    """With nothing in flight the newest record read tells how far behind reading is, at most."""
    tenure = reading((10, 60.0))
    tenure.ledger.finish(10)

    assert (9, 60.0) == behind(tenure, end=20)


def test_nothing_left_is_no_lag() -> None:
    """A quiet topic is not late, however old its last record is."""
    tenure = reading((10, 3_600.0))
    tenure.ledger.finish(10)

    assert (0, 0.0) == behind(tenure, end=11)


def test_end_that_is_known_late_is_no_negative_lag() -> None:
    """The end is what librdkafka heard last; the position may be beyond it."""
    tenure = reading((10, 1.0), (11, 1.0))
    tenure.ledger.finish(10)
    tenure.ledger.finish(11)

    assert (0, 0.0) == behind(tenure, end=11)


@pytest.mark.parametrize(
    "tenure",
    [Tenure(P0, Checkpoint(10, 10, ())), reading((10, None))],
    ids=["nothing read", "no timestamp"],
)
def test_age_that_is_not_known_is_not_shown(tenure: Tenure) -> None:
    """Who has a long backlog and reads nothing of it, for Seg is away, is not zero seconds late."""
    assert (10, None) == behind(tenure, end=20)


def test_partition_that_was_never_read_shows_its_lag() -> None:
    """From where reading will begin; how old that is nobody knows."""
    assert (20, None) == behind(Tenure(P0), end=30, reader=10)


def test_clock_that_runs_behind_the_log_makes_no_negative_age() -> None:
    """Timestamps are the producers', or the broker's."""
    assert (1, 0.0) == behind(reading((10, -5.0)), end=11)


def test_positions_are_shown_and_the_commit_where_there_is_one() -> None:
    """A position that stands still while records come is what an alert looks at."""
    tally, tenure = Tally(), reading((10, 1.0))
    refresh_lag(tally, [tenure], {}, NOON_MS)
    assert ({LABELS: 10}, {}) == (tally.position_offset, tally.committed_offset)

    tenure.committed = Checkpoint(9, 9, ())
    refresh_lag(tally, [tenure], {}, NOON_MS)
    assert {LABELS: 9} == tally.committed_offset


def test_partition_without_a_position_has_no_series() -> None:
    """Before its first record a partition without a commit is nowhere."""
    tally = Tally()

    refresh_lag(tally, [Tenure(P0)], {P0: Extent(None, 20)}, NOON_MS)

    assert ({}, {}) == (tally.position_offset, tally.lag_records)


def test_poison_that_is_kept_back_is_shown_with_its_reason() -> None:
    """In a storm nothing is stored, so nothing else says why; it goes with its partition."""
    parts = Parts()
    tenure = Tenure(P0)
    for offset in range(3):
        record = a_record(offset, tenure=tenure)
        parts.letters.unreadable(record, PoisonError(DeadLetterReason.BAD_AVRO, ""))
    parts.letters.unreadable(
        a_record(3, tenure=tenure), MisconfiguredError(DeadLetterReason.UNKNOWN_FRAMING, "")
    )

    shown = dict(parts.refreshed().dead_letters_kept)
    tenure.over = True
    left = parts.refreshed().dead_letters_kept

    assert {("events", "bad_avro"): 3, ("events", "unknown_framing"): 1} == shown
    assert dict.fromkeys(shown, 0) == left


def test_what_consumption_waits_for_is_shown_as_readyz_says_it() -> None:
    """One reason at a time; what is over is 0."""
    member = Member()
    member.registry_away = True
    member.source.append(a_record(value=page(0)))

    member.pipeline.turn()
    refresh_waits(member.tally, member.pipeline)
    assert [("schema_registry",)] == [it for it, on in member.tally.waits_for.items() if on]
    assert member.tally.held_partitions == 1

    member.registry_away = False
    member.pipeline.turn()
    refresh_waits(member.tally, member.pipeline)
    assert {("schema_registry",): 0} == member.tally.waits_for
    assert 0 == int(member.tally.held_partitions)
