"""The sink counts what it took, is late or away when told to, and tells how old calls are."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pycurl
import pytest

from benchmarks.sink import SinkProcess, Tls
from consumer.core.timing import SystemClock
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOCK = SystemClock()


def post(url: str, body: bytes = b"{}") -> int:
    """POST *body*, and return the status."""
    request = urllib.request.Request(url, data=body)  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            status: int = answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return status


@pytest.fixture
def sink() -> Iterator[SinkProcess]:
    """Give a sink that answers at once and tells ages."""
    with SinkProcess(trace=True) as running:
        yield running


def test_requests_are_counted_and_questions_are_not(sink: SinkProcess) -> None:
    """A POST counts, the GET that asks does not."""
    assert [post(sink.url), post(sink.url), sink.counts()["requests"]] == [200, 200, 2]
    assert sink.counts()["requests"] == 2


def test_age_of_each_call_is_told_once(sink: SinkProcess) -> None:
    """Every marked call of an array has its age, until it is asked for."""
    born = time.monotonic_ns() - 50_000_000
    post(sink.url, b'[{"messageId":"m-%d"},{"messageId": "m-%d"},{"a":1}]' % (born, born))

    ages_ms = sink.counts()["ages_ms"]

    assert len(ages_ms) == 2
    assert all(50 <= age_ms < 1_000 for age_ms in ages_ms)
    assert sink.counts()["ages_ms"] == []


def test_slow_sink_answers_late() -> None:
    """Latency is added to every answer."""
    with SinkProcess(latency_ms=100) as sink:
        start_s = CLOCK.monotonic_s()
        post(sink.url)

        assert CLOCK.monotonic_s() - start_s >= 0.1


def test_sink_is_away_for_a_while_from_the_first_request_on() -> None:
    """What is refused in an outage does not count as taken."""
    with SinkProcess(outage_s=0.3) as sink:
        start_s = CLOCK.monotonic_s()
        assert post(sink.url) == 503
        while post(sink.url) == 503:
            pass

        assert CLOCK.monotonic_s() - start_s >= 0.3
        assert sink.counts()["requests"] == 1


def test_numbered_calls_are_held_against_those_before() -> None:
    """User 1's second call comes twice, and the first one late."""
    with SinkProcess(users=2) as sink:
        post(sink.url, b'[{"messageId":"m-1-2-7"},{"messageId":"m-0-1-7"}]')
        post(sink.url, b'{"messageId":"m-1-1-7"}')
        post(sink.url, b'{"messageId":"m-1-2-7"}')
        counts = sink.counts()

    assert (counts["arrived"], counts["out_of_order"], counts["doubles"]) == (3, 1, 1)
    assert counts["of_first_user"] == 1
    assert counts["first_user_s"] == counts["first_s"]


def test_sink_comes_back_when_it_is_told_to() -> None:
    """An outage lasts as long as there is something to do meanwhile."""
    with SinkProcess(outage_s=3_600) as sink:
        assert post(sink.url) == 503
        sink.come_back()

        assert post(sink.url) == 200


def test_digest_is_of_the_calls_whatever_their_order_and_arrays() -> None:
    """An array or two calls, the other one first: the same; another value: another digest."""
    digests = []
    for bodies in ([b'[{"a":1},{"b":2}]'], [b'{"b":2}', b'{"a":1}'], [b'{"b":2}', b'{"a":2}']):
        with SinkProcess(digest=True) as sink:
            for body in bodies:
                post(sink.url, body)
            digests.append(sink.counts()["digest"])

    assert digests[0] == digests[1] != digests[2]
    assert 0 not in digests


def test_connections_are_resumed_and_closed_over_tls(tmp_path: Path) -> None:
    """Each lasts for two requests; the others go on with the session of the first."""
    authority = Authority(tmp_path / "authority")
    tls = Tls(authority.issue("sink").together(), authority.certificate)
    with SinkProcess(tls=tls, requests=2) as sink:
        client = CurlPost(sink.url, tls.authority)
        connections = [client.post() for _ in range(6)]
        counts = sink.counts()

    assert connections == [1, 0, 1, 0, 1, 0]
    assert (counts["requests"], counts["connections"], counts["resumed"]) == (6, 3, 2)


def test_connection_without_tls_is_never_resumed(sink: SinkProcess) -> None:
    """It is counted with its first call, and by nothing else."""
    post(sink.url)

    counts = sink.counts()

    assert (counts["connections"], counts["resumed"]) == (1, 0)


class CurlPost:
    """POSTs one after the other, and keeps its connection while it may."""

    def __init__(self, url: str, authority: Path) -> None:
        self._curl = pycurl.Curl()
        self._curl.setopt(pycurl.URL, url)
        self._curl.setopt(pycurl.CAINFO, str(authority))
        self._curl.setopt(pycurl.POSTFIELDS, b"{}")
        self._curl.setopt(pycurl.WRITEFUNCTION, len)

    def post(self) -> int:
        """POST; return how many connections were made for it."""
        self._curl.perform()
        return int(self._curl.getinfo(pycurl.NUM_CONNECTS))
