"""What the outside of a member may do, one thing at a time; and the sizes that the model uses.

The outside is as bad as the real one: commits that are refused, applied without an answer, or
answered long after; requests that Seg takes although the client hears of a time-out; letters that
are written but not acknowledged; a process that dies between any two of these.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from consumer.flow.backpressure import Bounds
from consumer.seg.retry import RetryPolicy
from tests.model.truth import Epoch, Ordering, Place

AnswerKind: TypeAlias = Literal[
    "takes",  # as the call deserves: 200, 400, 501, or 500 if it breaks Seg
    "throttled",  # 429 with Retry-After
    "error",  # 500
    "away",  # 503
    "uneven",  # one of two backends is away, the other takes
    "reset",  # no answer, not taken
    "ambiguous",  # no answer, but taken
    "late",  # no answer now, and Seg may take it at any later time
    "rejects",  # 400, whatever the call is
    "unauthorised",
    "misrouted",
    "silent",  # nothing yet
]
CommitKind: TypeAlias = Literal["taken", "refused", "unanswered", "vanished", "slow"]
CrashPoint: TypeAlias = Literal[
    "polled", "decoded", "handed", "sent", "answered", "letter_put", "letter_written", "commit_sent"
]

BOUNDS = Bounds(records=12, window=16, lane=4, kept_bytes=300)
EVENT_BYTES = 80  # of a record and its call, at the most
POLL_MAX = 5
GAP_MAX = 3
POLICY = RetryPolicy(base_s=0.5, max_s=4.0, budget_s=20.0, max_attempts=3, retry_after_max_s=5.0)
TIMEOUT_S = 30.0
DRAIN_S = 2.0
LEASE_S = 4.0
SLEEP_S = 3 * LEASE_S  # the session


class CrashedError(BaseException):
    """The process is gone: nothing of it runs any more, and nobody catches that."""


class Request(NamedTuple):
    """One POST under way."""

    token: object
    places: tuple[Place, ...]
    epochs: tuple[Epoch, ...]
    sent_s: float
    proves: bool
    """It went ahead of a call that fails."""

    @property
    def counted(self) -> tuple[Place, ...]:
        """Its calls, but for those of a log that their member does not know yet."""
        both = zip(self.places, self.epochs, strict=True)
        return tuple(place for place, epoch in both if place.log == epoch.log)


class Config(NamedTuple):
    """How the members of a group are set up."""

    ordering: Ordering
    batch: bool
    partitions: int
