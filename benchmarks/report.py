"""The tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from benchmarks.figures import CPU, RATE, Figures, middle, ratio
from benchmarks.goals import FASTER, SINGLE, reach
from benchmarks.scale import Point

if TYPE_CHECKING:
    from collections.abc import Iterator


Rounds = dict[str, list[Figures]]


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
    for name in FASTER:
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
