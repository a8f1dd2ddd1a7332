"""The journal: a line of JSON for each accepted call, on file before the call is answered.

A line is written before its answer is sent, so it survives a kill of either side. It is not synced
to the disk, so it may not survive the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from consumer.core.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Line(NamedTuple):
    """One accepted call."""

    sequence: int
    """1 for the first, with no gaps, also across restarts."""
    arrived_s: float
    """On the machine's monotonic clock."""
    type: str
    event: str | None
    message_id: str | None
    user: str | None
    """`userId`, else `anonymousId`."""
    idempotency_key: str | None


def read_journal(path: Path) -> Iterator[Line]:
    """Yield the lines of the file; one that is being written does not count yet.

    Raises:
        StartError: the file is no journal.
    """
    for number, text in enumerate(_whole_lines(path), start=1):
        try:
            yield Line(**orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise StartError(f"{path}, line {number}: expected a sandbox's journal") from error


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for text in file:
            if text.endswith(b"\n"):
                yield text


class Journal:
    """The journal at *path* while the sandbox runs; the file is there.

    Half a line that a crash left is cut off: its call was never answered.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._file.truncate(sum(map(len, _whole_lines(path))))

    def append(self, lines: Iterable[Line]) -> None:
        """Write *lines* and hand them to the operating system in one piece.

        Raises:
            OSError: they could not be written whole.
        """
        data = b"".join(
            orjson.dumps(line._asdict(), option=orjson.OPT_APPEND_NEWLINE) for line in lines
        )
        self._file.write(data)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
