"""Ratios, and what counts as reached."""

from __future__ import annotations

import io
import subprocess
import sys
from math import isnan

import pytest
from rich.console import Console

from benchmarks.contenders import Contender
from benchmarks.figures import CPU, RATE, Figures, Spread, quantile, ratio
from benchmarks.goals import BATCH, FAR, FASTER, SINGLE, reach
from benchmarks.report import Results, tables
from benchmarks.scale import Point, ignored_share
from benchmarks.stage import ContenderError, Embedded, Stage, finish
from benchmarks.tls import LASTING, row
from benchmarks.versus import Run


def figures(rate: float, cpu: float = 1.0) -> list[Figures]:
    """Return one round."""
    of_tls = dict.fromkeys(
        ("sink_us_per_event", "connections", "resumed", "connected_to_last_s"), 1.0
    )
    more = {"peak_mb": 90.0, "sink_busy": 0.2, "ready_s": 0.5}
    return [{RATE: rate, CPU: cpu} | more | of_tls]


def results(cpu: float) -> Results:
    """Return results in which an event costs *cpu* times the floor's, and all else is well."""
    peers = {name: figures(100.0) for name in FASTER}
    floor = {"floor, single": figures(30_000.0), "floor, batches of 50": figures(50_000.0)}
    typed = {"floor, single, typed": figures(20_000.0), "ours, single, typed": figures(20_000.0)}
    single = figures(20_000.0, cpu)
    return Results(
        broker="a broker",
        throughput=floor | typed | {SINGLE: single, BATCH: single} | peers,
        slow={SINGLE: single, FAR: single} | peers,
        stream={SINGLE: {"p50_ms": 2.0, "p95_ms": 4.0, "p99_ms": 9.0}},
        parallel={
            "ours, single, 0 ms": single,
            "parallel-consumer, single, 0 ms": figures(2_000.0),
        },
        tls={row("floor, single", LASTING): figures(30_000.0), row(SINGLE, LASTING): figures(1.0)},
        scale=[Point("ignored", share, figures(1.0, 1.0 - share * 0.8), []) for share in (0, 0.99)],
        memory={"seconds": 30.0, "first_half_mb": 120.0, "second_half_mb": 120.0},
        absent={"a peer": "cannot be had"},
    )


def test_ratio_is_taken_round_by_round() -> None:
    """A round in which both were slow has a ratio like the others."""
    ours: list[Figures] = [{CPU: 30.0}, {CPU: 80.0}, {CPU: 33.0}]
    floor: list[Figures] = [{CPU: 20.0}, {CPU: 40.0}, {CPU: 30.0}]

    assert ratio(ours, floor, CPU) == Spread(median=1.5, low=1.1, high=2.0)


def test_quantile_is_a_value_that_was_there() -> None:
    """The 99th of a hundred is below one other; of nothing there is none."""
    assert [quantile(range(100), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 99]
    assert isnan(quantile([], 0.5))


def test_ignored_event_is_told_apart_from_the_delivered_among_them() -> None:
    """At 99 % ignored, the cost is that of both kinds: 0.01 * 100 + 0.99 * 20 = 20.8."""
    points = [
        Point("ignored", 0.0, figures(1, 100.0), []),
        Point("ignored", 0.99, figures(1, 20.8), []),
    ]

    assert ignored_share(points) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("build", "cpu", "missed"),
    [
        *(("pure", 1.3, 0), ("pure", 1.45, 1), ("pure", 1.6, 2)),
        *(("compiled", 1.0, 0), ("compiled", 1.1, 1), ("compiled", 1.2, 2)),
    ],
)
def test_goal_is_reached_or_not(build: str, cpu: float, missed: int) -> None:
    """What is too dear by itself misses its build's own goal, and no other."""
    assert sum(not goal.reached for goal in reach(results(cpu), build)) == missed


def test_tables_name_every_row_and_what_is_missing() -> None:
    """Each contender has its line, and one that could not run its reason."""
    console = Console(width=200, file=io.StringIO())
    for table in tables(results(1.3)):
        console.print(table)

    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(
        name in text
        for name in (SINGLE, BATCH, *FASTER, row(SINGLE, LASTING), "a peer", "cannot be had")
    )


def test_nothing_measured_is_no_table() -> None:
    """Sections that were left out leave no empty tables and no goals."""
    none = Results("a broker", {}, {}, {}, {}, {}, [], {}, {})

    assert [*tables(none), *reach(none)] == []


def test_contender_that_fails_says_its_last_line() -> None:
    """Its last line on standard error is the reason."""
    code = "import sys; sys.exit('first\\nno such thing')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    with pytest.raises(ContenderError, match=r"^no such thing$"):
        finish(process)


def test_peer_that_fails_is_left_out_and_the_rest_goes_on() -> None:
    """One line for it, in whichever round, and each for the others; our own failure is ours."""
    answers = iter([{CPU: 1.0}])

    def fails() -> Figures:
        for answer in answers:
            return answer
        raise ContenderError("cannot be had")

    run = Run(Stage(Embedded(), ""), {"peer": Contender("peer")}, lambda _text: None)

    rounds = run.in_turn(2, {"peer": fails, "ours": lambda: {CPU: 1.0}})

    assert run.absent == {"peer": "cannot be had"}
    assert rounds == {"peer": [], "ours": [{CPU: 1.0}] * 2}
    with pytest.raises(ContenderError):
        run.in_turn(1, {"ours": fails})
