"""What the sandbox has accepted, and how often it was asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from consumer.core.model import Object
from consumer.sandbox.feed import Feed, Ring
from consumer.sandbox.journal import Journal, Line, read_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from consumer.core.timing import Clock

_SURE_KEYS = 500_000


class Accepted(NamedTuple):
    """One accepted call as it is kept in memory."""

    line: Line
    call: Object


class Summary(TypedDict):
    """The counters since the start or the last reset.

    `requests` is the sum of `by_status`, `unanswered` and `waiting`. Requests without a body
    are questions after the key and count nowhere.
    """

    requests: int
    waiting: int
    """Requests whose delayed answer is still to come."""
    accepted: int
    doubles: int
    """Calls that were answered 200 and not accepted again ..."""
    doubles_by: dict[str, int]
    """... because of the request's `idempotency_key`, or else the call's own `message_id`."""
    by_type: dict[str, int]
    """Accepted calls."""
    by_event: dict[str, int]
    """Accepted track calls."""
    by_status: dict[str, int]
    """Answered requests."""
    unanswered: dict[str, int]
    """Requests without a whole answer: by trouble, or `client_left` during a delay."""
    sequence: int
    """Of the newest accepted call; goes on through a reset."""
    now_s: float
    """The clock that calls arrive by."""


class Known:
    """The keys seen before: at least the newest *sure* ones, at most twice as many."""

    def __init__(self, sure: int = _SURE_KEYS) -> None:
        self._sure = sure
        self._young: set[str] = set()
        self._old: set[str] = set()

    def add(self, key: str) -> None:
        """Remember *key*."""
        if len(self._young) >= self._sure:
            self._old, self._young = self._young, set()
        self._young.add(key)

    def __contains__(self, key: str) -> bool:
        return key in self._young or key in self._old


class Store:
    """Accepts calls, each once, and keeps the newest *keep*; the journal keeps a line of all."""

    def __init__(
        self, keep: int, journal: Path | None, clock: Clock, arrivals: Path | None = None
    ) -> None:
        self._clock = clock
        self._kept: Ring[Accepted] = Ring(keep)
        self.feed = Feed(keep, clock)
        self._journal: Journal | None = None
        self._arrivals = None if arrivals is None else Journal(arrivals)
        self.requests = 0
        self.by_status: Counter[int] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.reset()
        if journal is not None:
            journal.touch()
            for line in read_journal(journal):
                self._kept.newest = line.sequence
                self._know(line.idempotency_key, line.message_id)
            self._journal = Journal(journal)

    def reset(self) -> None:
        """Forget everything but the journal, the sequence and the requests that wait."""
        self.requests = self._waiting()
        self.by_status.clear()
        self.unanswered.clear()
        self._kept.clear()
        self.feed.clear()
        self._known = Known()
        self._by_type: Counter[str] = Counter()
        self._by_event: Counter[str] = Counter()
        self._doubles_by: Counter[str] = Counter()

    def take(
        self, calls: Sequence[Object], idempotency_key: str | None, size_bytes: int
    ) -> list[bool]:
        """Accept those of *calls* that are new, and return which are; they came in *size_bytes*.

        Raises:
            OSError: the journal could not be written; nothing was accepted.
        """
        if self._arrivals is not None:
            self._arrivals.append(self._line(call, idempotency_key) for call in calls)
        if idempotency_key is not None and idempotency_key in self._known:
            self._doubles_by["idempotency_key"] += len(calls)
            return [False] * len(calls)
        fresh: list[Accepted] = []
        news = [True] * len(calls)
        seen: set[str] = set()
        for at, call in enumerate(calls):
            message_id = text_of(call, "messageId")
            if message_id is not None:
                if message_id in self._known or message_id in seen:
                    news[at] = False
                    continue
                seen.add(message_id)
            fresh.append(Accepted(self._line(call, idempotency_key, len(fresh) + 1), call))
        self._keep(fresh, size_bytes // len(calls))
        doubles = len(calls) - len(fresh)
        if doubles:
            self._doubles_by["message_id"] += doubles
        return news

    def _line(self, call: Object, idempotency_key: str | None, ahead: int = 0) -> Line:
        return Line(
            sequence=self._kept.newest + ahead,
            arrived_s=self._clock.monotonic_s(),
            type=str(call["type"]),
            event=text_of(call, "event") if call["type"] == "track" else None,
            message_id=text_of(call, "messageId"),
            user=user_of(call),
            idempotency_key=idempotency_key,
        )

    def _keep(self, fresh: Sequence[Accepted], size_bytes: int) -> None:
        if self._journal is not None:
            self._journal.append(accepted.line for accepted in fresh)
        for accepted in fresh:
            line = accepted.line
            self._kept.append(accepted, line.arrived_s, size_bytes)
            self._know(line.idempotency_key, line.message_id)
            self._by_type[line.type] += 1
            if line.event is not None:
                self._by_event[line.event] += 1

    def _know(self, *keys: str | None) -> None:
        for key in keys:
            if key is not None:
                self._known.add(key)

    def after(self, sequence: int, limit: int) -> list[Accepted]:
        """Return up to *limit* kept calls that came after number *sequence*, oldest first."""
        return [kept.what for kept in self._kept.after(sequence, limit)]

    def summary(self) -> Summary:
        """Return the counters."""
        return Summary(
            requests=self.requests,
            waiting=self._waiting(),
            accepted=self._by_type.total(),
            doubles=self._doubles_by.total(),
            doubles_by=dict(self._doubles_by),
            by_type=dict(self._by_type),
            by_event=dict(self._by_event),
            by_status={str(status): count for status, count in sorted(self.by_status.items())},
            unanswered=dict(self.unanswered),
            sequence=self._kept.newest,
            now_s=self._clock.monotonic_s(),
        )

    def _waiting(self) -> int:
        return self.requests - self.by_status.total() - self.unanswered.total()

    def close(self) -> None:
        """Close the journal."""
        for file in (self._journal, self._arrivals):
            if file is not None:
                file.close()


def user_of(call: Object) -> str | None:
    """Return whom *call* is about: `userId`, else `anonymousId`."""
    return text_of(call, "userId" if "userId" in call else "anonymousId")


def text_of(call: Object, key: str) -> str | None:
    """Return the text at *key*, None where there is none."""
    value = call.get(key)
    return value if isinstance(value, str) else None
