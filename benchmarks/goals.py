"""What the figures are held against, compiled and as pure Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.contenders import BATCH as CALLS
from benchmarks.figures import CPU, RATE, Figures, middle, ratio
from benchmarks.scale import ignored_share
from benchmarks.tls import LASTING, row
from consumer.core.build import BUILD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Results
    from benchmarks.versus import Rounds

SINGLE: Final = "ours, single"
BATCH: Final = f"ours, batches of {CALLS}"
FAR: Final = "ours, single, 100 ms"
FASTER: Final = {"FastStream": 5.0, "Quix Streams": 8.0, "plain loop": 12.0}
FASTER_SLOW: Final = 100.0


class Goals(NamedTuple):
    """What one build has to reach; CPU is an event's, as a multiple of the floor's."""

    single: float
    batch: float
    tls: float
    typed: float
    parallel: Mapping[str, float]
    """Events a second, as a multiple of parallel-consumer's, by mode and Seg's latency."""
    far_per_s: float
    """Calls a second at a Seg of 100 ms."""
    p99_ms: float


GOALS: Final = {
    "compiled": Goals(
        single=1.15,
        batch=1.05,
        tls=1.15,
        typed=1.15,
        parallel={"single, 0 ms": 2.6, "single, 20 ms": 1.5, "single, 100 ms": 1.3}
        | {f"batches of {CALLS}, {latency} ms": 3.0 for latency in (0, 20, 100)},
        far_per_s=6_500,
        p99_ms=15,
    ),
    "pure": Goals(
        single=1.4,
        batch=1.5,
        tls=1.35,
        typed=1.5,
        parallel={"single, 0 ms": 2.3, "single, 20 ms": 1.3, "single, 100 ms": 1.04}
        | {
            f"batches of {CALLS}, {latency} ms": most
            for latency, most in ((0, 2.1), (20, 2.2), (100, 2.9))
        },
        far_per_s=5_500,
        p99_ms=20,
    ),
}


class Goal(NamedTuple):
    """Something to reach, and what was measured."""

    what: str
    goal: str
    measured: str
    reached: bool


def reach(results: Results, build: str = BUILD) -> Iterator[Goal]:
    """Yield what *build* has to reach, as far as it was measured."""
    goals = GOALS[build]
    yield from _over_floor(results.throughput, {SINGLE: goals.single, BATCH: goals.batch})
    yield from _over_floor(
        results.throughput, dict.fromkeys((f"{SINGLE}, typed", f"{BATCH}, typed"), goals.typed)
    )
    yield from _over_floor(
        results.tls, dict.fromkeys((row(SINGLE, LASTING), row(BATCH, LASTING)), goals.tls)
    )
    if results.throughput:
        ready_s = middle(results.throughput[SINGLE], "ready_s")
        yield _at_most(1.5, ready_s, "process to first delivery, without the join", " s")
    yield from _faster(results.throughput, FASTER, "")
    yield from _faster(results.slow, dict.fromkeys(FASTER, FASTER_SLOW), ", Seg takes 20 ms")
    for name, least in goals.parallel.items():
        if rounds := results.parallel.get(f"ours, {name}"):
            times = ratio(rounds, results.parallel[f"parallel-consumer, {name}"], RATE)
            yield _at_least(least, times.median, f"events/s ÷ parallel-consumer, {name}", "")
    if results.slow:
        rate = middle(results.slow[FAR], RATE)
        yield _at_least(goals.far_per_s, rate, "calls/s, Seg takes 100 ms", "")
    if results.stream:
        p99_ms = results.stream[SINGLE]["p99_ms"]
        yield _at_most(goals.p99_ms, p99_ms, "p99 at 1,000 events/s", " ms")
    if results.scale:
        share = ignored_share(results.scale)
        yield _at_most(0.33, share, "an ignored event ÷ a delivered one", "")
    if results.memory:
        yield from _memory(results.memory)


def _over_floor(rounds: Rounds, goals: Mapping[str, float]) -> Iterator[Goal]:
    for name, most in goals.items():
        if ours := rounds.get(name):
            over = ratio(ours, rounds[name.replace("ours", "floor", 1)], CPU)
            yield _at_most(most, over.median, f"CPU, {name} ÷ floor", "")


def _faster(rounds: Rounds, goals: Mapping[str, float], where: str) -> Iterator[Goal]:
    for name, least in goals.items():
        if theirs := rounds.get(name):
            times = ratio(rounds[SINGLE], theirs, RATE)
            yield _at_least(least, times.median, f"events/s ÷ {name}{where}", "")


def _memory(figures: Figures) -> Iterator[Goal]:
    first, second = figures["first_half_mb"], figures["second_half_mb"]
    what = f"memory, 96 partitions, {figures['seconds']:.0f} s"
    yield _at_most(160, max(first, second), f"{what}: peak", " MB")
    yield _at_most(1.02, second / first, f"{what}: second half ÷ first", "")


def _at_most(bound: float, measured: float, what: str, unit: str) -> Goal:
    return Goal(what, f"≤ {bound:,g}{unit}", f"{measured:,.2f}{unit}", measured <= bound)


def _at_least(bound: float, measured: float, what: str, unit: str) -> Goal:
    return Goal(what, f"≥ {bound:,g}{unit}", f"{measured:,.2f}{unit}", measured >= bound)
