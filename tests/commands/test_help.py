"""`--help` of every command: examples that the command itself would take."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import pytest

from consumer.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command in *group*."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


EVERY = [*commands(cli, ())]


def examples(words: tuple[str, ...]) -> list[str]:
    """Return the examples in the help of the command that *words* name."""
    context = click.Context(cli, info_name="seg-consumer")
    command: click.Command = cli
    for word in words:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        assert found is not None
        context, command = click.Context(found, context, word), found
    lines = [line.strip() for line in command.get_help(context).splitlines()]
    return [line for line in lines if line.startswith("seg-consumer ")]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_has_an_example_of_itself(words: tuple[str, ...]) -> None:
    """A line to copy, with the command's own name."""
    assert [it for it in examples(words) if f" {' '.join(words)}" in it]


@pytest.mark.parametrize("example", sorted({it for words in EVERY for it in examples(words)}))
def test_an_example_names_options_that_there_are(example: str) -> None:
    """Each word that looks like an option is one of the program, or of a command in the line."""
    command: click.Command = cli
    known = {name for it in cli.params for name in it.opts}
    for word in shlex.split(example.partition(" < ")[0].partition(" > ")[0])[1:]:
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is not None:
                command = found
                known |= {name for it in command.params for name in it.opts}
        assert not word.startswith("--") or word in known
