"""`seg-consumer config`: what is in force and where it comes from."""

from __future__ import annotations

import click
import orjson
from rich.console import Console
from rich.table import Table

from consumer.commands.loading import load_settings
from consumer.settings import render


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check the settings and print them, secrets masked."""
    rendered = render(load_settings(ctx))
    if as_json:
        click.echo(orjson.dumps(rendered, option=orjson.OPT_INDENT_2))
        return
    table = Table("setting", "value", "from")
    for name, entry in rendered.items():
        value = entry["value"]
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        table.add_row(name, text, str(entry["source"]))
    Console().print(table)
