"""What an answer of Seg means; the table of the wire document, row by row.

The rule behind the table: an answer speaks either of the call (rejected), or of Seg (transient),
or of our own setting (unauthorised, misrouted). Only the first may cost an event its delivery.

Sources: Segment docs, "Building a Direct Destination" (200, 202, 400, 401, 403, 500, 501, 503);
Segment's action-destinations, `packages/core/src/errors.ts` (which statuses are retried).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

import orjson

DETAIL_CHARACTERS = 500
"""How much of Seg's own message is kept; it travels in a header and in log lines."""


class AnswerClass(StrEnum):
    """What happens to a call after its answer; the label of the attempts metric."""

    __hash__ = str.__hash__  # the label of a metric for each event: Enum's own is slow

    DELIVERED = "delivered"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"
    UNAUTHORISED = "unauthorised"
    MISROUTED = "misrouted"
    TRANSIENT = "transient"


class Cause(StrEnum):
    """Why no answer of Seg's came; of the attempts metric's second label."""

    __hash__ = str.__hash__

    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    """Nobody listens, or no way leads there."""
    TLS = "tls"
    RESET = "reset"
    """The connection broke before an answer had come."""
    PROXY = "proxy"
    """A proxy answered in Seg's place."""
    WEB_PAGE = "web_page"
    """A 2xx with a page for people: a sign-in page, or another's server."""
    OTHER = "other"


class Answer(NamedTuple):
    """What came back for one request; `status` is None where no answer came."""

    status: int | None
    detail: str
    """Seg's message or the transport's error; no part of the request."""
    retry_after_s: float | None
    seconds: float
    """From when it was sent to when its answer was taken in, our own loop's delays included."""
    cause: Cause | None = None
    """Why this is no answer of Seg's; None where it is one."""
    resent: int = 0
    """How often the client sent it again by itself, for a connection had just been closed."""


NOT_SENT = Answer(None, "not sent: its time was over before it left", None, 0.0)
"""Stands for the answer to a request of which Seg has seen nothing."""

STOOD_STILL = Answer(None, "no answer: this process stood still meanwhile", None, 0.0)
"""Stands for the answer to a request that was given up because nobody was there to take it."""

STATUSES: dict[int, AnswerClass] = {
    200: AnswerClass.DELIVERED,
    501: AnswerClass.UNSUPPORTED,
    **dict.fromkeys((401, 403, 407), AnswerClass.UNAUTHORISED),
    **dict.fromkeys((404, 405, 410), AnswerClass.MISROUTED),
    **dict.fromkeys((408, 423, 425, 429), AnswerClass.TRANSIENT),
}
"""The statuses that have a row of their own; `classify` knows the rule for the others."""

OK = 200
TOO_MANY_REQUESTS = 429
THROTTLED = frozenset({TOO_MANY_REQUESTS, 503})
"""The statuses by which a server asks for fewer requests."""

_LOOK_AT_BY_CAUSE = {
    Cause.TIMEOUT: "SEG_DELIVERY__TIMEOUT_S",
    Cause.DNS: "SEG_DELIVERY__ENDPOINT",
    Cause.REFUSED: "SEG_DELIVERY__ENDPOINT",
    Cause.TLS: "SEG_DELIVERY__CA_FILE",
    Cause.PROXY: "SEG_DELIVERY__PROXY",
}

_EMAIL = re.compile(r"[^\s\"'<>(),;:]*@[^\s\"'<>(),;]+")


def classify(status: int | None) -> AnswerClass:
    """Return the class of an answer with *status*; None is an answer that never came whole.

    An answer outside HTTP's own ranges (1xx as the last word) is no proof that the call was taken,
    and the call is not at fault: transient.
    """
    if status is None:
        return AnswerClass.TRANSIENT
    known = STATUSES.get(status)
    if known is not None:
        return known
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's ranges, RFC 9110 section 15
        return AnswerClass.DELIVERED
    if 300 <= status < 400:  # noqa: PLR2004 - likewise
        return AnswerClass.MISROUTED
    if 400 <= status < 500:  # noqa: PLR2004 - likewise
        return AnswerClass.REJECTED
    return AnswerClass.TRANSIENT


def class_of(answer: Answer) -> AnswerClass:
    """Return the class of *answer*: by its status, unless a web page came in Seg's place."""
    return AnswerClass.MISROUTED if answer.cause is Cause.WEB_PAGE else classify(answer.status)


def cause_of(answer: Answer) -> str:
    """Return what it was, more closely than its class: the attempts metric's second label."""
    if answer.cause is not None:
        return answer.cause
    status = answer.status
    if status is None:
        return Cause.OTHER
    return str(status) if status in THROTTLED else f"{status // 100}xx"


def look_at(answer: Answer) -> str | None:
    """Return the setting to look at after an answer that is no good; None where it is Seg's."""
    if answer.cause in _LOOK_AT_BY_CAUSE:
        return _LOOK_AT_BY_CAUSE[answer.cause]
    kind = class_of(answer)
    if kind is AnswerClass.UNAUTHORISED:
        return "SEG_DELIVERY__WEBSITE_ID"
    if kind is AnswerClass.MISROUTED:
        return "SEG_DELIVERY__ENDPOINT"
    return "SEG_DELIVERY__MAX_REQUESTS_PER_SECOND" if answer.status == TOO_MANY_REQUESTS else None


def is_web_page(body: bytes) -> bool:
    """Tell whether *body* begins as an HTML page, whatever its content type says."""
    begin = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
    return begin.startswith((b"<!doctype html", b"<html"))


def detail_of(status: int, body: bytes) -> str:
    """Return what to tell the operator of an answer: Seg's `message` if it sent one.

    The text is cut to `DETAIL_CHARACTERS`; control characters become spaces. A message may quote
    the event: what looks like an e-mail address is taken out.
    """
    message = _message(body)[:DETAIL_CHARACTERS]
    text = f"Seg answered {status}" + (f": {message}" if message else "")
    plain = "".join(c if c.isprintable() else " " for c in text)
    return _EMAIL.sub("<e-mail address>", plain)[:DETAIL_CHARACTERS]


def _message(body: bytes) -> str:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    message = parsed.get("message") if isinstance(parsed, dict) else None
    return message if isinstance(message, str) else ""
