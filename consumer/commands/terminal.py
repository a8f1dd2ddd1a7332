"""What commands share towards people: width, progress, and a word while they wait for input."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, TypeVar

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from consumer.avro.json_calls import numbered_lines
from consumer.core.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.core.timing import Clock

T = TypeVar("T")

ON_A_PIPE_WIDTH = 1_000
"""Nothing is cut where no terminal sets a width."""
PROGRESS_AFTER_S = 2.0
PROGRESS_EVERY_S = 0.2


def output() -> Console:
    """Return the standard output for tables."""
    return Console() if sys.stdout.isatty() else Console(width=ON_A_PIPE_WIDTH)


def call_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines of *file*; say on a terminal what is waited for.

    Raises:
        ConsumerError: *file* holds no JSON lines.
    """
    if file.isatty():
        click.echo(
            "reading Segment calls from the terminal, one JSON object a line; Ctrl-D ends", err=True
        )
    return numbered_lines(file)


def counted(
    items: Iterable[T], what: str, console: Console | None = None, clock: Clock | None = None
) -> Iterator[T]:
    """Yield *items*; on a terminal say, from `PROGRESS_AFTER_S` on, how many there were.

    *what* names them, in the plural; *console* is standard error.
    """
    console = console or Console(stderr=True)
    clock = clock or SystemClock()
    if not console.is_terminal:
        yield from items
        return
    columns = (TextColumn(f"{{task.completed:,.0f}} {what}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task("", total=None)
    due_s = clock.monotonic_s() + PROGRESS_AFTER_S
    try:
        for number, item in enumerate(items, 1):
            if (now_s := clock.monotonic_s()) >= due_s:
                due_s = now_s + PROGRESS_EVERY_S
                progress.update(task, completed=number)
                progress.start()
            yield item
    finally:
        progress.stop()
