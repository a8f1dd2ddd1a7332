"""What delivery needs of others, and what it tells the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from consumer.core.errors import DeadLetterReason, IgnoredReason
    from consumer.core.lanes import Task
    from consumer.seg.answers import Answer, AnswerClass


class Sender(Protocol):
    """What delivery needs of an HTTP client."""

    send_until_s: float
    """No request goes out after this time, by `Clock.boottime_s`, also one that was started."""

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""

    def send(self, token: object, body: bytes, idempotency_key: str) -> None:
        """Start a POST; its answer comes out of a later `poll` with *token*."""

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Wait up to *timeout_s* for something to happen; return the answers that are complete.

        The answer to a request that was not sent in time is `NOT_SENT` itself.
        """


class Settled(NamedTuple):
    """The calls that an answer decided, and how: dead, ignored, or (both None) delivered.

    Those that were delivered one after the other come together; the first answer speaks for all.
    """

    tasks: list[Task]
    dead: DeadLetterReason | None
    ignored: IgnoredReason | None
    detail: str
    status: int | None
    attempts: int


Answered: TypeAlias = "tuple[AnswerClass, int, float]"
"""What an answer meant, to how many calls, and after how many seconds it came."""


class Observer(Protocol):
    """Who wants to know of each answer; the metrics."""

    def answered(self, answers: list[Answered]) -> None:
        """Note the answers of one step; there may be none."""

    def retried(self, calls: int) -> None:
        """Note that *calls* calls will be tried again."""
