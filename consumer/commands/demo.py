"""`seg-consumer demo`: the main job on this machine, on sample events, in a few seconds."""

from __future__ import annotations

import sys
from random import Random
from typing import TYPE_CHECKING, BinaryIO

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumer.commands.terminal import call_lines
from consumer.core.errors import ConsumerError
from consumer.core.timing import SystemClock
from consumer.demo import WEBSITE_ID
from consumer.demo.samples import FAULTS, SAMPLE, Rejected, Sample, damaged, samples
from consumer.demo.show import dead_reasons, summary, table
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.observe import logs
from consumer.program.app import App
from consumer.sandbox import Options, Sandbox
from consumer.settings import Settings, load

if TYPE_CHECKING:
    from consumer.observe.metrics import Tally

TOPIC = "segment-events"
PARTITIONS = 4
STALLED_S = 60.0
"""How long the demo may take before it counts as failed."""


@click.command("demo")
@click.option("--events", type=click.File("rb"), help="Your own Segment calls, as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def command(events: BinaryIO | None, *, as_json: bool) -> None:
    """Run a Kafka broker, the consumer and a stand-in for Seg on sample events, and show the end.

    Nothing leaves this machine, and nothing is left behind.

    \b
    seg-consumer demo
    seg-consumer demo --events events.jsonl
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    rejected: list[Rejected] = []
    if events is None:
        chosen = samples(enumerate(SAMPLE.read_bytes().splitlines(), 1))
        chosen += damaged(len(chosen))
    else:
        chosen = samples(call_lines(events), rejected)
    clock = SystemClock()
    console = Console(stderr=True)
    logs.configure(level="error", layout=None, stream=sys.stderr, clock=clock)
    sandbox_options = Options(website_id=WEBSITE_ID, faults=() if events else FAULTS)
    with EmbeddedBroker() as broker, Sandbox.start(sandbox_options) as sandbox:
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        settings = _settings(broker.bootstrap, sandbox.url)
        start_s = clock.monotonic_s()
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress:
            _produce(settings, chosen, progress)
            tally = _consume(settings, len(chosen), progress)
        seconds = clock.monotonic_s() - start_s
        if as_json:
            click.echo(orjson.dumps(summary(tally, rejected, seconds)))
            return
        Console().print(
            table(
                chosen,
                rejected,
                sandbox.calls(limit=max(1, len(chosen))),
                dead_reasons(settings),
            ),
            f"{tally.records_received} records received, all committed, in {seconds:.1f} s",
        )


def _settings(bootstrap: str, endpoint: str) -> Settings:
    return load(
        env={
            "SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "SEG_KAFKA__TOPICS": TOPIC,
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": endpoint,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            # One call of the sample always fails: its budget must be short.
            "SEG_DELIVERY__RETRY_BUDGET_S": "2",
            "SEG_DELIVERY__RETRY_BASE_S": "0.05",
            "SEG_DELIVERY__RETRY_MAX_S": "0.5",
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
    )


def _produce(settings: Settings, chosen: list[Sample], progress: Progress) -> None:
    task = progress.add_task("written to Kafka ", total=len(chosen))
    producer = TopicProducer(settings.kafka, TOPIC)
    for sample in chosen:
        producer.put(sample.record)
        progress.advance(task)
    producer.close()


def _consume(settings: Settings, records: int, progress: Progress) -> Tally:
    """Run the consumer until every record has had its outcome."""
    task = progress.add_task("finished         ", total=records)
    clock = SystemClock()
    last = (0, clock.monotonic_s())

    def finished(tally: Tally) -> bool:
        nonlocal last
        outcomes = tally.outcomes
        now_s = clock.monotonic_s()
        if outcomes != last[0]:
            last = (outcomes, now_s)
            progress.update(task, completed=outcomes)
        elif now_s - last[1] > STALLED_S:
            raise ConsumerError(f"nothing has moved for {STALLED_S:.0f} s at record {outcomes}")
        return outcomes >= records

    app = App(settings, clock=clock, random=Random(), log=logs.get().bind())  # noqa: S311 - jitter
    app.stop_on_signals()
    app.run(finished)
    return app.tally
