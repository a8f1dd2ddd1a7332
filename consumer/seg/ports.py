"""What delivery needs of others, and what it tells the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.core.lanes import Task

if TYPE_CHECKING:
    from consumer.seg.answers import Answer


class Sender(Protocol):
    """What delivery needs of an HTTP client."""

    send_until_s: float
    """No request goes out after this time, by `Clock.boottime_s`, also one that was started."""

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""

    def send(
        self, token: object, body: bytes, idempotency_key: str, *, fresh: bool = False
    ) -> None:
        """Start a POST; its answer comes out of a later `poll` with *token*.

        A *fresh* one goes over a new connection: the last may lead to a sick server.
        """

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Wait up to *timeout_s* for something to happen; return the answers that are complete.

        The answer to a request that was not sent in time is `NOT_SENT` itself.
        """


class Delivered(NamedTuple):
    """Seg took these calls; those of one step come together."""

    tasks: list[Task]


class Ignored(NamedTuple):
    """Seg has nothing to do with this call."""

    task: Task
    reason: IgnoredReason


class Dead(NamedTuple):
    """This call is at fault: it can never be delivered."""

    task: Task
    reason: DeadLetterReason
    detail: str
    """Seg's words, or what became of the last attempt."""
    status: int | None
    attempts: int


class Again(NamedTuple):
    """Nobody is at fault yet: the request goes again."""

    due_s: float | None
    """When, monotonic; None for at once: it was halved, or is put to the proof."""


Settled: TypeAlias = "Delivered | Ignored | Dead"
"""How calls leave."""

Answered: TypeAlias = "tuple[tuple[str, str], int, float]"
"""What a request met (class and cause), how many calls it had, and after how many seconds."""


class Failure(NamedTuple):
    """The last request that Seg did not take or judge, for people."""

    cause: str
    detail: str
    look_at: str | None
    """The setting that is most likely at fault; None where it is Seg."""
    at_s: float
    """Monotonic."""
    next_try_s: float | None
    """Likewise; None where none will go by itself."""


class Observer(Protocol):
    """Who wants to know of each answer; the metrics."""

    def answered(self, answers: list[Answered]) -> None:
        """Note the answers of one step; there may be none."""

    def retried(self, calls: int) -> None:
        """Note that *calls* calls will be tried again."""

    def resent(self, times: int) -> None:
        """Note requests that the client sent again by itself: each is an attempt more."""
