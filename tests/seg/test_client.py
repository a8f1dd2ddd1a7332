"""The HTTP client over real sockets, against the sandbox and against servers that misbehave."""

from __future__ import annotations

import gc
import shutil
import socket
import ssl
import time
from collections import Counter
from contextlib import closing, contextmanager
from email.utils import formatdate
from math import inf
from threading import Event
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.timing import SystemClock
from consumer.sandbox import Fault, Options, Sandbox, Trouble
from consumer.seg import client as seg_client
from consumer.seg.answers import (
    NOT_SENT,
    STOOD_STILL,
    AnswerClass,
    Cause,
    class_of,
    classify,
    look_at,
)
from consumer.seg.client import Client
from consumer.seg.handles import ClientOptions
from consumer.seg.replies import ANSWER_BYTES
from tests.machines.limits import open_files_here
from tests.sandbox.client import WEBSITE_ID, basic, page
from tests.seg.raw import RawServer, certificate, http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.seg.answers import Answer

TROUBLES = [Trouble.RESET, Trouble.HANG, Trouble.GARBAGE]


def options(url: str) -> ClientOptions:
    """Return options for a server on this machine."""
    return ClientOptions(
        endpoint=url,
        website_id=WEBSITE_ID,
        user_agent="seg-consumer/test",
        connect_timeout_s=30.0,
        timeout_s=60.0,
        ca_file=None,
        proxy=None,
        direct=True,
    )


def collect(client: Client, count: int) -> dict[object, Answer]:
    """Return *count* answers by their tokens."""
    answers: dict[object, Answer] = {}
    deadline_s = time.perf_counter() + 60.0
    while len(answers) < count:
        assert time.perf_counter() < deadline_s, f"{len(answers)} answers of {count}"
        answers.update(client.poll(0.1))
    return answers


def post(client: Client, message_id: str = "m-1") -> Answer:
    """Send one call and return its answer."""
    client.send(message_id, orjson.dumps(page(message_id)), message_id)
    return collect(client, 1)[message_id]


def send_many(client: Client) -> None:
    """Send 1,200 calls, whose tokens are their numbers."""
    for number in range(1_200):
        client.send(number, orjson.dumps(page(f"m-{number}")), f"m-{number}")


@contextmanager
def served(answer: bytes) -> Iterator[tuple[RawServer, Client]]:
    """Run a server that always gives *answer*, and a client of it."""
    with (
        RawServer(answer) as server,
        closing(Client(options(server.url), SystemClock())) as client,
    ):
        yield server, client


@pytest.fixture(name="sandbox", scope="module")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(Options(website_id=WEBSITE_ID)) as sandbox:
        yield sandbox


@pytest.fixture(name="client")
def _client(sandbox: Sandbox) -> Iterator[Client]:
    sandbox.reset()
    with closing(Client(options(sandbox.url), SystemClock())) as client:
        yield client


class LateClock(SystemClock):
    """The machine's clock, that a test can put forward."""

    late_s = 0.0

    def monotonic_s(self) -> float:
        """Return the seconds of the machine's, and those that were added."""
        return super().monotonic_s() + self.late_s


class TestTimeToSend:
    """Nothing goes out after the time until when it may: the process may have stood still."""

    @pytest.mark.parametrize("connected", [False, True], ids=["new", "kept"])
    def test_what_was_started_and_has_not_left_does_not(
        self, sandbox: Sandbox, client: Client, *, connected: bool
    ) -> None:
        """Neither by a new connection nor by one that is there; and the handle is good again."""
        if connected:
            post(client, "first")
        client.send("late", orjson.dumps(page("late")), "late")
        client.send_until_s = SystemClock().boottime_s()

        assert collect(client, 1)["late"] is NOT_SENT
        assert client.in_flight == 0

        client.send_until_s = inf
        assert post(client, "next").status == 200
        keys = {call.line.idempotency_key for call in sandbox.calls()}
        assert keys == ({"first", "next"} if connected else {"next"})

    def test_what_waits_for_its_connection_does_not_either(self) -> None:
        """A handshake may take long: nothing of the request has left by then."""
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"https://127.0.0.1:{mute.getsockname()[1]}/"
            with closing(Client(options(url), SystemClock())) as client:
                client.send("late", b"{}", "late")
                first = client.poll(0.2)
                client.send_until_s = SystemClock().boottime_s()

                assert first == []
                assert client.poll(0.0) == [("late", NOT_SENT)]
                assert client.in_flight == 0

    def test_what_has_left_is_waited_for(self, sandbox: Sandbox, client: Client) -> None:
        """Its time was not over when it went: Seg may take it."""
        sandbox.faults([Fault(delay_s=0.3)])
        client.send("on time", orjson.dumps(page("on time")), "on time")
        client.poll(0.1)
        client.send_until_s = SystemClock().boottime_s()

        assert collect(client, 1)["on time"].status == 200

    def test_also_where_its_time_ends_while_we_wait(self, sandbox: Sandbox, client: Client) -> None:
        """It goes at once over a connection that is there, and is not sent a second time."""
        post(client, "first")
        sandbox.faults([Fault(delay_s=0.3)])
        client.send("on time", orjson.dumps(page("on time")), "on time")
        client.send_until_s = SystemClock().boottime_s() + 0.1

        assert collect(client, 1)["on time"].status == 200


class TestStandstill:
    """A process that was stopped, or a frozen machine, wakes with requests on their way."""

    @pytest.mark.parametrize("seconds", [0.0, 60.0])
    def test_what_timed_out_meanwhile_is_no_word_about_seg(
        self, sandbox: Sandbox, seconds: float
    ) -> None:
        """Nobody was there to take the answer; who was there all the time may say so."""
        sandbox.faults([Fault(trouble=Trouble.HANG)])
        clock = LateClock()
        quick = options(sandbox.url)._replace(timeout_s=0.2)
        with closing(Client(quick, clock)) as client:
            client.send("m", orjson.dumps(page("m")), "m")
            client.poll(0.0)
            Event().wait(0.3)  # libcurl has a clock of its own
            clock.late_s = seconds

            answer = collect(client, 1)["m"]

        assert (answer is STOOD_STILL) == (seconds > 0)
        assert answer.status is None


class TestAnswers:
    """What comes back."""

    def test_taken(self, sandbox: Sandbox, client: Client) -> None:
        """A call that Seg takes comes back with its token, status and time."""
        answer = post(client)

        assert (answer.status, answer.detail, answer.retry_after_s) == (200, "", None)
        assert 0.0 < answer.seconds < 5.0
        assert sandbox.calls()[0].line.idempotency_key == "m-1"
        assert client.in_flight == 0

    @pytest.mark.parametrize("status", [204, 400, 401, 404, 429, 500, 501, 503, 599])
    def test_status(self, sandbox: Sandbox, client: Client, status: int) -> None:
        """Any status comes back with Seg's message."""
        sandbox.faults([Fault(status=status)])

        answer = post(client)

        told = "" if status == 204 else f"Seg answered {status}: the sandbox was told to answer so"
        assert (answer.status, answer.detail) == (status, told)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect(self, sandbox: Sandbox, client: Client, status: int) -> None:
        """A redirect is never followed: it would carry the key elsewhere."""
        sandbox.faults([Fault(status=status, count=1)])

        answer = post(client)

        assert answer.status == status  # who follows it ends at a 404
        assert classify(status) is AnswerClass.MISROUTED

    def test_retry_after_seconds(self, sandbox: Sandbox, client: Client) -> None:
        """Retry-After in seconds."""
        sandbox.faults([Fault(status=429, retry_after=7)])

        assert post(client).retry_after_s == 7.0

    def test_retry_after_date(self, sandbox: Sandbox, client: Client) -> None:
        """Retry-After as a date: the seconds until then."""
        noon_s = SystemClock().wall_s() + 60.0
        sandbox.faults([Fault(status=503, retry_after=formatdate(noon_s, usegmt=True))])

        retry_after_s = post(client).retry_after_s

        assert retry_after_s is not None
        assert 50.0 <= retry_after_s <= 61.0

    @pytest.mark.parametrize("value", ["Wed, 21 Oct 2015 07:28:00 GMT", "0", "soon", "-5"])
    def test_retry_after_nonsense(self, sandbox: Sandbox, client: Client, value: str) -> None:
        """One that is over, or no time at all, is none."""
        sandbox.faults([Fault(status=503, retry_after=value)])

        assert post(client).retry_after_s is None

    def test_too_large(self) -> None:
        """Of a huge answer the status counts; the rest is not read."""
        with served(http(422, b"x" * (ANSWER_BYTES * 10))) as (_, client):
            assert post(client).status == 422

    def test_too_large_in_chunks(self) -> None:
        """Nor is one whose length nobody tells beforehand."""
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        head = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
        with served(head + chunk * 1_000) as (_, client):
            assert post(client).status == 400


class TestTrouble:
    """Answers that never come whole."""

    @pytest.mark.parametrize("trouble", TROUBLES)
    def test_no_answer(self, sandbox: Sandbox, trouble: Trouble) -> None:
        """It is no answer, whatever its first half says; and the client goes on."""
        sandbox.reset()
        sandbox.faults([Fault(trouble=trouble, count=1)])
        given = options(sandbox.url)._replace(timeout_s=1.0)
        with closing(Client(given, SystemClock())) as client:
            broken = post(client, "m-1")
            after = post(client, "m-2")

        assert broken.status is None
        assert broken.detail.startswith("no answer: ")
        assert after.status == 200

    def test_slow_body(self, sandbox: Sandbox, client: Client) -> None:
        """A slow answer is an answer, if it is there in time."""
        sandbox.faults([Fault(trouble=Trouble.SLOW_BODY, delay_s=0.3)])

        assert post(client).status == 200

    def test_too_slow_body(self, sandbox: Sandbox) -> None:
        """The time-out is for the whole answer, not for its first byte."""
        sandbox.reset()
        sandbox.faults([Fault(trouble=Trouble.SLOW_BODY, delay_s=60.0)])
        given = options(sandbox.url)._replace(timeout_s=0.4)
        with closing(Client(given, SystemClock())) as client:
            answer = post(client)

        assert answer.status == 200  # the status line had come
        assert answer.seconds < 10.0

    def test_nobody_listens(self) -> None:
        """A refused connection is no answer."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with closing(Client(options(f"http://127.0.0.1:{port}/"), SystemClock())) as client:
            assert post(client).status is None

    def test_close_while_busy(self, sandbox: Sandbox) -> None:
        """Closing breaks off what is under way, without a word."""
        sandbox.reset()
        sandbox.faults([Fault(trouble=Trouble.HANG)])
        client = Client(options(sandbox.url), SystemClock())
        for number in range(50):
            client.send(number, orjson.dumps(page(f"m-{number}")), f"m-{number}")
        for _ in range(10):
            client.poll(0.01)
        client.close()
        gc.collect()

        assert client.in_flight == 0


class TestCutShort:
    """Once the status line of a 2xx has come the call was taken; the body is not used."""

    def test_half_a_body(self, sandbox: Sandbox, client: Client) -> None:
        """A 200 whose body ends in the middle is one."""
        sandbox.faults([Fault(trouble=Trouble.HALF_CLOSE, accepted=True)])

        assert post(client).status == 200

    def test_half_an_error(self) -> None:
        """Of an error the half is no answer: it may not be the whole story."""
        with served(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\nhalf") as (
            server,
            client,
        ):
            server.closes = True
            answer = post(client)

        assert (answer.status, answer.cause) == (None, Cause.RESET)

    @pytest.mark.parametrize("status", [200, 201, 202])
    @pytest.mark.parametrize(
        "body", [b"<!DOCTYPE html><title>Sign in</title>", b"\xef\xbb\xbf\n  <HTML lang=en>"]
    )
    def test_web_page(self, status: int, body: bytes) -> None:
        """A 2xx with a page for people is no answer of Seg's: nothing counts as delivered."""
        with served(http(status, body)) as (_, client):
            answer = post(client)

        assert class_of(answer) is AnswerClass.MISROUTED
        assert "web page" in answer.detail

    @pytest.mark.parametrize("body", [b"", b"{}", b"OK", b"<ok/>", b"<p>taken</p>"])
    def test_no_web_page(self, body: bytes) -> None:
        """Whatever else the body is, a 2xx is one."""
        with served(http(200, body)) as (_, client):
            assert class_of(post(client)) is AnswerClass.DELIVERED


class TestCause:
    """Why no answer came."""

    @pytest.mark.parametrize(
        ("url", "cause"),
        [("http://127.0.0.1:1/", Cause.REFUSED), ("http://seg.invalid/", Cause.DNS)],
    )
    def test_no_connection(self, url: str, cause: Cause) -> None:
        """Nobody listens, or nobody has the name."""
        with closing(Client(options(url), SystemClock())) as client:
            answer = post(client)

        assert (answer.status, answer.cause) == (None, cause)

    @pytest.mark.parametrize(
        ("trouble", "cause"),
        [(Trouble.RESET, Cause.RESET), (Trouble.HANG, Cause.TIMEOUT)],
    )
    def test_broken(self, sandbox: Sandbox, trouble: Trouble, cause: Cause) -> None:
        """The connection breaks, or nothing comes."""
        sandbox.reset()
        sandbox.faults([Fault(trouble=trouble)])
        given = options(sandbox.url)._replace(timeout_s=0.5)
        with closing(Client(given, SystemClock())) as client:
            assert post(client).cause is cause

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (407, AnswerClass.UNAUTHORISED),
            (403, AnswerClass.UNAUTHORISED),
            (502, AnswerClass.TRANSIENT),
        ],
    )
    def test_proxy(self, status: int, kind: AnswerClass) -> None:
        """What a proxy answers to CONNECT: a 407 is about our credentials for it, no outage."""
        with RawServer(http(status)) as proxy:
            given = options("https://seg.example/")._replace(proxy=proxy.url, direct=False)
            with closing(Client(given, SystemClock())) as client:
                answer = post(client)

        assert class_of(answer) is kind
        assert (answer.cause, look_at(answer)) == (Cause.PROXY, "SEG_DELIVERY__PROXY")


class TestConnections:
    """Which connection a request goes over."""

    def test_fresh(self) -> None:
        """A fresh request has a new one; the next takes any again."""
        with served(http(200)) as (server, client):
            post(client, "m-1")
            client.send("m-2", b"{}", "m-2", fresh=True)
            collect(client, 1)
            post(client, "m-3")

        assert server.connections == 2

    def test_sick_server(self) -> None:
        """After a failure no connection from before is used again."""
        with served(http(200)) as (server, client):
            for number in range(8):
                client.send(number, b"{}", str(number))
            collect(client, 8)
            before = server.connections
            server.answer = http(503)
            client.send("fails", b"{}", "fails")
            collect(client, 1)
            server.answer = http(200)
            for number in range(8):
                client.send(number, b"{}", str(number))
            answers = collect(client, 8)

        assert {answer.status for answer in answers.values()} == {200}
        assert server.connections - before >= 8

    def test_not_after_each_failure(self) -> None:
        """In bad weather they are not all given up again and again."""
        with served(http(503)) as (server, client):
            for number in range(20):
                post(client, str(number))

        assert server.connections <= 3

    def test_lifetime(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An old one is not used again: it may lead where DNS no longer does."""
        monkeypatch.setattr(seg_client, "LIFETIME_S", 1.0)
        with served(http(200)) as (server, client):
            post(client, "m-1")
            post(client, "m-2")
            before = server.connections
            until_s = time.perf_counter() + 2.5  # libcurl's own clock, in whole seconds
            while time.perf_counter() < until_s:
                client.poll(0.1)
            post(client, "m-3")

        assert (before, server.connections) == (1, 2)

    def test_lifetimes_are_spread(self) -> None:
        """Connections that were made together do not end together."""
        with served(http(200)) as (_, client):
            lifetimes_s = [client._next_lifetime_s() for _ in range(100)]

        assert max(lifetimes_s) - min(lifetimes_s) > 100.0
        assert all(240.0 <= seconds <= 360.0 for seconds in lifetimes_s)


class TestClosedAsTheRequestGoes:
    """A server that closes a connection just as the next request goes over it."""

    def test_sent_again(self) -> None:
        """The client sends it again by itself, and says so: Seg may have seen it twice."""
        with served(http(200)) as (server, client):
            server.answers_a_connection = 3
            answers = [post(client, f"m-{number}") for number in range(9)]

        assert {answer.status for answer in answers} == {200}
        assert len(server.requests) == 9 + sum(answer.resent for answer in answers)
        assert sum(answer.resent for answer in answers) == 2

    def test_said_beforehand(self) -> None:
        """One that says that it closes (`keepalive_requests`) costs no request."""
        with served(http(200, b"", "Connection: close")) as (server, client):
            server.closes = True
            answers = [post(client, f"m-{number}") for number in range(9)]

        assert [answer.status for answer in answers] == [200] * 9
        assert len(server.requests) == 9
        assert server.connections == 9


@pytest.mark.skipif(not open_files_here(2_600), reason="needs 2,600 open files: see `ulimit -Hn`")
class TestMany:
    """Many requests at once."""

    def test_at_once(self, sandbox: Sandbox) -> None:
        """1,200 requests are under way together."""
        sandbox.reset()
        sandbox.faults([Fault(trouble=Trouble.HANG)])
        given = options(sandbox.url)._replace(timeout_s=60.0)
        with closing(Client(given, SystemClock())) as client:
            send_many(client)
            deadline_s = time.perf_counter() + 60.0
            while sandbox.summary()["requests"] < 1_200:
                assert time.perf_counter() < deadline_s, sandbox.summary()
                assert client.poll(0.0) == []

            assert client.in_flight == 1_200

    def test_each_has_its_own_answer(self, sandbox: Sandbox, client: Client) -> None:
        """None is lost, and none is told twice."""
        sandbox.faults([Fault(status=400, share=0.3), Fault(delay_s=0.5)])
        send_many(client)

        answers = collect(client, 1_200)

        statuses = Counter(str(answer.status) for answer in answers.values())
        assert answers.keys() == set(range(1_200))
        assert statuses == sandbox.summary()["by_status"]
        assert statuses.keys() == {"200", "400"}
        assert client.in_flight == 0

    def test_keep_alive(self) -> None:
        """One after the other go over one connection."""
        with served(http(200)) as (server, client):
            for number in range(20):
                assert post(client, f"m-{number}").status == 200

        assert server.connections == 1


class TestRequest:
    """What goes out."""

    def test_bytes(self) -> None:
        """The headers that a direct destination gets, and the body as it is."""
        with served(http(200)) as (server, client):
            client.send("token", b'{"type":"page"}', "key-1")
            collect(client, 1)
            head, _, body = server.requests[0].partition(b"\r\n\r\n")

        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        del headers["Host"]
        assert first == "POST / HTTP/1.1"
        assert body == b'{"type":"page"}'
        assert headers == {
            "Accept": "application/json",
            "Authorization": basic(f"{WEBSITE_ID}:"),
            "Content-Length": "15",
            "Content-Type": "application/json",
            "Idempotency-Key": "key-1",
            "User-Agent": "seg-consumer/test",
        }

    @pytest.mark.parametrize("size_bytes", [400_000, 600_000, 3_000_000])
    def test_no_question_before_a_large_body(self, size_bytes: int) -> None:
        """`Expect: 100-continue` would cost a round trip, or a second where nobody answers it."""
        with served(http(200)) as (server, client):
            client.send("token", b" " * size_bytes, "key-1")
            collect(client, 1)

        assert server.requests[0].startswith(b"POST ")
        assert b"expect:" not in server.requests[0].lower()

    def test_other_key(self, client: Client) -> None:
        """A corrected key is used from the next request on."""
        client.set_website_id("11111111-2222-3333-4444-555555555555")
        wrong = post(client).status
        client.set_website_id(WEBSITE_ID)

        assert (wrong, post(client).status) == (403, 200)

    @pytest.mark.parametrize(
        "quoted", [WEBSITE_ID, WEBSITE_ID.upper(), f"{{{WEBSITE_ID}}}", basic(f"{WEBSITE_ID}:")]
    )
    def test_key_in_no_text(self, quoted: str) -> None:
        """A Seg that quotes the key does not bring it into a log line."""
        body = orjson.dumps({"message": f"no such website: {quoted}"})
        with served(http(401, body)) as (_, client):
            detail = post(client).detail

        assert "no such website" in detail
        assert WEBSITE_ID not in detail.lower()
        assert basic(f"{WEBSITE_ID}:").split()[1].rstrip("=") not in detail

    @pytest.mark.parametrize(("direct", "status"), [(True, 200), (False, None)])
    def test_proxy(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, status: int | None, *, direct: bool
    ) -> None:
        """The proxies of the environment are not asked for an endpoint on this machine."""
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        given = options(sandbox.url)._replace(direct=direct)
        with closing(Client(given, SystemClock())) as client:
            assert status == post(client).status

    def test_proxy_of_the_settings(self) -> None:
        """Requests go to the proxy that is named, whoever the endpoint is."""
        with RawServer(http(200)) as proxy:
            given = options("http://seg.example")._replace(proxy=proxy.url, direct=False)
            with closing(Client(given, SystemClock())) as client:
                assert post(client).status == 200


OPENSSL = shutil.which("openssl")


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RawServer, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = certificate(folder, OPENSSL or "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    with RawServer(http(200), context) as server:
        yield server, certificate_file


@pytest.mark.skipif(OPENSSL is None, reason="no openssl program to make a certificate with")
class TestTls:
    """The other end has to prove who it is."""

    def test_self_signed(self, server: tuple[RawServer, Path]) -> None:
        """A certificate that nobody vouches for is no answer: wait, and lose nothing."""
        with closing(Client(options(server[0].url), SystemClock())) as client:
            answer = post(client)

        assert classify(answer.status) is AnswerClass.TRANSIENT
        assert "certificate" in answer.detail

    def test_ca_file(self, server: tuple[RawServer, Path]) -> None:
        """One that the given authorities vouch for is good."""
        given = options(server[0].url)._replace(ca_file=server[1])
        with closing(Client(given, SystemClock())) as client:
            assert post(client).status == 200

    def test_http_1(self, tmp_path: Path) -> None:
        """It speaks HTTP/1.1 although the server would rather speak HTTP/2."""
        certificate_file, key_file = certificate(tmp_path, OPENSSL or "")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file, key_file)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with RawServer(http(200), context) as both:
            given = options(both.url)._replace(ca_file=certificate_file)
            with closing(Client(given, SystemClock())) as client:
                status = post(client).status

        assert status == 200
        assert both.requests[0].startswith(b"POST / HTTP/1.1")

    def test_closed_as_the_request_goes(self, server: tuple[RawServer, Path]) -> None:
        """A connection that is closed under it is made anew, and counted."""
        raw, ca_file = server
        raw.requests.clear()
        raw.answers_a_connection = 3
        given = options(raw.url)._replace(ca_file=ca_file)
        with closing(Client(given, SystemClock())) as client:
            answers = [post(client, f"m-{number}") for number in range(7)]
        raw.answers_a_connection = None

        assert {answer.status for answer in answers} == {200}
        assert len(raw.requests) == 7 + sum(answer.resent for answer in answers)

    def test_other_name(self, server: tuple[RawServer, Path]) -> None:
        """A good certificate for another name is no answer."""
        url = server[0].url.replace("localhost", "127.0.0.1")
        with closing(Client(options(url)._replace(ca_file=server[1]), SystemClock())) as client:
            assert post(client).status is None
