"""The command line: `seg-consumer COMMAND`.

    exit code 0    done
              1    failed: the text says what to do
              2    wrong usage or settings: nothing was started

A command's module is imported only when it is asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from consumer.core.build import BUILD
from consumer.core.errors import ConsumerError, SettingsError

COMMANDS = (
    "run", "demo", "translate", "config", "doctor", "produce", "schemas", "dead-letters", "sandbox",
    "top", "alive", "completion",
)  # fmt: skip

OF_ALL = frozenset({"--config", "--secrets"})
"""Options of every command, which stand before its name."""


class Commands(click.Group):
    """Finds a command in its module, `consumer.commands.<name>`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command named *cmd_name*; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"consumer.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours becomes its text and an exit code, never a stack."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            name = error.option_name
            if name not in OF_ALL:
                raise
            text = f"{name} goes before the command: {ctx.info_name} {name} ..."
            raise click.UsageError(f"{text} {ctx.invoked_subcommand}", error.ctx) from None
        except SettingsError as error:
            _fail(error.problems, 2)
        except ConsumerError as error:
            _fail([str(error)], 1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    version("seg-consumer"), prog_name="seg-consumer", message=f"%(prog)s %(version)s ({BUILD})"
)
@click.option(
    "--config",
    "file",
    envvar="SEG_CONFIG_FILE",
    show_envvar=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings as YAML or TOML; the environment goes before them.",
)
@click.option(
    "--secrets",
    envvar="SEG_SECRETS_DIR",
    show_envvar=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of files named like the variables, as Kubernetes mounts secrets.",
)
@click.pass_context
def cli(ctx: click.Context, file: Path | None, secrets: Path | None) -> None:
    """Deliver Segment events from Kafka to Seg, at least once and in order for each key."""
    ctx.obj = {"file": file, "secrets_dir": secrets}


def _fail(problems: tuple[str, ...] | list[str], code: int) -> NoReturn:
    for problem in problems:
        click.echo(f"seg-consumer: {problem}", err=True)
    raise SystemExit(code)


def main() -> None:
    """Run the command that the arguments name.

    It writes UTF-8, which is what JSON and terminals are, also where the locale says ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    cli(prog_name="seg-consumer")
