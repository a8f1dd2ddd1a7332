"""`seg-consumer run`: the consumer itself."""

from __future__ import annotations

import sys
from functools import partial
from random import Random

import click

from consumer.commands.loading import load_settings
from consumer.core.timing import SystemClock
from consumer.observe import logs
from consumer.program import process
from consumer.program.app import App
from consumer.program.rotation import SecretFiles


@click.command("run")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Consume until a signal: TERM or INT drain, commit and leave the group; a second one ends.

    \b
    seg-consumer run
    seg-consumer --config settings.yaml --secrets /run/secrets run
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    settings = load_settings(ctx)
    clock = SystemClock()
    logs.configure(
        level=settings.log.level, layout=settings.log.format, stream=sys.stderr, clock=clock
    )
    log = logs.get().bind()
    folder = ctx.obj["secrets_dir"]
    secrets = folder and SecretFiles(folder, partial(load_settings, ctx), clock=clock, log=log)
    app = App(settings, secrets, clock=clock, random=Random(), log=log)  # noqa: S311 - jitter
    app.stop_on_signals()
    process.prepare()
    app.run()
