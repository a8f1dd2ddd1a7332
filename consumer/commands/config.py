"""`seg-consumer config`: what is in force and where it comes from."""

from __future__ import annotations

import click
import orjson
from rich.table import Table
from rich.text import Text

from consumer.commands.loading import load_settings
from consumer.commands.terminal import output
from consumer.settings import render


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check the settings and print them with where each comes from, secrets masked.

    \b
    seg-consumer config
    seg-consumer --config settings.yaml config --json
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    rendered = render(load_settings(ctx))
    if as_json:
        click.echo(orjson.dumps(rendered, option=orjson.OPT_INDENT_2))
        return
    table = Table()
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", no_wrap=True)
    for name, entry in rendered.items():
        value = entry["value"]
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        table.add_row(name, Text(text), str(entry["source"]))
    output().print(table)
