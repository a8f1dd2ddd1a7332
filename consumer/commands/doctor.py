"""`seg-consumer doctor`: whether the program could do its work here, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consumer.commands.loading import load_settings
from consumer.core.errors import SettingsError
from consumer.core.timing import SystemClock
from consumer.doctor import State, diagnose, unset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.doctor import Check

LOOKS = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "bold red",
    State.SKIPPED: "dim",
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check settings, Kafka, the registry and Seg, in this order; change nothing.

    \b
    seg-consumer doctor
    seg-consumer doctor --json

    Exits 0 where nothing failed, else 1.
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    try:
        settings = load_settings(ctx)
        with Console(stderr=True).status("asking Kafka, the registry and Seg"):
            checks = diagnose(settings, SystemClock())
    except SettingsError as error:  # also one that librdkafka alone finds wrong
        checks = unset(error.problems)
    healthy = all(check.state is not State.FAILED for check in checks)
    if as_json:
        found = [check._asdict() for check in checks]
        click.echo(orjson.dumps({"ok": healthy, "checks": found}, option=orjson.OPT_INDENT_2))
    else:
        Console().print(_table(checks))
    raise SystemExit(0 if healthy else 1)


def _table(checks: Sequence[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    for check in checks:
        look = LOOKS[check.state]
        text = Text(check.text, "dim" if check.state is State.SKIPPED else "")
        table.add_row(Text(check.state, look), str(check.name), text)
    return table
