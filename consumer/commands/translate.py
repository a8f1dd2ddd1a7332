"""`seg-consumer translate`: what becomes of a Segment call, without Kafka and without Seg."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import click
import orjson

from consumer.commands.expected import Answer, differences, read_expected
from consumer.commands.loading import NEEDS_NO_KAFKA, load_settings
from consumer.commands.side_by_side import side_by_side
from consumer.commands.terminal import call_lines, counted, output
from consumer.commands.through import Through, told_why
from consumer.core.errors import ConsumerError, PoisonError
from consumer.core.timing import SystemClock
from consumer.program.reading import translator_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object

COLOURS = {"+": "green", "-": "red"}


@click.command("translate")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--explain", is_flag=True, help="Say which row made which key, and what is not sent.")
@click.option("--pretty", is_flag=True, help="Print each answer on several lines, indented.")
@click.option(
    "--check",
    "expected",
    type=click.File("rb"),
    metavar="EXPECTED",
    help="Compare with the answers in this file, and print what differs.",
)
@click.pass_context
def command(
    ctx: click.Context, file: BinaryIO, *, explain: bool, pretty: bool, expected: BinaryIO | None
) -> None:
    """Say what becomes of Segment calls, JSON lines from FILE or standard input: a line for each.

    \b
    {"line": 1, "call": {...}}                              what Seg would be sent
    {"line": 2, "ignored": "reason"}                        nothing to do
    {"line": 3, "rejected": "reason", "detail": "..."}      what would be dead-lettered

    Beside a call, "left_out" lists what could not be read. A call that tells no time gets the
    present one, as it would get its Kafka record's. The settings' translation counts.

    \b
    seg-consumer translate events.jsonl --pretty
    seg-consumer translate events.jsonl --explain
    seg-consumer translate events.jsonl > expected.jsonl
    seg-consumer translate events.jsonl --check expected.jsonl

    Exits 1 where a call is rejected; with --check, where an answer is not as expected.
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    if expected is not None and (explain or pretty):
        raise click.UsageError("expected --check alone, got --explain or --pretty beside it")
    translate = translator_of(load_settings(ctx, NEEDS_NO_KAFKA).translation)
    if expected is not None:
        _check(expected, file, Through(translate))
        return
    through = Through(translate, round(SystemClock().wall_s() * 1000))
    show = _explained if explain else _answered
    rejected = 0
    for number, line in _counted(file):
        rejected += not show(number, line, through, pretty=pretty)
    raise SystemExit(1 if rejected else 0)


def _answered(number: int, line: bytes, through: Through, *, pretty: bool) -> bool:
    """Print what becomes of the call in *line*; return whether it is not rejected."""
    return _print(number, through(line), pretty=pretty)


def _explained(number: int, line: bytes, through: Through, *, pretty: bool) -> bool:
    """Like `_answered`, and say why: on a terminal with both calls side by side."""
    explanation = through.explain(line)
    if not sys.stdout.isatty() or pretty:
        return _print(number, told_why(explanation), pretty=pretty)
    output().print(side_by_side(number, line, explanation))
    return not isinstance(explanation.outcome, PoisonError)


def _print(number: int, answer: Object, *, pretty: bool) -> bool:
    option = orjson.OPT_INDENT_2 if pretty else None
    click.echo(orjson.dumps({"line": number, **answer}, option=option))
    return "rejected" not in answer


def _counted(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines, with progress where nothing else is printed on the terminal."""
    lines = call_lines(file)
    return lines if sys.stdout.isatty() else counted(lines, "calls")


def _check(expected: BinaryIO, file: BinaryIO, through: Through) -> None:
    """Print what is not as *expected*.

    Raises:
        ConsumerError: something is not.
    """
    got = (Answer(number, through(line)) for number, line in _counted(file))
    compared = wrong = 0
    for diff in differences(read_expected(expected), got, (expected.name, file.name)):
        compared += 1
        wrong += bool(diff)
        for line in diff:
            click.secho(line, fg=COLOURS.get(line[0]))
    if wrong:
        raise ConsumerError(f"{wrong:,} of {compared:,} answers are not as {expected.name} says")
    click.echo(f"{compared:,} answers are as {expected.name} says")
