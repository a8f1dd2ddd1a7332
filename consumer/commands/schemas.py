"""`seg-consumer schemas`: whether a writer's schema can be read, and ours into a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consumer.avro.compatibility import FieldState, check, readable
from consumer.avro.schemas import CANONICAL, folder, read
from consumer.commands.loading import NEEDS_NO_KAFKA, NEEDS_NO_SEG, load_settings
from consumer.commands.terminal import output
from consumer.core.errors import ConsumerError, IgnoredReason, PoisonError, StartError
from consumer.core.model import Ignored
from consumer.core.timing import SystemClock
from consumer.kafka.sample import A_PARTITION
from consumer.program.reading import registry_of, translator_of, types_of
from consumer.program.samples import read_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from consumer.avro.compatibility import FieldReport
    from consumer.avro.registry import Registry
    from consumer.core.model import Event
    from consumer.program.samples import Samples
    from consumer.settings import Settings

COLOURS = {
    FieldState.OK: "green",
    FieldState.LEFT_OUT: "yellow",
    FieldState.IGNORED: "dim",
    FieldState.ABSENT: "dim",
    FieldState.PROBLEM: "bold red",
}
NEVER_SENT = frozenset({IgnoredReason.UNSUPPORTED_TYPE, IgnoredReason.UNMAPPED_EVENT})


@click.group("schemas")
def command() -> None:
    """Check a writer's schema, or put ours into a schema registry.

    \b
    seg-consumer schemas check own.avsc
    seg-consumer schemas register --subject segment-events-value
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command("check")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--id", "schema_id", type=int, help="Check the registry's schema of this id.")
@click.option("--topic", help=f"Look at the newest {A_PARTITION} records of each partition, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check_(
    ctx: click.Context,
    file: Path | None,
    schema_id: int | None,
    topic: str | None,
    *,
    as_json: bool,
) -> None:
    """Say field by field how events written with the schema in FILE, or --id, are read.

    With --topic, also or alone, say what becomes of its newest records; they are sent nowhere.

    \b
    seg-consumer schemas check own.avsc
    seg-consumer schemas check --id 7 --topic segment-events

    Exits 1 where no event would ever be delivered, else 0.
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    if file is not None and schema_id is not None:
        raise click.UsageError("expected FILE or --id, not both")
    if file is None and schema_id is None and topic is None:
        raise click.UsageError("expected FILE, --id or --topic")
    needs = NEEDS_NO_KAFKA if topic is None else NEEDS_NO_SEG
    settings = load_settings(ctx, needs | ({} if topic is None else {"SEG_KAFKA__TOPICS": topic}))
    reports = _reports(settings, file, schema_id)
    with Console(stderr=True).status("reading the topic's newest records"):
        samples = None if topic is None else read_samples(settings, topic)
    good = readable(reports) if reports else True
    if samples is not None and samples.records:
        good = good and samples.delivered > 0
    if as_json:
        fields = [report._asdict() for report in reports]
        told: dict[str, object] = {"readable": good, "fields": fields}
        if samples is not None:
            told["topic"] = samples.told()
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _print(reports, samples)
        output().print(*_closing(reports, samples), sep="\n")
    raise SystemExit(0 if good else 1)


@command.command("register")
@click.option("--subject", required=True, help="Such as segment-events-value.")
@click.pass_context
def register(ctx: click.Context, subject: str) -> None:
    """Put this program's own schema into the registry under SUBJECT, and print its id.

    \b
    seg-consumer schemas register --subject segment-events-value
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    schema = read(folder() / CANONICAL)
    settings = load_settings(ctx, NEEDS_NO_KAFKA)
    click.echo(_registry(settings).register(subject, schema))


def _registry(settings: Settings) -> Registry:
    registry = registry_of(settings.schema_registry, SystemClock())
    if registry is None:
        raise StartError("no schema registry is named: set SEG_SCHEMA_REGISTRY__URL")
    return registry


def _reports(settings: Settings, file: Path | None, schema_id: int | None) -> list[FieldReport]:
    if file is None and schema_id is None:
        return []
    try:
        texts = (read(file),) if file is not None else _registry(settings).schema(schema_id or 0)
        return check(texts, types_of(settings.schemas), _delivers(settings))
    except PoisonError as error:
        raise ConsumerError(error.detail) from error


def _delivers(settings: Settings) -> Callable[[Event], bool]:
    translate = translator_of(settings.translation)

    def delivers(event: Event) -> bool:
        outcome = translate(event, 0)
        return not (isinstance(outcome, Ignored) and outcome.reason in NEVER_SENT)

    return delivers


def _print(reports: Sequence[FieldReport], samples: Samples | None) -> None:
    out = output()
    for record in dict.fromkeys(report.record for report in reports):
        table = Table("field", "how it is read", "remark", title=Text(record), title_justify="left")
        for report in reports:
            if report.record == record:
                state = Text(report.state, COLOURS[report.state])
                table.add_row(Text(report.field), state, Text(report.detail))
        out.print(table)
    if samples is not None:
        table = Table("records", "outcome", title="the topic's newest", title_justify="left")
        table.add_row(str(samples.delivered), Text("delivered", "green"))
        for text, number in samples.left_out.most_common():
            table.add_row(str(number), Text(f"delivered without {text}", "yellow"))
        for reason, number in samples.ignored.most_common():
            table.add_row(str(number), Text(f"ignored: {reason}", "dim"))
        for reason, number in samples.dead_lettered.most_common():
            table.add_row(str(number), Text(f"dead letter: {reason}", "bold red"))
        out.print(table)


def _closing(reports: Sequence[FieldReport], samples: Samples | None) -> Iterator[str]:
    """Yield what it comes to, in a sentence each."""
    lost = dict.fromkeys(it.record for it in reports if it.state is FieldState.PROBLEM)
    left_out = sum(it.state is FieldState.LEFT_OUT for it in reports)
    if reports and not readable(reports):
        yield f"No event of this schema can be delivered: see what is a {FieldState.PROBLEM}."
    elif reports:
        but = f", but for {', '.join(lost)}" if lost else ""
        without = f"; fields left out: {left_out}" if left_out else ""
        yield f"Events of this schema can be delivered{but}{without}."
    if samples is not None:
        yield f"Of the topic's newest {samples.records} records {samples.delivered} are delivered."
