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
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.core.errors import ConsumerError, PoisonError, StartError
from consumer.core.timing import SystemClock
from consumer.program.reading import registry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.avro.compatibility import FieldReport
    from consumer.avro.registry import Registry

NEEDS_ONLY_THE_REGISTRY = NEEDS_NO_SEG | {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "SEG_KAFKA__TOPICS": "none",
}
"""Stands in for what these commands do not use."""

COLOURS = {
    FieldState.OK: "green",
    FieldState.IGNORED: "dim",
    FieldState.ABSENT: "dim",
    FieldState.PROBLEM: "bold red",
}


@click.group("schemas")
def command() -> None:
    """Check a writer's schema, or put ours into a schema registry."""


@command.command("check")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--id", "schema_id", type=int, help="Check the registry's schema of this id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check_(ctx: click.Context, file: Path | None, schema_id: int | None, *, as_json: bool) -> None:
    """Say field by field whether events written with the schema in FILE, or --id, can be read.

    Exits 0 where all can, else 1.
    """
    if (file is None) == (schema_id is None):
        raise click.UsageError("expected either FILE or --id")
    try:
        texts = _registry(ctx).schema(schema_id) if schema_id is not None else (_text(file),)
        reports = check(texts)
    except PoisonError as error:
        raise ConsumerError(error.detail) from error
    good = readable(reports)
    if as_json:
        fields = [report._asdict() for report in reports]
        click.echo(orjson.dumps({"readable": good, "fields": fields}, option=orjson.OPT_INDENT_2))
    else:
        _print(reports)
    raise SystemExit(0 if good else 1)


@command.command("register")
@click.option("--subject", required=True, help="Such as segment-events-value.")
@click.pass_context
def register(ctx: click.Context, subject: str) -> None:
    """Put this program's own schema into the registry under SUBJECT, and print its id."""
    schema = read(folder() / CANONICAL)
    click.echo(_registry(ctx).register(subject, schema))


def _registry(ctx: click.Context) -> Registry:
    settings = load_settings(ctx, NEEDS_ONLY_THE_REGISTRY)
    registry = registry_of(settings.schema_registry, SystemClock())
    if registry is None:
        raise StartError("no schema registry is named: set SEG_SCHEMA_REGISTRY__URL")
    return registry


def _text(file: Path | None) -> str:
    return "" if file is None else read(file)


def _print(reports: Sequence[FieldReport]) -> None:
    table = Table("field", "", "remark")
    for report in reports:
        state = Text(report.state, COLOURS[report.state])
        table.add_row(Text(report.field), state, Text(report.detail))
    Console().print(table)
