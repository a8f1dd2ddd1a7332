"""What was left out of a call: noted while it is translated, for people and for a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from consumer.core.model import LeftOut

if TYPE_CHECKING:
    from consumer.translate.readers import BadValueError

Notes: TypeAlias = "list[LeftOut]"
"""One list for one call; a tidy one's stays empty."""


def note(notes: Notes, key: str, source: str, error: BadValueError) -> None:
    """Note that what stood at *source* could not be read, and that *key* went without it."""
    notes.append(LeftOut(key, source, error.problem, error.reason))


def within(notes: Notes, start: int, step: str) -> None:
    """Say of the notes from *start* on that they are of values inside *step*."""
    for at in range(start, len(notes)):
        source = notes[at].source
        separator = "" if not source or source.startswith("[") else "."
        notes[at] = notes[at]._replace(source=f"{step}{separator}{source}")
