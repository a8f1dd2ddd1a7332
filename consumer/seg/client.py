"""Many HTTP requests at once on one thread, by libcurl.

A connection leads to one server, however sick that is, and to the address that DNS had when it was
made. So it lives for `LIFETIME_S`; what failed before goes over a fresh one; and on a failure all
that are open are given up, at most every `RENEW_S`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pycurl

from consumer.seg.answers import NOT_SENT, STOOD_STILL
from consumer.seg.handles import Transfer, head_bytes_of, headers_of, key_pattern, new_handle
from consumer.seg.pools import Pools
from consumer.seg.replies import answer_of, failure_of

if TYPE_CHECKING:
    from consumer.core.timing import Clock
    from consumer.seg.answers import Answer
    from consumer.seg.handles import ClientOptions
    from consumer.seg.pools import Pool

STOOD_STILL_S = 2.0
"""A client that nobody polled for so long cannot say that Seg was too slow."""
CONTINUE_ABOVE_BYTES = 500_000
"""Below the 1 MiB from which libcurl sends `Expect: 100-continue`; each header costs."""

LIFETIME_S = 300.0
"""How old a connection may be, give or take a fifth: they are not all made anew at once."""
FRESH_EVERY_S = 0.01
"""A fresh connection costs a handshake: in bad weather not every retry gets one."""
RENEW_S = 30.0

_FAILED = range(500, 600)


class Client:
    """Sends bodies to the endpoint; each belongs to a token that its answer comes back with."""

    def __init__(self, options: ClientOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._pools = Pools(clock)
        self._idle: list[Transfer] = []
        self._busy: dict[pycurl.Curl, Transfer] = {}
        self._fresh: set[Transfer] = set()  # libcurl has not looked at them yet
        self._withdrawn: list[object] = []  # the tokens of those that did not leave in time
        self._headers = headers_of(options)
        self._key = key_pattern(options)
        self._polled_s = clock.monotonic_s()
        self.send_until_s = inf
        """No request goes out after this time, by `Clock.boottime_s`, also one that was started."""
        self._head_bytes = head_bytes_of(options)
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
        turned = self._pools.wait(timeout_s, self._withdraw_late)
        answers = [(token, NOT_SENT) for token in self._withdrawn]
        self._withdrawn.clear()
        now_s = self._polled_s = self._clock.monotonic_s()
        for pool in turned:
            if pool.busy:
                self._complete(pool, answers, now_s, stood_still=stood_still)
        return answers

    def set_website_id(self, website_id: str) -> None:
        """Use another key from the next request on."""
        self._options = self._options._replace(website_id=website_id)
        self._headers = headers_of(self._options)
        self._key = key_pattern(self._options)

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
                answer = answer_of(curl, transfer.body, now_s - transfer.sent_s)
                answers.append(self._released(transfer, answer, now_s))
            for curl, number, text in failed:
                transfer = self._busy.pop(curl)
                if stood_still:
                    answers.append((self._released(transfer, STOOD_STILL, 0.0)[0], STOOD_STILL))
                    continue
                seconds = now_s - transfer.sent_s
                answer = failure_of(curl, transfer.body, seconds, number, text)
                answers.append(self._released(transfer, answer, now_s))

    def _withdraw_late(self) -> None:
        """Take out requests that are not sent yet and whose time is over.

        The process may have stood still since `send`, or a handshake taken long.
        """
        if self._clock.boottime_s() >= self.send_until_s:
            for transfer in list(self._busy.values()):
                # libcurl sets this time when a request begins to go out.
                if transfer in self._fresh or not transfer.curl.getinfo(pycurl.PRETRANSFER_TIME):
                    del self._busy[transfer.curl]
                    self._withdrawn.append(self._released(transfer, NOT_SENT, 0.0)[0])
        self._fresh.clear()  # libcurl looks at them next

    def _released(self, transfer: Transfer, answer: Answer, now_s: float) -> tuple[object, Answer]:
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

    def _new(self) -> Transfer:
        return Transfer(self._options, self._pools, self._next_lifetime_s())

    def _next_lifetime_s(self) -> float:
        """Return how old a connection may be: spread evenly, by multiples of the golden ratio."""
        self._made += 1
        return LIFETIME_S * (0.8 + 0.4 * (self._made * 0.618034 % 1.0))

    def _set_fresh(self, transfer: Transfer, *, wanted: bool) -> None:
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


def head(options: ClientOptions) -> tuple[Answer, dict[str, str]]:
    """Ask for the endpoint without a call, and wait: the answer and its headers, in lower case."""
    lines: list[bytes] = []
    body: list[bytes] = []
    curl = new_handle(options, body)
    curl.setopt(pycurl.NOBODY, 1)
    curl.setopt(pycurl.HTTPHEADER, headers_of(options))
    curl.setopt(pycurl.HEADERFUNCTION, lines.append)
    try:
        curl.perform()
        answer = answer_of(curl, body, curl.getinfo(pycurl.TOTAL_TIME))
    except pycurl.error as error:
        answer = failure_of(curl, body, curl.getinfo(pycurl.TOTAL_TIME), *error.args)
    finally:
        curl.close()
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return answer, {name.lower(): value.strip() for name, colon, value in pairs if colon}
