"""Who runs where: a contender alone on one core, and all else on the others."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def split() -> tuple[set[int], set[int]]:
    """Return the core of a contender, and the others; the same one where there is no other."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


@contextmanager
def only(cores: set[int], pids: Collection[int] = ()) -> Iterator[None]:
    """Let *pids*, and what this thread starts meanwhile, run on *cores* only."""
    threads = [0, *(int(it.name) for pid in pids for it in Path(f"/proc/{pid}/task").iterdir())]
    before = [(thread, os.sched_getaffinity(thread)) for thread in threads]
    _set([(thread, cores) for thread in threads])
    try:
        yield
    finally:
        _set(before)


def _set(affinities: list[tuple[int, set[int]]]) -> None:
    for thread, cores in affinities:
        try:
            os.sched_setaffinity(thread, cores)
        except ProcessLookupError:
            continue  # it has ended meanwhile
