"""`seg-consumer demo`: the main job on this machine, on sample events, in a few seconds."""

from __future__ import annotations

import sys
import threading
from random import Random
from typing import TYPE_CHECKING, BinaryIO

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumer.commands.terminal import call_lines
from consumer.commands.through import Through, told_why
from consumer.core.errors import ConsumerError
from consumer.core.timing import SystemClock
from consumer.demo import WEBSITE_ID
from consumer.demo.samples import FAULTS, SAMPLE, Rejected, Sample, damaged, samples
from consumer.demo.show import dead_reasons, summary, table
from consumer.demo.topic import Topic
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.observe import logs
from consumer.program.app import App
from consumer.program.reading import translator_of
from consumer.sandbox import Options, Sandbox
from consumer.settings import Settings, load

if TYPE_CHECKING:
    from consumer.observe.metrics import Tally

TOPIC = "segment-events"
PARTITIONS = 4
IN_A_HURRY = {
    "SEG_DELIVERY__RETRY_BUDGET_S": "2",
    "SEG_DELIVERY__RETRY_BASE_S": "0.05",
    "SEG_DELIVERY__RETRY_MAX_S": "0.5",
}
"""One call of the sample always fails: its budget must be short."""
IN_NO_HURRY = {
    "SEG_DELIVERY__RETRY_BUDGET_S": "30",
    "SEG_DELIVERY__RETRY_BASE_S": "0.5",
    "SEG_DELIVERY__RETRY_MAX_S": "8",
}
"""Whoever plays with faults must see the retries, and what is delivered once they are over."""
STALLED_S = 60.0
"""How long the demo may take before it counts as failed."""


@click.command("demo")
@click.option("--events", type=click.File("rb"), help="Your own Segment calls, as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option("--page", "with_page", is_flag=True, help="Stay up, with a page to look and play.")
def command(events: BinaryIO | None, *, as_json: bool, with_page: bool) -> None:
    """Run a Kafka broker, the consumer and a stand-in for Seg on sample events, and show the end.

    Nothing leaves this machine, and nothing is left behind.

    \b
    seg-consumer demo
    seg-consumer demo --page
    seg-consumer demo --events events.jsonl
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    if with_page and as_json:
        raise click.UsageError("expected --page or --json, got both")
    rejected: list[Rejected] = []
    if events is None:
        chosen = samples(enumerate(SAMPLE.read_bytes().splitlines(), 1))
        chosen += damaged(len(chosen))
    else:
        chosen = samples(call_lines(events), rejected)
    clock = SystemClock()
    console = Console(stderr=True)
    logs.configure(level="error", layout=None, stream=sys.stderr, clock=clock)
    sandbox_options = Options(
        website_id=WEBSITE_ID, is_example=True, faults=() if events else FAULTS
    )
    with EmbeddedBroker() as broker, Sandbox.start(sandbox_options) as sandbox:
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        if with_page:
            _stay(_settings(broker.bootstrap, sandbox.url, IN_NO_HURRY), chosen, sandbox)
            return
        settings = _settings(broker.bootstrap, sandbox.url, IN_A_HURRY)
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


def _stay(settings: Settings, chosen: list[Sample], sandbox: Sandbox) -> None:
    """Run the consumer, and the page on *sandbox*, until a signal."""
    clock = SystemClock()
    app = App(settings, clock=clock, random=Random(), log=logs.get().bind())  # noqa: S311 - jitter
    app.stop_on_signals()
    through = Through(translator_of(settings.translation), round(clock.wall_s() * 1000))
    topic = Topic(settings, lambda line: told_why(through.explain(line)), sandbox.tell)
    sandbox.upstream(topic)
    stopped, is_told = threading.Event(), False

    def announced(_tally: Tally) -> bool:
        nonlocal is_told
        if not is_told:
            is_told = True
            click.echo(f"the page is at {sandbox.url}  (Ctrl-C ends the demo)")
        return False

    watch = threading.Thread(target=topic.watch, args=(app.tally, stopped), name="letters")
    watch.start()
    try:
        for sample in chosen:
            topic.put(sample)
        app.run(announced)
    finally:
        stopped.set()
        watch.join()
        topic.close()


def _settings(bootstrap: str, endpoint: str, retries: dict[str, str]) -> Settings:
    return load(
        env={
            "SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "SEG_KAFKA__TOPICS": TOPIC,
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": endpoint,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
        | retries
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
