"""One run, one table: each contender in turn, several rounds, ratios to the floor."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from statistics import median
from typing import TypeAlias

import click
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.load import fill
from consumer.demo import WEBSITE_ID
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.settings import load

PARTITIONS = 24  # the embedded broker keeps 5 MiB of each
TOPIC = "bench"
CONTENDERS = {
    "floor, single": ("benchmarks.floor", 1),
    "ours, single": ("benchmarks.ours", 1),
    "floor, batches of 50": ("benchmarks.floor", 50),
    "ours, batches of 50": ("benchmarks.ours", 50),
}

Figures: TypeAlias = "dict[str, float]"


@click.command()
@click.option("--events", default=40_000, show_default=True, help="Events a round.")
@click.option("--rounds", default=3, show_default=True, help="How often each contender runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(*, events: int, rounds: int, as_json: bool) -> None:
    """Measure what an event costs, against the bare libraries."""
    results: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
    console = Console(stderr=True)
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True
    ) as sink:
        url = sink.stdout.readline().strip() if sink.stdout is not None else ""
        try:
            for number in range(rounds):
                for name, (module, batch) in CONTENDERS.items():
                    console.print(f"round {number + 1} of {rounds}: {name}")
                    results[name].append(_run(module, url, events, batch))
        finally:
            sink.kill()
    medians = {name: _median(rows) for name, rows in results.items()}
    if as_json:
        click.echo(orjson.dumps({"rounds": results, "median": medians}))
    else:
        Console().print(_table(medians, results))


def _run(module: str, url: str, events: int, batch: int) -> Figures:
    """Run one contender on a broker of its own: what one leaves behind does not slow the next."""
    with EmbeddedBroker() as broker:
        broker.create_topic(TOPIC, PARTITIONS)
        settings = load(
            env={
                "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
                "SEG_KAFKA__TOPICS": TOPIC,
                "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
                "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            }
        )
        fill(settings.kafka, TOPIC, events, Random(7))  # noqa: S311 - the same events each time
        arguments = [broker.bootstrap, TOPIC, url, str(events), str(batch)]
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=600,
        )
    figures: Figures = orjson.loads(done.stdout)
    return figures


def _median(rows: list[Figures]) -> Figures:
    return {key: median(row[key] for row in rows) for key in rows[0]}


def _table(medians: dict[str, Figures], results: dict[str, list[Figures]]) -> Table:
    table = Table("", "events/s", "CPU µs an event", "CPU: ratio to floor", "spread", "peak MB")
    for name, figures in medians.items():
        floor = results["floor, " + name.partition(", ")[2]]
        ratios = [
            row["cpu_us_per_event"] / base["cpu_us_per_event"]
            for row, base in zip(results[name], floor, strict=True)
        ]
        table.add_row(
            name,
            f"{figures['events_per_s']:,.0f}",
            f"{figures['cpu_us_per_event']:.1f}",
            f"{median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{figures['peak_mb']:.0f}",
        )
    return table


if __name__ == "__main__":
    main()
