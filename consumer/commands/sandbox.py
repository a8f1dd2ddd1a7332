"""`seg-consumer sandbox`: a stand-in for Seg on this machine."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from consumer.core.errors import SettingsError
from consumer.demo import WEBSITE_ID
from consumer.sandbox import Fault, Options, serve
from consumer.sandbox.rules import read_faults


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="The port; 0 takes any free one.")
@click.option("--website-id", default=WEBSITE_ID, show_default=True, help="The id to let in.")
@click.option(
    "--faults", default="[]", help='Fault rules as JSON: [{"status": 500, "share": 0.2}].'
)
@click.option("--seed", default=0, show_default=True, help="Of the dice for faults.")
@click.option("--keep", default=10_000, show_default=True, help="How many calls stay in memory.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that gains a line for each accepted call.",
)
@click.option(
    "--arrivals",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that gains a line for each call that is taken, also again.",
)
@click.option("--allow-remote", is_flag=True, help="Listen on an address that others can reach.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    host: str,
    port: int,
    website_id: str,
    faults: str,
    seed: int,
    keep: int,
    journal: Path | None,
    arrivals: Path | None,
    allow_remote: bool,
) -> None:
    """Stand in for Seg: check calls, keep them, show them on a page, and fail on demand.

    \b
    seg-consumer sandbox
    seg-consumer sandbox --port 8081 --faults '[{"status": 500, "share": 0.2}]'
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    options = Options(
        website_id=website_id,
        is_example=website_id == WEBSITE_ID,
        host=host,
        port=port,
        allow_remote=allow_remote,
        faults=tuple(_faults(faults)),
        seed=seed,
        keep=keep,
        journal=journal,
        arrivals=arrivals,
    )
    serve(options, lambda url: click.echo(f"the sandbox listens on {url}"))


def _faults(text: str) -> list[Fault]:
    try:
        rules = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SettingsError([f"--faults: expected a JSON list, got other text: {error}"]) from error
    return read_faults(rules)
