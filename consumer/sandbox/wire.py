"""HTTP as the sandbox speaks it: a request, an answer, and the answer's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import orjson

if TYPE_CHECKING:
    from consumer.core.model import Value

JSON = b"application/json"
_BODYLESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Trouble(StrEnum):
    """How an answer fails on its way."""

    RESET = "reset"
    """The connection is reset instead."""
    HANG = "hang"
    """Nothing comes, and the connection stays open."""
    HALF_CLOSE = "half_close"
    """The head and half of the body come, then the end of the stream."""
    GARBAGE = "garbage"
    """Bytes come that are no HTTP, then the connection is closed."""
    SLOW_BODY = "slow_body"
    """The head comes at once, the body byte by byte."""


class Request(NamedTuple):
    """One request, read to its end; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[bytes, bytes]
    body: bytes
    too_large: bool
    """The body went over the bound; it was thrown away, and `body` is empty."""
    keep_alive: bool


class Answer(NamedTuple):
    """One answer; with a `trouble`, one that does not get through as it is."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    trouble: Trouble | None = None
    body_s: float = 0.0
    """How long a slow body takes."""


class Delayed(NamedTuple):
    """An answer that is made after *delay_s*, if the client is still there by then."""

    delay_s: float
    make: Callable[[], Answer]
    give_up: Callable[[], None]
    """Called instead of `make` when the client has left."""


Handler: TypeAlias = Callable[[Request], Answer | Delayed]
"""Who answers the requests."""


def json_answer(value: Value, status: int = HTTPStatus.OK) -> Answer:
    """Return *value* as an answer."""
    return Answer(status, orjson.dumps(value))


def refusal(status: int, message: str) -> Answer:
    """Return an answer in the form in which a direct destination explains a refusal."""
    return json_answer({"message": message}, status)


def render(answer: Answer, request: Request) -> tuple[bytes, bytes]:
    """Return the head and the body of *answer* to *request*."""
    head = [_status_line(answer.status)]
    head += [b"%b: %b\r\n" % header for header in answer.headers]
    if not request.keep_alive:
        head.append(b"Connection: close\r\n")
    if answer.status in _BODYLESS:
        return b"".join([*head, b"\r\n"]), b""
    head.append(
        b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (answer.content_type, len(answer.body))
    )
    return b"".join(head), b"" if request.method == "HEAD" else answer.body


@cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()
