"""`seg-consumer completion`: the shell completes commands and options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import click
from click.shell_completion import get_completion_class

from consumer.core.errors import ConsumerError

PROGRAM: Final = "seg-consumer"


class Shell(NamedTuple):
    """Where a shell finds a completion, under the home folder."""

    script: str
    start: str | None
    """The file that reads the script; None where the shell looks for it by itself."""
    line: str
    """What stands in that file."""


SHELLS: Final = {
    "bash": Shell(".seg-consumer.bash", ".bashrc", ". ~/.seg-consumer.bash"),
    "zsh": Shell(
        ".seg-consumer.zsh",
        ".zshrc",
        "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }; "
        ". ~/.seg-consumer.zsh",
    ),
    "fish": Shell(".config/fish/completions/seg-consumer.fish", None, ""),
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)), required=False)
@click.pass_context
def command(ctx: click.Context, shell: str | None) -> None:
    """Let SHELL complete commands and options: bash, zsh or fish; without it the one of $SHELL.

    It writes the completion's script into your home folder and, for bash and zsh, the line that
    reads it into ~/.bashrc or ~/.zshrc. To do it twice changes nothing.

    \b
    seg-consumer completion
    seg-consumer completion zsh
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    name = shell or Path(os.environ.get("SHELL", "")).name
    completion = get_completion_class(name)
    if name not in SHELLS or completion is None:
        raise ConsumerError(f"expected one of {', '.join(SHELLS)}, for $SHELL names none of them")
    known = SHELLS[name]
    script = Path.home() / known.script
    variable = f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE"
    source = completion(ctx.find_root().command, {}, PROGRAM, variable).source()
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(source, encoding="utf-8")
        if known.start is not None:
            _add_line(Path.home() / known.start, known.line)
    except OSError as error:
        raise ConsumerError(f"{error.filename}: cannot be written: {error.strerror}") from error
    click.echo(f"{name} completes {PROGRAM} in shells that start from now on: {script}")


def _add_line(file: Path, line: str) -> None:
    """Add *line* at the end of *file*, unless it has it."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape") if file.exists() else ""
    if line not in text.splitlines():
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{line}\n" if not text or text.endswith("\n") else f"\n{line}\n")
