"""A delivery that never lacks calls: what the limits are tried with, in tests and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.seg.support import Bench, FakeClock, Simulated, chance

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

DEFAULT_MAX_IN_FLIGHT = 1_024
"""`delivery.max_in_flight`: 6,500 calls/s at 100 ms need 650, and some air."""


class Load:
    """A delivery that never lacks calls, in front of a simulated Seg."""

    def __init__(
        self,
        latency_s: Callable[[Random], float],
        *,
        servers: int | None = None,
        retry_after_s: float | None = None,
        floor: int = 1,
        ceiling: int = DEFAULT_MAX_IN_FLIGHT,
    ) -> None:
        clock, dice = FakeClock(), chance(3)
        self.seg = Simulated(
            clock, lambda: latency_s(dice), servers=servers, retry_after_s=retry_after_s
        )
        self.bench = Bench(self.seg, floor=floor, ceiling=ceiling)

    def run(self, seconds: float) -> tuple[float, float]:
        """Let *seconds* pass; return the calls taken a second, and the share refused."""
        bench = self.bench
        before = dict(self.seg.statuses)
        until_s = bench.clock.now_s + seconds
        while bench.clock.now_s < until_s:
            while bench.lanes.ready_calls < DEFAULT_MAX_IN_FLIGHT:
                bench.put()
            bench.settled.clear()
            bench.step(0.005)
        since = {s: n - before.get(s, 0) for s, n in self.seg.statuses.items()}
        taken = since.get(200, 0)
        return taken / seconds, 1.0 - taken / max(1, sum(since.values()))


def steady(seconds: float) -> Callable[[Random], float]:
    """Return a latency around *seconds*."""
    return lambda dice: seconds * dice.uniform(0.9, 1.1)
