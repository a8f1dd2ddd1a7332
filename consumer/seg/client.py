"""Many HTTP requests at once on one thread, by libcurl.

TLS is verified, redirects are never followed (they would carry the key elsewhere), and no more
than `ANSWER_BYTES` of an answer are read.
"""

from __future__ import annotations

import base64
import re
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import pycurl

from consumer.seg.answers import NOT_SENT, STOOD_STILL, Answer, detail_of
from consumer.seg.pools import Pools

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.core.timing import Clock
    from consumer.seg.pools import Pool

ANSWER_BYTES = 64 * 1024
"""The most of an answer that is read; Seg's own are a few dozen bytes."""
STOOD_STILL_S = 2.0
"""A client that nobody polled for so long cannot say that Seg was too slow."""
CONTINUE_ABOVE_BYTES = 500_000
"""Well below the size from which libcurl asks before it sends a body, 1 MiB. Each header costs."""

_SUCCESS = range(200, 300)
_new = tuple.__new__  # half the time of a named tuple's own, and one is made for each request


class ClientOptions(NamedTuple):
    """Where the requests go and how long they may take."""

    endpoint: str
    website_id: str
    user_agent: str
    connect_timeout_s: float
    timeout_s: float
    ca_file: Path | None
    proxy: str | None
    """None leaves it to the environment (https_proxy, all_proxy, no_proxy)."""
    direct: bool
    """Ignore the proxies of the environment: the endpoint is on this machine."""


class Client:
    """Sends bodies to the endpoint; each belongs to a token that its answer comes back with."""

    def __init__(self, options: ClientOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._pools = Pools(clock)
        self._idle: list[_Transfer] = []
        self._busy: dict[pycurl.Curl, _Transfer] = {}
        self._fresh: set[_Transfer] = set()  # libcurl has not looked at them yet
        self._withdrawn: list[object] = []  # the tokens of those that did not leave in time
        self._headers = _headers(options)
        self._key = _key_pattern(options)
        self._polled_s = clock.monotonic_s()
        self.send_until_s = inf
        """No request goes out after this time, by `Clock.boottime_s`, also one that was started."""

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._busy)

    def send(self, token: object, body: bytes, idempotency_key: str) -> None:
        """Start one POST of *body*; its answer comes out of a later `poll` with *token*."""
        transfer = self._idle.pop() if self._idle else _Transfer(self._options, self._pools)
        curl = transfer.curl
        transfer.token = token
        curl.setopt(pycurl.POSTFIELDS, body)
        headers = [*self._headers, f"Idempotency-Key: {idempotency_key}"]
        if len(body) > CONTINUE_ABOVE_BYTES:
            headers.append("Expect:")  # no "100-continue": it would cost a round trip
        curl.setopt(pycurl.HTTPHEADER, headers)
        self._busy[curl] = transfer
        self._fresh.add(transfer)
        transfer.sent_s = self._clock.monotonic_s()
        transfer.pool.add(curl, len(body))

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Wait up to *timeout_s* for something to happen; return the answers that are complete."""
        stood_still = self._clock.monotonic_s() - self._polled_s >= STOOD_STILL_S
        self._pools.wait(timeout_s, self._withdraw_late)
        self._fresh.clear()
        answers = [(token, NOT_SENT) for token in self._withdrawn]
        self._withdrawn.clear()
        now_s = self._polled_s = self._clock.monotonic_s()
        for pool in self._pools:
            if pool.busy:
                self._complete(pool, answers, now_s, stood_still=stood_still)
        return answers

    def set_website_id(self, website_id: str) -> None:
        """Use another key from the next request on."""
        self._options = self._options._replace(website_id=website_id)
        self._headers = _headers(self._options)
        self._key = _key_pattern(self._options)

    def close(self) -> None:
        """Break off what is under way and free the sockets."""
        for curl, transfer in self._busy.items():
            transfer.pool.remove(curl)
            curl.close()
        self._busy.clear()
        for transfer in self._idle:
            transfer.curl.close()
        self._idle.clear()
        self._pools.close()

    def _complete(
        self, pool: Pool, answers: list[tuple[object, Answer]], now_s: float, *, stood_still: bool
    ) -> None:
        """Take the answers that are complete out of *pool*."""
        more = 1
        while more:
            more, succeeded, failed = pool.multi.info_read(pool.busy)
            for curl in succeeded:
                transfer = self._busy.pop(curl)
                answer = _answer(curl, transfer.body, now_s - transfer.sent_s)
                answers.append(self._released(transfer, answer))
            for curl, number, text in failed:
                transfer = self._busy.pop(curl)
                if stood_still:
                    answers.append((self._released(transfer, STOOD_STILL)[0], STOOD_STILL))
                    continue
                seconds = now_s - transfer.sent_s
                answer = _failure(curl, transfer.body, seconds, number, text)
                answers.append(self._released(transfer, answer))

    def _withdraw_late(self) -> None:
        """Take out what has not left, when its time is over: before libcurl gets to send it.

        Between `send` and this the process may have stood still, or a handshake taken long.
        """
        if self._clock.boottime_s() < self.send_until_s:
            return
        for transfer in list(self._busy.values()):
            # libcurl sets this time when a request begins to go out.
            if transfer in self._fresh or not transfer.curl.getinfo(pycurl.PRETRANSFER_TIME):
                del self._busy[transfer.curl]
                self._withdrawn.append(self._released(transfer, NOT_SENT)[0])

    def _released(self, transfer: _Transfer, answer: Answer) -> tuple[object, Answer]:
        """Put *transfer* with the idle ones; return its token and what to tell of *answer*."""
        transfer.pool.remove(transfer.curl)
        token, transfer.token = transfer.token, None
        transfer.body.clear()
        self._idle.append(transfer)
        if answer.detail:  # Seg may quote the key, and this is told to people
            answer = answer._replace(detail=self._key.sub("<key>", answer.detail))
        return token, answer


class _Transfer:
    """One easy handle, kept and used again: with it stay its connection and its options."""

    __slots__ = ("body", "curl", "pool", "sent_s", "token")

    def __init__(self, options: ClientOptions, pools: Pools) -> None:
        self.token: object = None
        self.body: list[bytes] = []
        self.sent_s = 0.0  # monotonic
        self.curl = _handle(options, self.body)
        self.pool = pools.join(self.curl)


def _handle(options: ClientOptions, body: list[bytes]) -> pycurl.Curl:
    """Return an easy handle set up for POSTs; the answer's own body is added to *body*."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, options.endpoint)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.USERAGENT, options.user_agent)
    curl.setopt(pycurl.WRITEFUNCTION, body.append)
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
    if options.proxy is not None:
        curl.setopt(pycurl.PROXY, options.proxy)
    if options.direct:
        curl.setopt(pycurl.NOPROXY, "*")
    return curl


def head(options: ClientOptions) -> tuple[Answer, dict[str, str]]:
    """Ask for the endpoint without a call, and wait: the answer and its headers, in lower case."""
    lines: list[bytes] = []
    body: list[bytes] = []
    curl = _handle(options, body)
    curl.setopt(pycurl.NOBODY, 1)
    curl.setopt(pycurl.HTTPHEADER, _headers(options))
    curl.setopt(pycurl.HEADERFUNCTION, lines.append)
    try:
        curl.perform()
        answer = _answer(curl, body, curl.getinfo(pycurl.TOTAL_TIME))
    except pycurl.error as error:
        answer = _failure(curl, body, curl.getinfo(pycurl.TOTAL_TIME), *error.args)
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
    ]


def _answer(curl: pycurl.Curl, body: list[bytes], seconds: float) -> Answer:
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    if status in _SUCCESS:
        return _new(Answer, (status, "", None, seconds))
    retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER))
    detail = detail_of(status, b"".join(body)[:ANSWER_BYTES])
    return Answer(status, detail, retry_after_s or None, seconds)


def _failure(
    curl: pycurl.Curl, body: list[bytes], seconds: float, number: int, text: str
) -> Answer:
    if number == pycurl.E_FILESIZE_EXCEEDED:
        return _answer(curl, body, seconds)  # too much of one is still an answer: its status counts
    return Answer(None, f"no answer: {text} (libcurl error {number})", None, seconds)
