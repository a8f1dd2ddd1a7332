"""When Seg is not called at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.seg.breaker import FAILURES_TO_OPEN, Breaker, BreakerState, OpenReason
from consumer.seg.weather import Weather
from tests.seg.support import POLICY, chance

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S = 30.0
REFUSALS = [OpenReason.UNAUTHORISED, OpenReason.MISROUTED]


@pytest.fixture(name="breaker")
def _breaker() -> Breaker:
    return Breaker(POLICY, INTERVAL_S, Weather(0.0), chance(1))


def fail(breaker: Breaker, times: int = FAILURES_TO_OPEN, *, in_flight: int = 0) -> None:
    """Let *times* requests fail at second 0."""
    for _ in range(times):
        breaker.failed(0.0, None, "Seg answered 500", in_flight=in_flight)


class TestOutage:
    """Failures in a row open it."""

    def test_opens(self, breaker: Breaker) -> None:
        """So many failures in a row are an outage; one fewer is not."""
        fail(breaker, FAILURES_TO_OPEN - 1)
        before = breaker.state
        fail(breaker, 1)

        assert (before, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)
        assert breaker.reason is OpenReason.OUTAGE
        assert breaker.detail == "Seg answered 500"

    def test_in_a_row(self, breaker: Breaker) -> None:
        """A success between them begins the row anew."""
        for _ in range(5):
            fail(breaker, FAILURES_TO_OPEN - 1)
            breaker.succeeded()

        assert breaker.state is BreakerState.CLOSED

    def test_many_under_way(self, breaker: Breaker) -> None:
        """Errors come faster than answers: a row is as long as what was under way at its start.

        The one that failed first was, too.
        """
        fail(breaker, 64, in_flight=64)
        before = breaker.state
        fail(breaker, 1)

        assert (before, breaker.state) == (BreakerState.CLOSED, BreakerState.OPEN)

    def test_one_probe(self, breaker: Breaker) -> None:
        """After its time one request goes, and no second one beside it."""
        fail(breaker)
        assert breaker.probe_at_s is not None

        assert not breaker.allows(breaker.probe_at_s - 0.001, in_flight=0)
        assert breaker.allows(breaker.probe_at_s, in_flight=0)
        assert breaker.state is BreakerState.HALF_OPEN
        assert not breaker.allows(breaker.probe_at_s + 1_000, in_flight=1)

    def test_failures_left(self, breaker: Breaker) -> None:
        """It says how many more open it; nothing without a row, and once it is open."""
        left = [breaker.failures_left]
        for _ in range(FAILURES_TO_OPEN):
            fail(breaker, 1)
            left.append(breaker.failures_left)

        assert left == [None, *range(FAILURES_TO_OPEN - 1, 0, -1), None]

    def test_old_requests_first(self, breaker: Breaker) -> None:
        """There is no probe while requests from before are under way: whose answer would it be?"""
        fail(breaker)

        assert not breaker.allows(1_000.0, in_flight=1)
        assert breaker.state is BreakerState.OPEN

    def test_probe_is_taken(self, breaker: Breaker) -> None:
        """It closes, and nothing of the outage is left."""
        fail(breaker)
        breaker.allows(1_000.0, in_flight=0)
        breaker.succeeded()

        assert breaker.state is BreakerState.CLOSED
        assert (breaker.reason, breaker.detail, breaker.probe_at_s) == (None, "", None)

    def test_late_success(self, breaker: Breaker) -> None:
        """An answer to a request from before the outage does not end it: only the probe does."""
        fail(breaker)
        breaker.succeeded()

        assert breaker.state is BreakerState.OPEN
        assert breaker.reason is OpenReason.OUTAGE

    def test_waits_grow(self) -> None:
        """Each failed probe doubles the bound of the wait, up to the probe interval."""
        longest: dict[int, float] = {}
        for seed in range(200):
            breaker = Breaker(POLICY, INTERVAL_S, Weather(0.0), chance(seed))
            fail(breaker)
            now_s = 0.0
            for opening in range(8):
                assert breaker.probe_at_s is not None
                longest[opening] = max(longest.get(opening, 0.0), breaker.probe_at_s - now_s)
                now_s = breaker.probe_at_s
                breaker.allows(now_s, in_flight=0)
                breaker.failed(now_s, None, "", in_flight=0)

        bounds = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        for opening, bound_s in enumerate(bounds):
            assert 0.9 * bound_s < longest[opening] <= bound_s

    @pytest.mark.parametrize(("asked_s", "least_s"), [(120.0, 120.0), (1e6, 900.0)])
    def test_retry_after(self, breaker: Breaker, asked_s: float, least_s: float) -> None:
        """The probe waits as long as Seg asks, up to the cap."""
        for _ in range(FAILURES_TO_OPEN):
            breaker.failed(0.0, asked_s, "", in_flight=0)

        assert breaker.probe_at_s is not None
        assert least_s <= breaker.probe_at_s <= least_s + POLICY.base_s


class TestRefusal:
    """Our own setting is wrong: the key, or the endpoint."""

    @pytest.mark.parametrize("reason", REFUSALS)
    def test_every_interval(self, breaker: Breaker, reason: OpenReason) -> None:
        """It is tried again at a fixed interval, and goes on by itself once it is right."""
        now_s = 0.0
        breaker.refused(reason, now_s, "Seg answered 401")
        for _ in range(5):
            assert breaker.probe_at_s == now_s + INTERVAL_S
            now_s += INTERVAL_S
            assert breaker.allows(now_s, in_flight=0)
            breaker.refused(reason, now_s, "Seg answered 401")
        breaker.allows(now_s + INTERVAL_S, in_flight=0)
        breaker.succeeded()

        assert breaker.state is BreakerState.CLOSED

    def test_one_is_enough(self, breaker: Breaker) -> None:
        """The first refusal opens it: the key does not get better by asking."""
        breaker.refused(OpenReason.UNAUTHORISED, 0.0, "")

        assert breaker.state is BreakerState.OPEN

    def test_late_success(self, breaker: Breaker) -> None:
        """A late answer from before says nothing about the key of now."""
        breaker.refused(OpenReason.UNAUTHORISED, 0.0, "")
        breaker.succeeded()

        assert breaker.reason is OpenReason.UNAUTHORISED

    def test_then_outage(self, breaker: Breaker) -> None:
        """A probe that finds Seg down tells so."""
        breaker.refused(OpenReason.UNAUTHORISED, 0.0, "")
        breaker.allows(INTERVAL_S, in_flight=0)
        breaker.failed(INTERVAL_S, None, "", in_flight=0)

        assert breaker.reason is OpenReason.OUTAGE


class TestStorm:
    """Too much would be dead-lettered; only the operator can tell why."""

    @pytest.mark.parametrize(
        "event",
        [
            Breaker.succeeded,
            lambda breaker: fail(breaker, 50),
            lambda breaker: breaker.refused(OpenReason.MISROUTED, 0.0, ""),
            lambda breaker: breaker.allows(1e9, in_flight=0),
        ],
        ids=["success", "failures", "refusal", "time"],
    )
    def test_stays(self, breaker: Breaker, event: Callable[[Breaker], object]) -> None:
        """Nothing that happens closes it, or changes what it says."""
        breaker.storm("60 of the last 100 records")
        event(breaker)

        assert breaker.state is BreakerState.OPEN
        assert breaker.reason is OpenReason.DEAD_LETTER_STORM
        assert breaker.detail == "60 of the last 100 records"
        assert not breaker.allows(1e9, in_flight=0)

    def test_during_a_probe(self, breaker: Breaker) -> None:
        """The probe that brings the storm does not close it again."""
        fail(breaker)
        breaker.allows(1_000.0, in_flight=0)
        breaker.storm("")
        breaker.succeeded()

        assert breaker.reason is OpenReason.DEAD_LETTER_STORM


class Machine(RuleBasedStateMachine):
    """Any order of events, as one destination sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(POLICY, INTERVAL_S, Weather(0.0), chance(1))
        self.now_s = 0.0
        self.in_flight = 0
        self.probes = 0
        self.stormed = False

    @rule(seconds=st.sampled_from([0.01, 1.0, INTERVAL_S, 1_000.0]))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    @rule()
    def start(self) -> None:
        """Start a request if it may."""
        was_closed = self.breaker.state is BreakerState.CLOSED
        if self.breaker.allows(self.now_s, in_flight=self.in_flight):
            assert was_closed or self.in_flight == 0
            assert was_closed or not self.stormed
            self.in_flight += 1

    @precondition(lambda self: self.in_flight)
    @rule()
    def succeed(self) -> None:
        """Let a request be taken; only the probe's success closes."""
        self.in_flight -= 1
        before = self.breaker.state
        self.breaker.succeeded()
        if before is BreakerState.OPEN:
            assert self.breaker.state is BreakerState.OPEN
        else:
            assert self.breaker.state is BreakerState.CLOSED

    @precondition(lambda self: self.in_flight)
    @rule(asked_s=st.none() | st.floats(0.1, 1e6))
    def fail(self, asked_s: float | None) -> None:
        """Let a request fail."""
        self.in_flight -= 1
        before = self.breaker.state
        self.breaker.failed(self.now_s, asked_s, "", in_flight=self.in_flight)
        if before is not BreakerState.CLOSED:
            assert self.breaker.state is BreakerState.OPEN

    @precondition(lambda self: self.in_flight)
    @rule(reason=st.sampled_from(REFUSALS))
    def refuse(self, reason: OpenReason) -> None:
        """Let a request be refused for our setting."""
        self.in_flight -= 1
        self.breaker.refused(reason, self.now_s, "")
        assert self.breaker.state is BreakerState.OPEN

    @rule()
    def storm(self) -> None:
        """Let a storm break out."""
        self.stormed = True
        self.breaker.storm("")

    @invariant()
    def reason_is_told(self) -> None:
        """It has a reason exactly while it is not closed, and a storm's is never lost."""
        closed = self.breaker.state is BreakerState.CLOSED
        assert closed == (self.breaker.reason is None)
        assert not self.stormed or self.breaker.reason is OpenReason.DEAD_LETTER_STORM

    @invariant()
    def probe_is_near(self) -> None:
        """It never sleeps for longer than the longest wait, and only a storm sleeps for ever."""
        if self.breaker.state is BreakerState.OPEN:
            at_s = self.breaker.probe_at_s
            assert (at_s is None) == self.stormed
            if at_s is not None:
                assert at_s <= self.now_s + POLICY.retry_after_max_s + POLICY.base_s


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
