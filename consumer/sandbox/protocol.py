"""One connection: bytes to requests, answers to bytes, in the order of the requests.

`Reader` cuts the stream; `Connection` answers one request after the other, so that a delayed
answer holds back those to the requests that were pipelined behind it, and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from consumer.sandbox.wire import Delayed, Request, Trouble, refusal, render

if TYPE_CHECKING:
    from consumer.sandbox.wire import Answer, Handler

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""
_GARBAGE = b"\x00\xffthis is no HTTP\r\n\r\n"


class Reader:
    """Cuts a connection's bytes into requests; a body beyond *max_body_bytes* is not kept."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self.requests: deque[Request] = deque()
        self.broken = False
        """The bytes are no HTTP; what came before is still to be answered."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; `requests` and `broken` say what came of them."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.broken = True

    def on_message_begin(self) -> None:
        """Start a request; like all that follow, httptools calls this."""
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.lower()] = value

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(part)
        if self._body_bytes <= self._max_body_bytes:
            self._body.append(part)
        else:
            self._body.clear()

    def on_message_complete(self) -> None:
        """End the request."""
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            too_large=self._body_bytes > self._max_body_bytes,
            keep_alive=self._parser.should_keep_alive(),
        )
        self.requests.append(request)


class Connection(asyncio.Protocol):
    """Answers one client's requests, and applies each answer's trouble.

    A client that closes its side of the stream gets no further answer.
    """

    def __init__(
        self, handler: Handler, max_body_bytes: int, everyone: set[asyncio.Transport]
    ) -> None:
        self._handler = handler
        self._everyone = everyone
        self._reader = Reader(max_body_bytes)
        self._loop = asyncio.get_running_loop()
        self._busy = False
        """The next request waits: an answer is being sent, or never will be."""
        self._timer: asyncio.TimerHandle | None = None
        self._delayed: Delayed | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._everyone.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give up what was still to come."""
        self._everyone.discard(self._transport)
        self._busy = True
        if self._timer is not None:
            self._timer.cancel()
        if self._delayed is not None:
            self._delayed.give_up()

    def data_received(self, data: bytes) -> None:
        """Answer what has come to its end."""
        if not self._reader.broken:
            self._reader.feed(data)
            self._advance()

    def _advance(self) -> None:
        while self._reader.requests and not self._busy:
            request = self._reader.requests.popleft()
            answer = self._handler(request)
            if isinstance(answer, Delayed):
                self._busy = True
                self._delayed = answer
                self._timer = self._loop.call_later(
                    answer.delay_s, self._send_delayed, request, answer
                )
            else:
                self._send(request, answer)
        if self._reader.broken and not self._busy:
            request = Request("GET", "", {}, b"", too_large=False, keep_alive=False)
            self._send(request, refusal(400, "expected HTTP/1.1, got something else"))

    def _send_delayed(self, request: Request, delayed: Delayed) -> None:
        self._busy = False
        self._delayed = None
        self._send(request, delayed.make())
        self._advance()

    def _send(self, request: Request, answer: Answer) -> None:
        head, body = render(answer, request)
        match answer.trouble:
            case None:
                self._transport.write(head + body)
                self._finish(request)
            case Trouble.SLOW_BODY:
                self._busy = True
                self._transport.write(head)
                self._drip(request, body, answer.body_s / max(1, len(body)))
            case _:
                self._busy = True
                self._spoil(answer.trouble, head + body[: len(body) // 2])

    def _finish(self, request: Request) -> None:
        if not request.keep_alive:
            self._busy = True
            self._transport.close()

    def _drip(self, request: Request, rest: bytes, pause_s: float) -> None:
        if rest:
            self._transport.write(rest[:1])
            self._timer = self._loop.call_later(pause_s, self._drip, request, rest[1:], pause_s)
        else:
            self._busy = False
            self._finish(request)
            self._advance()

    def _spoil(self, trouble: Trouble, start: bytes) -> None:
        match trouble:
            case Trouble.RESET:
                sock: socket.socket = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self._transport.abort()
            case Trouble.HALF_CLOSE:
                self._transport.write(start)
                self._transport.write_eof()
            case Trouble.GARBAGE:
                self._transport.write(_GARBAGE)
                self._transport.close()
            case _:
                """A hang: the answer never comes."""
