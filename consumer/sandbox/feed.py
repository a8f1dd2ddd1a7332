"""What happened, for the page: each call with its answer in order, and the last minute in seconds.

A call that is tried three times happens three times. A program that owns what stands before the
sandbox adds what never came here: events that were ignored, and dead letters.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from consumer.core.model import Object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.core.timing import Clock

T = TypeVar("T")

KEEP_BYTES = 64 << 20
"""How much of what was sent stays in memory; a call is counted with its bytes on the wire."""
SECONDS = 60
_HTTP_REDIRECT, _HTTP_SERVER_ERROR = 300, 500


class Fate(StrEnum):
    """What became of a call."""

    ACCEPTED = "accepted"
    DOUBLE = "double"
    """Answered 200 and not accepted again."""
    REFUSED = "refused"
    """Answered, and not taken."""
    UNANSWERED = "unanswered"
    IGNORED = "ignored"
    """Never sent: the translation has nothing to send."""
    DEAD_LETTER = "dead_letter"


class Happening(NamedTuple):
    """One call and what became of it."""

    fate: Fate
    call: Object | None
    """The call to Seg; where nothing was sent, the Segment event. None where neither is known."""
    why: str | None = None
    status: int | None = None
    key: str | None = None
    """The request's `Idempotency-Key`."""
    text: str | None = None
    """The beginning of what came instead of a call."""
    taken: bool = False
    """Seg has the call, though its answer says otherwise or is lost."""


class Numbered(NamedTuple, Generic[T]):
    """Something that is kept."""

    number: int
    at_s: float
    what: T
    size_bytes: int


class Ring(Generic[T]):
    """The newest: at most *keep*, and at most `KEEP_BYTES` of them, but always one."""

    def __init__(self, keep: int, newest: int = 0) -> None:
        self._keep = keep
        self._kept: deque[Numbered[T]] = deque()
        self._bytes = 0
        self.newest = newest
        """The number of the newest; 1 for the first, with no gaps."""

    @property
    def first(self) -> int:
        """The number of the oldest that is kept; of the next one where none is."""
        return self.newest - len(self._kept) + 1

    def append(self, what: T, at_s: float, size_bytes: int) -> None:
        """Keep *what*, and let go of the oldest where it is too much."""
        self.newest += 1
        self._kept.append(Numbered(self.newest, at_s, what, size_bytes))
        self._bytes += size_bytes
        while len(self._kept) > self._keep or (self._bytes > KEEP_BYTES and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size_bytes

    def after(self, number: int, limit: int) -> Iterator[Numbered[T]]:
        """Return up to *limit* that came after *number*, oldest first."""
        start = max(0, number + 1 - self.first)
        return islice(self._kept, start, start + limit)

    def clear(self) -> None:
        """Let go of everything; the numbers go on."""
        self._kept.clear()
        self._bytes = 0


@dataclass(slots=True)
class Second:
    """How many calls were answered in one second, by class."""

    at_s: int
    ok: int = 0
    refused: int = 0
    failed: int = 0
    unanswered: int = 0


class Feed:
    """The newest *keep* happenings, and the last minute."""

    def __init__(self, keep: int, clock: Clock) -> None:
        self._clock = clock
        self._kept: Ring[Happening] = Ring(keep)
        self._seconds: deque[Second] = deque(maxlen=SECONDS)

    @property
    def newest(self) -> int:
        """The number of the newest happening; goes on through `clear`."""
        return self._kept.newest

    @property
    def first(self) -> int:
        """The number of the oldest happening that is kept."""
        return self._kept.first

    def add(self, happenings: Sequence[Happening], size_bytes: int) -> None:
        """Keep *happenings*, which came in *size_bytes* together."""
        at_s = self._clock.monotonic_s()
        for happening in happenings:
            self._kept.append(happening, at_s, size_bytes // len(happenings))
            _count(self._second(int(at_s)), happening)

    def _second(self, at_s: int) -> Second:
        if not self._seconds or self._seconds[-1].at_s != at_s:
            self._seconds.append(Second(at_s))
        return self._seconds[-1]

    def after(self, number: int, limit: int) -> Iterator[Numbered[Happening]]:
        """Return up to *limit* happenings that came after *number*, oldest first."""
        return self._kept.after(number, limit)

    def minute(self) -> list[Second]:
        """Return the seconds of the last minute in which something was answered."""
        first_s = self._clock.monotonic_s() - SECONDS
        return [second for second in self._seconds if second.at_s >= first_s]

    def clear(self) -> None:
        """Forget everything but the number."""
        self._kept.clear()
        self._seconds.clear()


def _count(second: Second, happening: Happening) -> None:
    """Count the answer in its class; what was never sent here has none."""
    fate, status = happening.fate, happening.status
    if fate is Fate.UNANSWERED:
        second.unanswered += 1
    elif status is None or fate is Fate.IGNORED or fate is Fate.DEAD_LETTER:
        return
    elif status < _HTTP_REDIRECT:
        second.ok += 1
    elif status < _HTTP_SERVER_ERROR:
        second.refused += 1
    else:
        second.failed += 1
