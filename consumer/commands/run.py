"""`seg-consumer run`: the consumer itself."""

from __future__ import annotations

import resource
import sys
from functools import partial
from random import Random

import click

from consumer import logs
from consumer.app import App
from consumer.cli import load_settings
from consumer.rotation import SecretFiles
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
    log = logs.get().bind()
    folder = ctx.obj["secrets_dir"]
    secrets = folder and SecretFiles(folder, partial(load_settings, ctx), clock=clock, log=log)
    app = App(settings, secrets, clock=clock, random=Random(), log=log)  # noqa: S311 - jitter
    app.stop_on_signals()
    _allow_sockets()
    app.run()


def _allow_sockets() -> None:
    """Raise the soft limit on open files: a request under way is one, and 1,024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
