"""Many HTTP requests at once on one thread: libcurl's multi interface over epoll.

The only module that knows the HTTP client. libcurl tells which sockets and which timer it waits
for; `poll` waits for them and gives back the answers that are complete. `curl_multi_perform` and
`select` would look at every transfer on each turn, and `select` ends at file descriptor 1,023.

TLS is verified, redirects are never followed (they would carry the key elsewhere), and no more
than `ANSWER_BYTES` of an answer are read.
"""

from __future__ import annotations

import base64
import re
import select
from typing import TYPE_CHECKING, NamedTuple

import pycurl

from consumer.seg.answers import Answer, detail_of

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.timing import Clock

ANSWER_BYTES = 64 * 1024
"""The most of an answer that is read; Seg's own are a few dozen bytes."""

_SUCCESS = range(200, 300)


class ClientOptions(NamedTuple):
    """Where the requests go and how long they may take."""

    endpoint: str
    website_id: str
    user_agent: str
    connect_timeout_s: float
    timeout_s: float
    max_in_flight: int
    ca_file: Path | None
    direct: bool
    """Ignore the proxies of the environment: the endpoint is on this machine."""


class Client:
    """Sends bodies to the endpoint; each belongs to a token that its answer comes back with."""

    def __init__(self, options: ClientOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._epoll = select.epoll()
        self._watched: set[int] = set()
        self._timer_at_s: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, options.max_in_flight)
        self._idle: list[_Transfer] = []
        self._busy: dict[pycurl.Curl, _Transfer] = {}
        self._headers = _headers(options)
        self._key = _key_pattern(options)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._busy)

    def send(self, token: object, body: bytes, idempotency_key: str) -> None:
        """Start one POST of *body*; its answer comes out of a later `poll` with *token*."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._options)
        curl = transfer.curl
        transfer.token = token
        transfer.answer.clear()
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.HTTPHEADER, [*self._headers, f"Idempotency-Key: {idempotency_key}"])
        self._busy[curl] = transfer
        self._multi.add_handle(curl)

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Wait up to *timeout_s* for something to happen; return the answers that are complete."""
        wait_s = timeout_s
        if self._timer_at_s is not None:
            wait_s = min(wait_s, max(0.0, self._timer_at_s - self._clock.monotonic_s()))
        for fd, happened in self._epoll.poll(wait_s):
            flags = pycurl.CSELECT_IN if happened & select.EPOLLIN else 0
            if happened & select.EPOLLOUT:
                flags |= pycurl.CSELECT_OUT
            if happened & (select.EPOLLERR | select.EPOLLHUP):
                flags |= pycurl.CSELECT_ERR
            self._multi.socket_action(fd, flags)
        if self._timer_at_s is not None and self._clock.monotonic_s() >= self._timer_at_s:
            self._timer_at_s = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return self._completed() if self._busy else []

    def set_website_id(self, website_id: str) -> None:
        """Use another key from the next request on."""
        self._options = self._options._replace(website_id=website_id)
        self._headers = _headers(self._options)
        self._key = _key_pattern(self._options)

    def close(self) -> None:
        """Break off what is under way and free the sockets."""
        for curl in self._busy:
            self._multi.remove_handle(curl)
            curl.close()
        self._busy.clear()
        for transfer in self._idle:
            transfer.curl.close()
        self._idle.clear()
        self._multi.close()
        self._epoll.close()

    def _completed(self) -> list[tuple[object, Answer]]:
        answers: list[tuple[object, Answer]] = []
        more = 1
        while more:
            more, succeeded, failed = self._multi.info_read(len(self._busy))
            for curl in succeeded:
                transfer = self._busy[curl]
                answers.append((self._release(transfer), self._without_key(_answer(transfer))))
            for curl, number, text in failed:
                transfer = self._busy[curl]
                answer = self._without_key(_failure(transfer, number, text))
                answers.append((self._release(transfer), answer))
        return answers

    def _without_key(self, answer: Answer) -> Answer:
        """Take the key out of what is told to people, should Seg quote it."""
        if not answer.detail:
            return answer
        return answer._replace(detail=self._key.sub("<key>", answer.detail))

    def _release(self, transfer: _Transfer) -> object:
        self._multi.remove_handle(transfer.curl)
        del self._busy[transfer.curl]
        self._idle.append(transfer)
        token, transfer.token = transfer.token, None
        return token

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            if fd in self._watched:
                self._watched.discard(fd)
                self._epoll.unregister(fd)
            return
        mask = select.EPOLLIN if what & pycurl.POLL_IN else 0
        if what & pycurl.POLL_OUT:
            mask |= select.EPOLLOUT
        if fd in self._watched:
            self._epoll.modify(fd, mask)
        else:
            self._watched.add(fd)
            self._epoll.register(fd, mask)

    def _on_timer(self, timeout_ms: int) -> None:
        # libcurl's -1 takes the timer away.
        due = timeout_ms >= 0
        self._timer_at_s = self._clock.monotonic_s() + timeout_ms / 1000 if due else None


class _Transfer:
    """One easy handle, kept and used again: with it stay its connection and its options."""

    __slots__ = ("answer", "curl", "token")

    def __init__(self, options: ClientOptions) -> None:
        self.token: object = None
        self.answer: list[bytes] = []
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.URL, options.endpoint)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.WRITEFUNCTION, self.answer.append)
        curl.setopt(pycurl.MAXFILESIZE, ANSWER_BYTES)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(options.connect_timeout_s * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, round(options.timeout_s * 1000))
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        if options.ca_file is not None:
            curl.setopt(pycurl.CAINFO, str(options.ca_file))
        if options.direct:
            curl.setopt(pycurl.NOPROXY, "*")


def head(options: ClientOptions) -> tuple[Answer, dict[str, str]]:
    """Ask for the endpoint without a call, and wait: the answer and its headers, in lower case."""
    lines: list[bytes] = []
    transfer = _Transfer(options)
    curl = transfer.curl
    curl.setopt(pycurl.NOBODY, 1)
    curl.setopt(pycurl.HTTPHEADER, _headers(options))
    curl.setopt(pycurl.HEADERFUNCTION, lines.append)
    try:
        curl.perform()
        answer = _answer(transfer)
    except pycurl.error as error:
        answer = _failure(transfer, *error.args)
    finally:
        curl.close()
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return answer, {name.lower(): value.strip() for name, colon, value in pairs if colon}


def _encoded_key(options: ClientOptions) -> str:
    # The key is the user name, the password is empty and the colon always there:
    # Segment docs, "Building a Direct Destination".
    return base64.b64encode(f"{options.website_id}:".encode()).decode("ascii")


def _key_pattern(options: ClientOptions) -> re.Pattern[str]:
    keys = (options.website_id.strip("{}"), _encoded_key(options).rstrip("="))
    return re.compile("|".join(map(re.escape, keys)), re.IGNORECASE)


def _headers(options: ClientOptions) -> list[str]:
    return [
        "Content-Type: application/json",
        "Accept: application/json",
        f"Authorization: Basic {_encoded_key(options)}",
        f"User-Agent: {options.user_agent}",
        "Expect:",  # no "100-continue": it would cost a round trip
    ]


def _answer(transfer: _Transfer) -> Answer:
    curl = transfer.curl
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    seconds = float(curl.getinfo(pycurl.TOTAL_TIME))
    if status in _SUCCESS:
        return Answer(status, "", None, seconds)
    retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER))
    detail = detail_of(status, b"".join(transfer.answer)[:ANSWER_BYTES])
    return Answer(status, detail, retry_after_s or None, seconds)


def _failure(transfer: _Transfer, number: int, text: str) -> Answer:
    if number == pycurl.E_FILESIZE_EXCEEDED:
        return _answer(transfer)  # too much of an answer is still an answer: its status counts
    seconds = float(transfer.curl.getinfo(pycurl.TOTAL_TIME))
    return Answer(None, f"no answer: {text} (libcurl error {number})", None, seconds)
