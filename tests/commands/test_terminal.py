"""What commands show people while they work."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from consumer.commands.terminal import PROGRESS_AFTER_S, counted
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("terminal", "seconds", "shown"),
    [(True, PROGRESS_AFTER_S, True), (True, PROGRESS_AFTER_S / 2, False), (False, 60.0, False)],
)
def test_progress_is_shown_on_a_terminal_once_it_takes_long(
    seconds: float,
    *,
    terminal: bool,
    shown: bool,
) -> None:
    """From two seconds on, and nowhere else; every item is given on."""
    clock, stream = FakeClock(), StringIO()

    def items() -> Iterator[str]:
        yield "a"
        clock.advance(seconds)
        yield "b"

    console = Console(file=stream, force_terminal=terminal)
    assert [*counted(items(), "records", console, clock)] == ["a", "b"]

    assert ("2 records" in stream.getvalue()) == shown
    assert shown or not stream.getvalue()
