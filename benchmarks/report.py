"""The tables, and what the figures are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from benchmarks.figures import CPU, RATE, Figures, middle, ratio
from benchmarks.scale import Point, ignored_share

if TYPE_CHECKING:
    from collections.abc import Iterator


Rounds = dict[str, list[Figures]]

SINGLE, BATCH = "ours, single", "ours, batches of 50"
FAR = "ours, single, 100 ms"
PEERS = ("FastStream", "Quix Streams", "plain loop")
FASTER = {"FastStream": 5.0, "Quix Streams": 8.0, "plain loop": 12.0}
FASTER_SLOW = 100.0


class Results(NamedTuple):
    """All that was measured; what was not is empty."""

    broker: str
    throughput: Rounds
    slow: Rounds
    stream: dict[str, Figures]
    parallel: Rounds
    tls: Rounds
    scale: list[Point]
    memory: Figures
    absent: dict[str, str]
    """The rows that are missing, and why."""


class Goal(NamedTuple):
    """Something to reach, and what was measured."""

    what: str
    goal: str
    measured: str
    reached: bool


def tables(results: Results) -> Iterator[Table]:
    """Yield a table for each part that was measured."""
    if results.throughput or results.stream:
        yield _against_others(results)
    if results.absent:
        yield _absent(results.absent)
    if results.throughput or results.slow:
        yield _faster(results)
    if results.parallel:
        yield _parallel(results.parallel)
    if results.tls:
        yield _tls(results.tls)
    if results.scale:
        yield _scale(results.scale)
    if goals := list(reach(results)):
        table = Table("to reach", "goal", "measured", "")
        for what, goal, measured, reached in goals:
            table.add_row(what, goal, measured, "yes" if reached else "NO")
        yield table


def _against_others(results: Results) -> Table:
    columns = ("events/s", "CPU µs", "CPU ÷ floor", "peak MB", "sink busy", "p50 ms", "p95", "p99")
    table = Table(f"on {results.broker}", *columns)
    for name in results.throughput | results.stream:
        cells = [""] * len(columns)
        if rounds := results.throughput.get(name):
            floor = results.throughput.get(name.replace("ours", "floor")) or []
            over = ratio(rounds, floor, CPU) if name.startswith("ours") else ""
            cells[:5] = [
                f"{middle(rounds, RATE):,.0f}",
                f"{middle(rounds, CPU):,.1f}",
                str(over),
                f"{middle(rounds, 'peak_mb'):.0f}",
                f"{middle(rounds, 'sink_busy'):.0%}",
            ]
        if figures := results.stream.get(name):
            cells[5:] = [f"{figures[key]:,.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        table.add_row(name, *cells)
    return table


def _absent(reasons: dict[str, str]) -> Table:
    table = Table("not measured", "because")
    for name, reason in reasons.items():
        table.add_row(name, reason)
    return table


def _faster(results: Results) -> Table:
    table = Table("ours, single: events/s ÷ theirs", "Seg answers at once", "Seg takes 20 ms")
    for name in PEERS:
        cells = [
            str(ratio(rounds[SINGLE], rounds[name], RATE)) if rounds.get(name) else ""
            for rounds in (results.throughput, results.slow)
        ]
        table.add_row(name, *cells)
    return table


def _parallel(rows: Rounds) -> Table:
    table = Table("", "events/s", "ours ÷ theirs", "CPU µs", "peak MB")
    for name, rounds in rows.items():
        theirs = rows.get(name.replace("ours", "parallel-consumer", 1))
        table.add_row(
            name,
            f"{middle(rounds, RATE):,.0f}",
            str(ratio(rounds, theirs, RATE)) if theirs and name.startswith("ours") else "",
            f"{middle(rounds, CPU):,.1f}",
            f"{middle(rounds, 'peak_mb'):.0f}",
        )
    return table


def _tls(rows: Rounds) -> Table:
    columns = (
        "events/s",
        "CPU µs",
        "÷ floor",
        "sink's µs",
        "connections",
        "resumed",
        "s",
        "p99 ms",
    )
    table = Table("way to the sink", *columns)
    for name, rounds in rows.items():
        floor = rows[name.replace("ours", "floor", 1)]
        p99_ms = rounds[0].get("p99_ms")
        table.add_row(
            name,
            f"{middle(rounds, RATE):,.0f}",
            f"{middle(rounds, CPU):,.1f}",
            str(ratio(rounds, floor, CPU)) if rounds is not floor else "",
            f"{middle(rounds, 'sink_us_per_event'):,.1f}",
            f"{middle(rounds, 'connections'):,.0f}",
            f"{sum(it['resumed'] for it in rounds) / sum(it['connections'] for it in rounds):.0%}",
            f"{middle(rounds, 'connected_to_last_s'):.2f}",
            "" if p99_ms is None else f"{p99_ms:,.1f}",
        )
    return table


def _scale(points: list[Point]) -> Table:
    table = Table("", "", "events/s", "CPU µs", "CPU ÷ floor", "peak MB")
    for axis, value, ours, floor in points:
        table.add_row(
            axis,
            f"{value:g}",
            f"{middle(ours, RATE):,.0f}",
            f"{middle(ours, CPU):.1f}",
            str(ratio(ours, floor, CPU)) if floor else "",
            f"{middle(ours, 'peak_mb'):.0f}",
        )
    return table


def reach(results: Results) -> Iterator[Goal]:
    """Yield what was to be reached, as far as it was measured."""
    if rounds := results.throughput:
        for name, most in ((SINGLE, 1.4), (BATCH, 1.5)):
            over = ratio(rounds[name], rounds[name.replace("ours", "floor")], CPU)
            yield _at_most(most, over.median, f"CPU, {name} ÷ floor", "")
        ready_s = middle(rounds[SINGLE], "ready_s")
        yield _at_most(1.5, ready_s, "process to first delivery, without the join", " s")
    for rounds, goals, where in (
        (results.throughput, FASTER, ""),
        (results.slow, dict.fromkeys(PEERS, FASTER_SLOW), ", Seg takes 20 ms"),
    ):
        for name in PEERS:
            if rounds.get(name):
                times = ratio(rounds[SINGLE], rounds[name], RATE)
                yield _at_least(goals[name], times.median, f"events/s ÷ {name}{where}", "")
    if results.slow:
        rate = middle(results.slow[FAR], RATE)
        yield _at_least(5_000, rate, "calls/s, Seg takes 100 ms", "")
    if results.stream:
        yield _at_most(50, results.stream[SINGLE]["p99_ms"], "p99 at 1,000 events/s", " ms")
    if results.scale:
        share = ignored_share(results.scale)
        yield _at_most(0.33, share, "an ignored event ÷ a delivered one", "")
    if results.memory:
        first, second = results.memory["first_half_mb"], results.memory["second_half_mb"]
        what = f"memory, 96 partitions, {results.memory['seconds']:.0f} s"
        yield _at_most(200, max(first, second), f"{what}: peak", " MB")
        yield _at_most(1.02, second / first, f"{what}: second half ÷ first", "")


def _at_most(bound: float, measured: float, what: str, unit: str) -> Goal:
    return Goal(what, f"≤ {bound:,g}{unit}", f"{measured:,.2f}{unit}", measured <= bound)


def _at_least(bound: float, measured: float, what: str, unit: str) -> Goal:
    return Goal(what, f"≥ {bound:,g}{unit}", f"{measured:,.2f}{unit}", measured >= bound)
