"""Many HTTP requests at once on one thread, by libcurl.

TLS is verified, redirects are never followed (they would carry the key elsewhere), and no more
than `ANSWER_BYTES` of an answer are read. It speaks HTTP/1.1: HTTP/2, which libcurl would
negotiate, costs more CPU a call.

A connection leads to one server, however sick that is, and to the address that DNS had when it was
made. So it lives for `LIFETIME_S`; what failed before goes over a fresh one; and on a failure all
that are open are given up, at most every `RENEW_S`.
"""

from __future__ import annotations

import base64
import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pycurl

from consumer.seg.answers import NOT_SENT, STOOD_STILL, Answer, Cause, detail_of, is_web_page
from consumer.seg.pools import Pools

if TYPE_CHECKING:
    from consumer.core.timing import Clock
    from consumer.seg.pools import Pool

ANSWER_BYTES = 64 * 1024
"""The most of an answer that is read; Seg's own are a few dozen bytes."""
STOOD_STILL_S = 2.0
"""A client that nobody polled for so long cannot say that Seg was too slow."""
CONTINUE_ABOVE_BYTES = 500_000
"""Below the 1 MiB from which libcurl sends `Expect: 100-continue`; each header costs."""

LIFETIME_S = 300.0
"""How old a connection may be, give or take a fifth: they are not all made anew at once."""
FRESH_EVERY_S = 0.01
"""A fresh connection costs a handshake: in bad weather not every retry gets one."""
RENEW_S = 30.0

_SUCCESS = range(200, 300)
_FAILED = range(500, 600)
_REFUSED_BY_PROXY = frozenset({403, 407})
_CAUSES = {
    pycurl.E_OPERATION_TIMEDOUT: Cause.TIMEOUT,
    pycurl.E_COULDNT_RESOLVE_HOST: Cause.DNS,
    pycurl.E_COULDNT_RESOLVE_PROXY: Cause.DNS,
    pycurl.E_COULDNT_CONNECT: Cause.REFUSED,
    pycurl.E_SSL_CONNECT_ERROR: Cause.TLS,
    pycurl.E_PEER_FAILED_VERIFICATION: Cause.TLS,
    pycurl.E_SSL_CACERT_BADFILE: Cause.TLS,
    pycurl.E_SEND_ERROR: Cause.RESET,
    pycurl.E_RECV_ERROR: Cause.RESET,
    pycurl.E_GOT_NOTHING: Cause.RESET,
    pycurl.E_PARTIAL_FILE: Cause.RESET,
}
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
        self._head_bytes = _head_bytes(options)
        self._made = 0  # handles
        self._fresh_s = self._renewed_s = -RENEW_S  # when the last was; monotonic

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._busy)

    def send(
        self, token: object, body: bytes, idempotency_key: str, *, fresh: bool = False
    ) -> None:
        """Start one POST of *body*; its answer comes out of a later `poll` with *token*."""
        transfer = self._idle.pop() if self._idle else self._new()
        curl = transfer.curl
        if fresh or transfer.fresh:
            self._set_fresh(transfer, wanted=fresh)
        transfer.token = token
        curl.setopt(pycurl.POSTFIELDS, body)
        headers = [*self._headers, f"Idempotency-Key: {idempotency_key}"]
        if len(body) > CONTINUE_ABOVE_BYTES:
            headers.append("Expect:")  # no "100-continue": it would cost a round trip
        curl.setopt(pycurl.HTTPHEADER, headers)
        transfer.size_bytes = self._head_bytes + len(body)
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
                answers.append(self._released(transfer, answer, now_s))
            for curl, number, text in failed:
                transfer = self._busy.pop(curl)
                if stood_still:
                    answers.append((self._released(transfer, STOOD_STILL, 0.0)[0], STOOD_STILL))
                    continue
                seconds = now_s - transfer.sent_s
                answer = _failure(curl, transfer.body, seconds, number, text)
                answers.append(self._released(transfer, answer, now_s))

    def _withdraw_late(self) -> None:
        """Take out requests that are not sent yet and whose time is over.

        The process may have stood still since `send`, or a handshake taken long.
        """
        if self._clock.boottime_s() < self.send_until_s:
            return
        for transfer in list(self._busy.values()):
            # libcurl sets this time when a request begins to go out.
            if transfer in self._fresh or not transfer.curl.getinfo(pycurl.PRETRANSFER_TIME):
                del self._busy[transfer.curl]
                self._withdrawn.append(self._released(transfer, NOT_SENT, 0.0)[0])

    def _released(self, transfer: _Transfer, answer: Answer, now_s: float) -> tuple[object, Answer]:
        """Put *transfer* with the idle ones; return its token and what to tell of *answer*."""
        transfer.pool.remove(transfer.curl)
        if transfer.opened:
            answer = answer._replace(resent=transfer.resent())
            transfer.opened.clear()
        token, transfer.token = transfer.token, None
        transfer.body.clear()
        if transfer.pool.retired:
            transfer.curl.close()
        else:
            self._idle.append(transfer)
        if answer.detail:
            if answer.cause is not None or answer.status in _FAILED:
                self._renew(now_s)
            # Seg may quote the key, and this is told to people.
            answer = answer._replace(detail=self._key.sub("<key>", answer.detail))
        return token, answer

    def _new(self) -> _Transfer:
        return _Transfer(self._options, self._pools, self._next_lifetime_s())

    def _next_lifetime_s(self) -> float:
        """Return how old a connection may be: spread evenly, by multiples of the golden ratio."""
        self._made += 1
        return LIFETIME_S * (0.8 + 0.4 * (self._made * 0.618034 % 1.0))

    def _set_fresh(self, transfer: _Transfer, *, wanted: bool) -> None:
        """Let the next request of *transfer* go over a new connection, or over any again."""
        now_s = self._clock.monotonic_s()
        transfer.fresh = wanted and now_s - self._fresh_s >= FRESH_EVERY_S
        if transfer.fresh:
            self._fresh_s = now_s
        transfer.curl.setopt(pycurl.FRESH_CONNECT, int(transfer.fresh))

    def _renew(self, now_s: float) -> None:
        """Give up all connections as they come free: one has led to a failure."""
        if now_s - self._renewed_s < RENEW_S:
            return
        self._renewed_s = now_s
        self._pools.retire()
        for transfer in self._idle:
            transfer.curl.close()
        self._idle.clear()


class _Transfer:
    """One easy handle, kept and used again: with it stay its connection and its options."""

    __slots__ = ("body", "curl", "fresh", "opened", "pool", "sent_s", "size_bytes", "token")

    def __init__(self, options: ClientOptions, pools: Pools, lifetime_s: float) -> None:
        self.token: object = None
        self.body: list[bytes] = []
        self.sent_s = 0.0  # monotonic
        self.size_bytes = 0
        """About what the request has, head and body."""
        self.fresh = False
        """It goes over a new connection."""
        self.opened: list[int] = []
        """The connections that were made for the request under way."""
        self.curl = _handle(options, self.body)
        self.curl.setopt(pycurl.MAXLIFETIME_CONN, round(lifetime_s))
        self.pool = pools.join(self.curl, self.opened)

    def resent(self) -> int:
        """Return how often libcurl sent the request again by itself.

        It does so where a connection turns out to be closed before a byte of the answer has come.
        """
        sent_bytes = int(self.curl.getinfo(pycurl.REQUEST_SIZE))
        return max(0, round(sent_bytes / self.size_bytes) - 1)


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
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
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


def _head_bytes(options: ClientOptions) -> int:
    """Return about how long the head of a request is, bytes."""
    host_and_path = options.endpoint.partition("://")[2]
    own = ["POST  HTTP/1.1", "Host: ", "User-Agent: ", "Content-Length: 1000", "Idempotency-Key: "]
    lines = [*own, *_headers(options), "", options.user_agent, host_and_path, "-" * 36]
    return sum(len(line) + 2 for line in lines)


def _answer(curl: pycurl.Curl, body: list[bytes], seconds: float) -> Answer:
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    if status in _SUCCESS:
        if body and body[0][:1] != b"{" and is_web_page(body[0]):
            detail = f"Seg answered {status} with a web page: is the endpoint Seg's?"
            return Answer(status, detail, None, seconds, Cause.WEB_PAGE)
        return _new(Answer, (status, "", None, seconds, None, 0))
    retry_after_s = float(curl.getinfo(pycurl.RETRY_AFTER))
    detail = detail_of(status, b"".join(body)[:ANSWER_BYTES])
    return Answer(status, detail, retry_after_s or None, seconds)


def _failure(
    curl: pycurl.Curl, body: list[bytes], seconds: float, number: int, text: str
) -> Answer:
    status = int(curl.getinfo(pycurl.RESPONSE_CODE))
    if number == pycurl.E_FILESIZE_EXCEEDED or status in _SUCCESS:
        # Too much of an answer, or its body cut short: the status counts, and that had come.
        return _answer(curl, body, seconds)
    connect_status = int(curl.getinfo(pycurl.HTTP_CONNECTCODE))
    if connect_status and connect_status not in _SUCCESS:
        detail = f"the proxy answered {connect_status} to CONNECT"
        status_or_none = connect_status if connect_status in _REFUSED_BY_PROXY else None
        return Answer(status_or_none, detail, None, seconds, Cause.PROXY)
    detail = f"no answer: {text} (libcurl error {number})"
    return Answer(None, detail, None, seconds, _CAUSES.get(number, Cause.OTHER))
