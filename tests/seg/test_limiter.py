"""How the limits find their level: a Seg that is simulated event by event, under a fake clock.

Each test says what Seg is like, and what must come out of it; latencies are Seg's own, seconds.
"""

from __future__ import annotations

import tracemalloc
from itertools import count
from typing import TYPE_CHECKING

import pytest

from consumer.seg.answers import AnswerClass
from consumer.seg.limiter import Concurrency
from consumer.seg.ports import Dead
from consumer.seg.rate import Rate
from consumer.seg.trial import Usual
from tests.seg.load import Load, steady
from tests.seg.support import chance

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def with_outliers(seconds: float) -> Callable[[Random], float]:
    """Return a latency that is ten times *seconds* once in a hundred."""
    return lambda dice: seconds * (10.0 if dice.random() < 0.01 else 1.0)


class TestFree:
    """A Seg without a limit."""

    @pytest.mark.parametrize("latency_s", [lambda _dice: 0.1, steady(0.1), with_outliers(0.1)])
    def test_rises_by_itself(self, latency_s: Callable[[Random], float]) -> None:
        """At 100 ms a call 6,500 calls/s flow within 2 s of the start with one."""
        load = Load(latency_s)
        load.run(2.0)

        taken, refused = load.run(2.0)

        assert taken >= 6_500
        assert refused == 0

    def test_scattered_latency(self) -> None:
        """Latencies that scatter widely by themselves are no queue."""
        load = Load(lambda dice: 0.1 * dice.lognormvariate(0.0, 0.7))
        load.run(12.0)

        assert load.run(2.0)[0] >= 5_000

    def test_loopback(self) -> None:
        """A Seg at 0.2 ms with outliers keeps every request that the ceiling allows."""
        load = Load(with_outliers(0.0002), ceiling=16)
        load.run(0.3)

        assert load.bench.concurrency.limit == 16

    def test_slow_loopback(self) -> None:
        """A latency that grows from 0.2 ms to 20 ms is noise, not a queue worth a slow-down."""
        concurrency = Concurrency(1, 64, Usual())
        for seconds in [0.0002] * 2_000 + [0.02] * 2_000:
            concurrency.started()
            concurrency.answered(seconds, failed=False)

        assert concurrency.limit >= 1
        assert concurrency._slow is None


class TestCapacity:
    """A Seg with so many servers: what is beyond them queues."""

    @pytest.mark.parametrize("servers", [1, 5, 50, 200])
    def test_busy_but_bounded(self, servers: int) -> None:
        """It is kept at 90 % of what it can do, with no more queueing than being served."""
        load = Load(steady(0.1), servers=servers)
        load.run(8.0)
        deepest = 0
        taken = 0.0
        for _ in range(20):
            taken += load.run(0.5)[0] / 20
            deepest = max(deepest, load.seg.in_flight)

        assert taken >= 0.9 * servers / 0.1
        assert deepest <= 2.2 * servers + 5

    def test_fewer_servers(self) -> None:
        """A Seg that loses nine servers of ten is not taken for one that is slower by nature."""
        load = Load(steady(0.1), servers=200)
        load.run(8.0)
        del load.seg.free_at_s[20:]
        load.run(40.0)

        taken, _ = load.run(10.0)

        assert taken >= 0.9 * 20 / 0.1
        assert load.seg.in_flight <= 2.5 * 20

    def test_slower_for_good(self) -> None:
        """A Seg that gets three times slower is served at its new pace, and again at the old."""
        latency = [0.1]
        load = Load(lambda dice: latency[0] * dice.uniform(0.9, 1.1), servers=100)
        load.run(8.0)
        latency[0] = 0.3
        load.run(20.0)
        slow, _ = load.run(5.0)
        latency[0] = 0.1
        load.run(10.0)
        fast, _ = load.run(5.0)

        assert slow >= 0.9 * 100 / 0.3
        assert fast >= 0.9 * 100 / 0.1


class TestThrottle:
    """A Seg that answers 429 above a rate: a token bucket."""

    @pytest.mark.parametrize(
        ("allowed", "bucket", "settling_s"),
        [(200, 1, 80), (200, 20, 30), (200, 200, 30), (20, 20, 40), (2_000, 200, 25)],
    )
    @pytest.mark.parametrize("retry_after_s", [None, 1.0])
    def test_settles(
        self, allowed: int, bucket: int, settling_s: float, retry_after_s: float | None
    ) -> None:
        """It settles within 10 % below the rate, and under 2 % are refused from then on."""
        load = Load(steady(0.1), retry_after_s=retry_after_s)
        load.seg.throttle(allowed, bucket)
        load.run(settling_s)

        taken, refused = load.run(60.0 if allowed < 1_000 else 20.0)

        assert 0.9 * allowed <= taken <= 1.02 * allowed
        assert refused < 0.02

    @pytest.mark.parametrize("refuses_in_s", [0.001, 0.01])
    @pytest.mark.parametrize("floor", [1, 10, 40])
    @pytest.mark.parametrize(
        ("allowed", "bucket"), [(2, 1), (5, 5), (20, 1), (20, 20), (200, 1), (200, 20)]
    )
    def test_is_no_outage(self, allowed: int, bucket: int, floor: int, refuses_in_s: float) -> None:
        """However small, and however many requests go at once: a start costs two probes at most.

        A throttle refuses sooner than it answers what it takes, as nginx does.
        """
        load = Load(steady(0.1), floor=floor)
        load.seg.refuses_in_s = refuses_in_s
        load.seg.throttle(allowed, bucket)
        load.run(60.0)

        taken, refused = load.run(60.0)

        assert load.bench.stops <= 2
        assert taken >= 0.4 * allowed
        assert refused < 0.25

    def test_lifted(self) -> None:
        """When the throttle is lifted it climbs again, and in the end there is no limit."""
        load = Load(steady(0.1))
        load.seg.throttle(50, 5)
        load.run(30.0)
        load.seg.throttle(None)
        rates = [load.run(30.0)[0] for _ in range(5)]
        load.run(40.0)

        assert rates[1:] == sorted(rates[1:])
        assert rates[-1] > 150
        assert load.bench.rate.limit is None

    def test_unused(self) -> None:
        """A limit that nobody reaches has proved nothing, so it does not grow."""
        rate = Rate(None, Usual(), 0.0)
        steps = count()
        while rate.limit is None:  # half of 100 a second are refused
            step = next(steps)
            rate.answered(step / 100, 0.1, refused=step % 2 == 0)
        cut = rate.limit
        for step in range(600):  # then 10 a second are asked for, and taken
            rate.answered(10.0 + step / 10, 0.1, refused=False)

        assert cut > 20.0
        assert rate.limit == cut

    def test_tightened(self) -> None:
        """A throttle that gets ten times tighter is met within a minute, at four fifths of it."""
        load = Load(steady(0.1))
        load.seg.throttle(200, 20)
        load.run(30.0)
        load.seg.throttle(20, 20)
        load.run(40.0)

        taken, refused = load.run(30.0)

        assert 16 <= taken <= 20.5
        assert refused < 0.02

    def test_nothing_is_dead(self) -> None:
        """A throttle costs no call its delivery, however often it is refused."""
        load = Load(steady(0.1))
        load.seg.throttle(20, 1)
        dead = 0
        for _ in range(200):
            load.run(0.5)
            dead += sum(isinstance(it, Dead) for it in load.bench.settled)

        assert dead == 0
        assert load.bench.counts.answers[AnswerClass.DELIVERED] > 1_000


class TestTrouble:
    """Answers that say less than they seem to."""

    @pytest.mark.parametrize(("share", "status"), [(0.05, 429), (0.05, 503), (0.2, 500)])
    @pytest.mark.parametrize("seed", [5, 6])
    def test_at_random(self, share: float, status: int, seed: int) -> None:
        """Failures that fewer requests do not cure are no throttle: the flow goes on.

        A bad start can look like a throttle; then it takes three minutes, as after a true one.
        """
        dice = chance(seed)
        load = Load(steady(0.1), ceiling=16)
        load.seg.trouble = lambda: status if dice.random() < share else None
        load.run(200.0)

        taken, _ = load.run(40.0)

        assert taken >= 0.75 * 160

    @pytest.mark.parametrize("status", [503, 500, 0])
    @pytest.mark.parametrize("share", [0.05, 0.2, 0.35, 0.5, 0.6])
    def test_start(self, share: float, status: int) -> None:
        """A start while Seg fails a share of all calls takes ten seconds, in bad luck, too."""
        for seed in (6, 7):
            dice = chance(seed)
            load = Load(steady(0.1), ceiling=64)
            load.seg.trouble = lambda d=dice: status if d.random() < share else None
            load.run(10.0)

            taken, _ = load.run(5.0)

            assert taken >= 0.8 * (1.0 - share) * 640

    def test_outage(self) -> None:
        """After an outage it is back at full speed within seconds of the first taken probe."""
        load = Load(steady(0.1), ceiling=256)
        load.run(6.0)
        before, _ = load.run(2.0)
        load.seg.trouble = lambda: 503
        load.run(60.0)
        load.seg.trouble = None
        down_s = 0.0
        while load.run(0.5)[0] == 0.0:
            down_s += 0.5
        load.run(6.0)
        after, _ = load.run(2.0)

        assert down_s <= 30.5  # no longer than the probe interval
        assert after >= 0.9 * before

    def test_errors_are_fast(self) -> None:
        """A fast error is no best latency: the true answers after it are not slow for that."""
        concurrency = Concurrency(1, 64, Usual())
        for seconds in [None] * 500 + [0.1] * 2_000:
            concurrency.started()
            concurrency.answered(seconds, failed=False)

        assert concurrency._best_s == 0.1


class TestRate:
    """The operator's own limit."""

    @pytest.mark.parametrize("fixed", [0.5, 10.0, 150.0, 3_000.0])
    def test_fixed(self, fixed: float) -> None:
        """Never more than that are started, and hardly fewer although the loop is late."""
        rate = Rate(fixed, Usual(), 0.0)
        now_s, started = 0.0, 0
        seconds = max(20.0, 20.0 / fixed)
        while now_s < seconds:
            wait_s = rate.wait_s(now_s)
            if wait_s > 0.0:
                now_s += wait_s + 0.001  # the loop is late by a millisecond
            else:
                rate.started()
                started += 1

        assert 0.95 * fixed * seconds - 1 <= started <= fixed * seconds + 1

    def test_idle(self) -> None:
        """What was not used is not saved up: no burst after a pause."""
        rate = Rate(100.0, Usual(), 0.0)
        burst = 0
        while rate.wait_s(3_600.0) == 0.0:
            rate.started()
            burst += 1

        assert burst == 1

    def test_after_a_long_time_without_a_limit(self) -> None:
        """Requests from before the limit are not counted against it."""
        rate = Rate(None, Usual(), 0.0)
        for i in range(100_000):
            rate.wait_s(i / 1_000)
            rate.started()
        for i in range(60):
            rate.answered(100.0 + i / 1_000, 0.0, refused=i % 2 == 0)

        assert rate.limit is not None
        assert rate.wait_s(100.1) < 0.1

    def test_lower_one_counts(self) -> None:
        """Of the operator's limit and the learnt one the lower counts."""
        rate = Rate(100.0, Usual(), 0.0)
        for i in range(140):
            rate.answered(i / 1_000, 0.0, refused=i % 100 != 0)
        learnt = rate.limit

        assert learnt is not None
        assert learnt < 15.0

    def test_memory_is_bounded(self) -> None:
        """Counting a hundred thousand answers keeps none of them."""
        rate = Rate(None, Usual(), 0.0)
        rate.answered(0.0, 0.1, refused=False)
        tracemalloc.start()
        for i in range(100_000):
            rate.answered(i / 30_000, 0.1, refused=False)
        kept_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert kept_bytes < 10_000
