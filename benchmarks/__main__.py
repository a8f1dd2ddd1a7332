"""One run, one table: `make bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click
import orjson
from rich import box
from rich.console import Console

from benchmarks.contenders import peers
from benchmarks.goals import reach
from benchmarks.memory import memory
from benchmarks.parallel import parallel
from benchmarks.report import Results, tables
from benchmarks.scale import scale
from benchmarks.stage import ContenderError, stage
from benchmarks.tls import tls
from benchmarks.versus import Run
from tests.chart.tools import ToolsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contenders import Contender

T = TypeVar("T")
WIDTH = 200
"""Of the tables, in a file."""
SECTIONS = ("throughput", "slow", "stream", "parallel", "tls", "scale", "memory")
OF_PEERS = frozenset({"throughput", "slow", "stream"})
"""The sections that peers take part in."""


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Events a round.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs.")
@click.option("--only", type=click.Choice(SECTIONS), multiple=True, help="Sections to run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and the tables beside it.")
def main(*, events: int, rounds: int, only: tuple[str, ...], as_json: bool) -> None:
    """Measure what an event costs: against the bare libraries, against others, and at scale."""
    wanted, console = only or SECTIONS, Console(stderr=True)
    others: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    try:
        others = peers() if OF_PEERS.intersection(wanted) else {}
    except ToolsUnavailableError as error:
        absent["peers"] = str(error)

    def section(name: str, measure: Callable[[], T], nothing: T) -> T:
        if name not in wanted:
            return nothing
        try:
            return measure()
        except (ContenderError, TimeoutError) as error:
            absent[name] = str(error) or type(error).__name__  # the rest is worth having
            return nothing

    with stage() as on:
        run = Run(on, others, console.print)
        results = Results(
            broker=on.broker.name,
            throughput=section("throughput", lambda: run.throughput(events, rounds), {}),
            slow=section("slow", lambda: run.slow(events, rounds), {}),
            stream=section("stream", run.stream, {}),
            parallel=section("parallel", lambda: parallel(run, events, rounds), {}),
            tls=section("tls", lambda: tls(run, events, rounds), {}),
            scale=section("scale", lambda: scale(on, events, rounds, console.print), []),
            memory=section("memory", lambda: memory(on), {}),
            absent=absent | run.absent,
        )
    if as_json:
        goals = [goal._asdict() for goal in reach(results)]
        points = [point._asdict() for point in results.scale]
        click.echo(orjson.dumps(results._asdict() | {"scale": points, "reach": goals}))
    out = Console(stderr=as_json)
    for table in tables(results):
        if not out.is_terminal:
            out.width, table.box = WIDTH, box.MARKDOWN
        out.print(table)


if __name__ == "__main__":
    main()
