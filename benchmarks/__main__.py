"""One run, one table: `make bench`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console

from benchmarks.contenders import peers
from benchmarks.memory import memory
from benchmarks.report import Results, reach, tables
from benchmarks.scale import scale
from benchmarks.stage import stage
from benchmarks.versus import Run
from consumer import logs
from consumer.timing import SystemClock
from tests.chart.tools import ToolsUnavailableError

if TYPE_CHECKING:
    from benchmarks.contenders import Contender

SECTIONS = ("throughput", "slow", "stream", "scale", "memory")


@click.command()
@click.option("--events", default=40_000, show_default=True, help="Events a round.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs.")
@click.option("--only", type=click.Choice(SECTIONS), multiple=True, help="Sections to run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, events: int, rounds: int, only: tuple[str, ...], as_json: bool) -> None:
    """Measure what an event costs: against the bare libraries, against others, and at scale."""
    logs.configure(level="error", layout=None, stream=sys.stderr, clock=SystemClock())
    wanted, console = only or SECTIONS, Console(stderr=True)
    others: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    try:
        others = peers()
    except ToolsUnavailableError as error:
        absent["peers"] = str(error)
    with stage() as on:
        run = Run(on, others, console.print)
        results = Results(
            broker=on.broker.name,
            throughput=run.throughput(events, rounds) if "throughput" in wanted else {},
            slow=run.slow(events, rounds) if "slow" in wanted else {},
            stream=run.stream() if "stream" in wanted else {},
            scale=scale(on, events // 2, rounds, console.print) if "scale" in wanted else [],
            memory=memory(on) if "memory" in wanted else {},
            absent=absent | run.absent,
        )
    if as_json:
        goals = [goal._asdict() for goal in reach(results)]
        points = [point._asdict() for point in results.scale]
        click.echo(orjson.dumps(results._asdict() | {"scale": points, "reach": goals}))
    else:
        for table in tables(results):
            Console().print(table)


if __name__ == "__main__":
    main()
