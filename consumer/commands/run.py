"""`seg-consumer run`: the consumer itself."""

from __future__ import annotations

import sys
from random import Random

import click

from consumer import logs
from consumer.app import App
from consumer.cli import load_settings
from consumer.timing import SystemClock


@click.command("run")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Consume until a signal: TERM or INT drain, commit and leave the group; a second one ends."""
    settings = load_settings(ctx)
    clock = SystemClock()
    logs.configure(
        level=settings.log.level, layout=settings.log.format, stream=sys.stderr, clock=clock
    )
    app = App(settings, clock=clock, random=Random(), log=logs.get().bind())  # noqa: S311 - jitter
    app.stop_on_signals()
    app.run()
