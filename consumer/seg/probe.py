"""Whether Seg is there and knows the key, found out by a HEAD request: it changes nothing."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.seg.answers import AnswerClass, class_of
from consumer.seg.client import head

if TYPE_CHECKING:
    from consumer.core.timing import Clock
    from consumer.seg.answers import Answer
    from consumer.seg.handles import ClientOptions

_NO_HEAD: Final = frozenset({400, 405, 411, 415, 501})
"""What a server answers that takes POST alone, or that misses the body."""


class Verdict(Enum):
    """What the answer says of endpoint and key."""

    WELCOME = auto()
    UNTOLD = auto()
    """Somebody answers, but only to calls: nothing is known of the key."""
    REFUSED = auto()
    """The key is wrong."""
    ELSEWHERE = auto()
    """The endpoint is wrong."""
    AWAY = auto()
    """Nobody answers, or only that it is out of order."""


class Probed(NamedTuple):
    """What came of it."""

    verdict: Verdict
    detail: str
    """For people: the status, or why none came."""
    clock_ahead_s: float | None
    """How far this machine's clock is ahead of Seg's; None where the answer has no date."""


def probe(options: ClientOptions, clock: Clock) -> Probed:
    """Ask Seg once, and wait for the answer at most as long as a call may take."""
    asked_s = clock.wall_s()
    answer, headers = head(options)
    answered_s = clock.wall_s()
    detail = answer.detail or f"Seg answered {answer.status}"
    ahead_s = _ahead_s((asked_s + answered_s) / 2, headers.get("date"))
    return Probed(_verdict(answer), detail, ahead_s)


def _verdict(answer: Answer) -> Verdict:
    if answer.status in _NO_HEAD:
        return Verdict.UNTOLD
    match class_of(answer):
        case AnswerClass.DELIVERED:
            return Verdict.WELCOME
        case AnswerClass.UNAUTHORISED:
            return Verdict.REFUSED
        case AnswerClass.MISROUTED:
            return Verdict.ELSEWHERE
        case AnswerClass.TRANSIENT:
            return Verdict.AWAY
        case _:
            return Verdict.UNTOLD


def _ahead_s(now_s: float, date: str | None) -> float | None:
    try:
        return None if date is None else now_s - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
