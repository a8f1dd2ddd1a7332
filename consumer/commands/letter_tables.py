"""Dead letters as tables: how many, why and since when; then the letters, names never cut."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from consumer.core.model import Object
    from consumer.kafka.dead_letter_reader import Letter

COLUMNS = ("letter", "from", "died", "reason", "detail", "replays")
ONE_LINE_WIDTH = 140
"""On a narrower terminal a letter takes two lines."""


class Summary:
    """Letters, counted by topic and reason."""

    def __init__(self) -> None:
        self.total = 0
        self._groups: Counter[tuple[str, str]] = Counter()
        self._times: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, letter: Letter) -> None:
        """Count *letter*."""
        group = (letter.record.partition.topic, letter.reason or "unknown")
        died_ms = letter.record.timestamp_ms
        self.total += 1
        self._groups[group] += 1
        if died_ms is not None:
            oldest_ms, newest_ms = self._times.get(group, (died_ms, died_ms))
            self._times[group] = min(oldest_ms, died_ms), max(newest_ms, died_ms)

    def rows(self) -> Iterator[Group]:
        """Yield a row for each topic and reason, the most letters first."""
        for (topic, reason), letters in self._groups.most_common():
            oldest_ms, newest_ms = self._times.get((topic, reason), (None, None))
            yield Group(topic, reason, letters, time_text(oldest_ms), time_text(newest_ms))


class Group(NamedTuple):
    """The letters of one topic with one reason."""

    topic: str
    reason: str
    letters: int
    oldest: str | None
    newest: str | None


def summary_table(summary: Summary) -> Table:
    """Return the groups of *summary*."""
    table = Table("topic", "reason", box=None, header_style="dim", padding=(0, 2))
    table.add_column("letters", justify="right")
    table.add_column("oldest")
    table.add_column("newest")
    for row in summary.rows():
        table.add_row(*(str(cell) if cell is not None else "" for cell in row))
    return table


def letter_lines(letters: Iterable[Letter], width: int) -> RenderableType:
    """Return *letters*: a line each, or two where *width*, in columns, is too small for one."""
    rows = [[_cell(facts_of(letter)[name]) for name in COLUMNS] for letter in letters]
    if width >= ONE_LINE_WIDTH:
        table = Table(*COLUMNS, box=None, header_style="dim", padding=(0, 2))
        for column in table.columns:
            column.overflow = "fold"
        for row in rows:
            table.add_row(*row)
        return table
    text = Text()
    for letter, source, died, reason, detail, replays in rows:
        text.append(f"{letter}  from {source}  {died}\n", "bold")
        text.append(f"    {reason}: {detail}  (replays: {replays})\n")
    return text


def facts_of(letter: Letter) -> Object:
    """Return what is known of *letter*, without anything of its event."""
    record = letter.record
    source = letter.source
    return {
        "letter": f"{record.partition.topic}/{record.partition.number}/{record.offset}",
        "from": None
        if source is None
        else f"{source.topic}/{source.number}/{letter.source_offset}",
        "died": time_text(record.timestamp_ms),
        "appended": time_text(letter.timestamp_ms),
        "reason": letter.reason,
        "detail": letter.detail,
        "status": letter.status,
        "attempts": letter.attempts,
        "replays": letter.replays,
        "bytes": None if record.value is None else len(record.value),
        "truncated_from": letter.truncated_from,
    }


def time_text(ms: int | None) -> str | None:
    """Return *ms*, milliseconds since the epoch, as ISO 8601 in UTC."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _cell(value: object) -> str:
    return "" if value is None else str(value)
