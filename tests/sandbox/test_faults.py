"""What goes wrong on demand, as a client sees it."""

from __future__ import annotations

import random
import socket
import time
from contextlib import closing
from http.client import BadStatusLine, IncompleteRead
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import SettingsError
from consumer.sandbox import Fault, Match, Options, Sandbox, Trouble
from consumer.sandbox.faults import Bucket, Faults
from tests.sandbox.client import WEBSITE_ID, Client, page, track

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Value
    from consumer.sandbox.store import Summary


class FakeClock:
    """A clock that a test turns by hand."""

    now_s = 0.0

    def monotonic_s(self) -> float:
        """Return the time that the test has set."""
        return self.now_s

    def boottime_s(self) -> float:
        """Return the same: nothing is ever suspended."""
        return self.now_s

    def wall_s(self) -> float:
        """Return the same."""
        return self.now_s


def wait_for(sandbox: Sandbox, **counters: object) -> Summary:
    """Return the summary as soon as it holds *counters*."""
    deadline_s = time.perf_counter() + 5
    while not counters.items() <= (summary := sandbox.summary()).items():
        assert time.perf_counter() < deadline_s, f"expected {counters}, got {summary}"
    return summary


class TestStatus:
    """A status is answered instead of the true one."""

    @pytest.mark.parametrize("status", [202, 307, 400, 401, 404, 408, 429, 500, 501, 503, 599])
    def test_any(self, sandbox: Sandbox, client: Client, status: int) -> None:
        """The status comes with a message as Seg's do; nothing is accepted."""
        sandbox.faults([Fault(status=status)])

        reply = client.post(page("m-1"))

        assert (status, "the sandbox was told to answer so") == (reply.status, reply.message)
        assert sandbox.summary()["accepted"] == 0
        assert {str(status): 1} == sandbox.summary()["by_status"]

    def test_without_content(self, sandbox: Sandbox, client: Client) -> None:
        """A 204 has no body, and the connection goes on behind it."""
        sandbox.faults([Fault(status=204, accepted=True)])

        replies = [client.post(page("m-1")), client.post(page("m-2"))]

        assert [(reply.status, reply.body) for reply in replies] == [(204, b""), (204, b"")]
        assert sandbox.summary()["accepted"] == 2

    @pytest.mark.parametrize("retry_after", [3, "Wed, 21 Oct 2026 07:28:00 GMT"])
    def test_retry_after(self, sandbox: Sandbox, client: Client, retry_after: int | str) -> None:
        """Retry-After comes in both of its forms."""
        sandbox.faults([Fault(status=503, retry_after=retry_after)])

        assert str(retry_after) == client.post(page("m-1")).headers["Retry-After"]

    def test_redirect(self, sandbox: Sandbox, client: Client) -> None:
        """A redirect says where to; who follows it is seen there as a 404 of his own."""
        sandbox.faults([Fault(status=302)])

        assert client.post(page("m-1")).headers["Location"] == "/elsewhere"

    def test_accepted(self, sandbox: Sandbox, client: Client) -> None:
        """An ambiguous success is accepted and answered 500; sent again, it is a double."""
        sandbox.faults([Fault(status=500, accepted=True, count=1)])

        statuses = [client.post(page("m-1"), Idempotency_Key="m-1").status for _ in range(2)]

        assert statuses == [500, 200]
        assert (sandbox.summary()["accepted"], sandbox.summary()["doubles"]) == (1, 1)


class TestTrouble:
    """An answer that does not get through."""

    @pytest.mark.parametrize("accepted", [False, True])
    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            (Trouble.RESET, ConnectionResetError),
            (Trouble.HANG, TimeoutError),
            (Trouble.HALF_CLOSE, IncompleteRead),
            (Trouble.GARBAGE, BadStatusLine),
        ],
    )
    def test_lost(
        self, sandbox: Sandbox, trouble: Trouble, error: type[Exception], *, accepted: bool
    ) -> None:
        """The client gets no whole answer; only an ambiguous success is accepted."""
        sandbox.faults([Fault(trouble=trouble, accepted=accepted)])

        with closing(Client(sandbox.url, timeout_s=0.3)) as client, pytest.raises(error):
            client.post(page("m-1", filler="x" * 400))

        summary = sandbox.summary()
        assert int(accepted) == summary["accepted"]
        assert {trouble.value: 1} == summary["unanswered"]
        assert summary["by_status"] == {}
        assert summary["waiting"] == 0

    def test_half_close_cuts_inside_the_body(self, sandbox: Sandbox, client: Client) -> None:
        """What comes of the cut answer is a whole head that says 200: not to be trusted."""
        sandbox.faults([Fault(trouble=Trouble.HALF_CLOSE)])

        with pytest.raises(IncompleteRead) as cut:
            client.post(page("m-1"))

        assert 0 < len(cut.value.partial) < len(b'{"accepted":1,"doubles":0}')

    def test_slow_body(self, sandbox: Sandbox, client: Client) -> None:
        """The body of a true answer comes byte by byte; the connection goes on behind it."""
        sandbox.faults([Fault(trouble=Trouble.SLOW_BODY, delay_s=2.0, count=1)])

        client.sock.settimeout(1.5)
        started_s = time.perf_counter()
        reply = client.post(page("m-1"))
        took_s = time.perf_counter() - started_s

        assert (reply.status, reply.body) == (200, b'{"accepted":1,"doubles":0}')
        assert took_s > 1.5
        assert client.post(page("m-2")).status == 200
        assert sandbox.summary()["by_status"] == {"200": 2}


class TestDelay:
    """An answer that comes late."""

    def test_true_answer(self, sandbox: Sandbox, client: Client) -> None:
        """A delay is served before the request is dealt with; then comes the true answer."""
        sandbox.faults([Fault(delay_s=0.2)])

        started_s = time.perf_counter()
        statuses = [client.post(call).status for call in (page("m-1"), page("m-2", type="x"))]

        assert statuses == [200, 501]
        assert time.perf_counter() - started_s >= 0.4

    def test_client_left(self, sandbox: Sandbox) -> None:
        """A client that does not wait is not served: its call is not accepted."""
        sandbox.faults([Fault(delay_s=0.5)])

        with closing(Client(sandbox.url, timeout_s=0.1)) as client, pytest.raises(TimeoutError):
            client.post(page("m-1"))

        wait_for(sandbox, waiting=0)
        Event().wait(0.6)
        summary = sandbox.summary()
        assert (summary["accepted"], summary["unanswered"]) == (0, {"client_left": 1})

    def test_reset_meanwhile(self, sandbox: Sandbox, client: Client) -> None:
        """A request that waits while the counters are reset is counted behind the reset."""
        sandbox.faults([Fault(delay_s=2.0)])
        thread = Thread(target=client.post, args=[page("m-1")], daemon=True)
        thread.start()
        wait_for(sandbox, waiting=1)

        sandbox.reset()

        assert (sandbox.summary()["requests"], sandbox.summary()["waiting"]) == (1, 1)
        thread.join()
        assert sandbox.summary()["by_status"] == {"200": 1}
        assert sandbox.summary()["waiting"] == 0

    def test_accepted(self, sandbox: Sandbox) -> None:
        """An ambiguous success is accepted at once, whether its client waits or not."""
        sandbox.faults([Fault(delay_s=60, accepted=True)])

        with closing(Client(sandbox.url, timeout_s=0.1)) as client, pytest.raises(TimeoutError):
            client.post(page("m-1"))

        wait_for(sandbox, accepted=1)

    def test_late_refusal(self, sandbox: Sandbox, client: Client) -> None:
        """Any fault may come late."""
        sandbox.faults([Fault(status=503, delay_s=0.2)])

        started_s = time.perf_counter()

        assert client.post(page("m-1")).status == 503
        assert time.perf_counter() - started_s >= 0.2

    def test_many_at_once(self) -> None:
        """Two thousand delayed answers wait side by side, not one after the other."""
        options = Options(website_id=WEBSITE_ID, faults=(Fault(delay_s=1.0),))
        with Sandbox.start(options) as sandbox:
            clients = [Client(sandbox.url, timeout_s=30) for _ in range(2000)]
            body = b'{"type":"page","timestamp":"2026-11-23T10:11:12.345Z"}'
            key = "Basic YWJjOGZiMTgtNzU1OS00MzI0LTk5MjEtYTRiNTAxNWI0YTFjOg=="
            request = (
                f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body
            started_s = time.perf_counter()
            for client in clients:
                client.sock.sendall(request)
            answers = {client.sock.recv(4096).partition(b"\r\n")[0] for client in clients}
            took_s = time.perf_counter() - started_s
            for client in clients:
                client.close()

            assert {b"HTTP/1.1 200 OK"} == answers
            assert sandbox.summary()["accepted"] == 2000
            assert 1 <= took_s < 20


class TestChoice:
    """Which requests a rule strikes."""

    @pytest.mark.parametrize(
        ("match", "struck"),
        [
            (Match(type="page"), ["m-1", "m-2"]),
            (Match(event="RangeView"), ["m-3"]),
            (Match(message_id="m-2"), ["m-2"]),
            (Match(email_prefix="poison"), ["m-2"]),
            (Match(type="page", message_id="m-3"), []),
        ],
    )
    def test_match(self, sandbox: Sandbox, client: Client, match: Match, struck: list[str]) -> None:
        """A rule strikes the calls that fit everything that it names."""
        sandbox.faults([Fault(status=400, match=match)])
        calls = [
            page("m-1", email="jane@example.com"),
            page("m-2", email="poison-7@example.com"),
            {**track("RangeView"), "messageId": "m-3"},
        ]

        assert struck == [call["messageId"] for call in calls if client.post(call).status == 400]

    def test_match_in_batch(self, sandbox: Sandbox, client: Client) -> None:
        """One call that fits brings down its whole batch; halved, the others get through."""
        sandbox.faults([Fault(status=400, match=Match(message_id="m-3"))])
        batch: list[Value] = [page(f"m-{number}") for number in range(4)]

        assert [client.post(part).status for part in (batch, batch[:2], batch[2:])] == [
            400,
            200,
            400,
        ]

    def test_count(self, sandbox: Sandbox, client: Client) -> None:
        """A rule with a count strikes so often, and never again."""
        sandbox.faults([Fault(status=500, count=2)])

        assert [client.post(page(f"m-{n}")).status for n in range(4)] == [500, 500, 200, 200]

    def test_first_wins(self, sandbox: Sandbox, client: Client) -> None:
        """The first rule that strikes decides; a spent one lets the next have its turn."""
        sandbox.faults([Fault(status=500, count=1), Fault(status=503, count=1)])

        assert [client.post(page(f"m-{n}")).status for n in range(3)] == [500, 503, 200]

    def test_replaced(self, sandbox: Sandbox, client: Client) -> None:
        """New rules replace the old ones; none make the sandbox healthy."""
        sandbox.faults([Fault(status=500)])
        sandbox.faults([])

        assert client.post(page("m-1")).status == 200

    def test_share(self) -> None:
        """A share of a fifth strikes about a fifth, and with the same seed the same ones."""

        def struck(seed: int) -> list[bool]:
            faults = Faults([Fault(status=500, share=0.2)], seed, FakeClock())
            return [faults.strike([]) is not None for _ in range(2000)]

        assert 330 < sum(struck(1)) < 470
        assert struck(1) == struck(1)
        assert struck(1) != struck(2)

    def test_seeded_run(self) -> None:
        """The same requests in the same order meet the same faults, over real sockets."""

        def run() -> list[int]:
            options = Options(website_id=WEBSITE_ID, seed=7, faults=(Fault(status=500, share=0.5),))
            with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
                return [client.post(page(f"m-{number}")).status for number in range(50)]

        first = run()

        assert {200, 500} == set(first)
        assert first == run()


class TestThrottle:
    """So many calls a second and no more."""

    @pytest.mark.parametrize("calls_per_s", [2.0, 10.0, 1000.0])
    @pytest.mark.parametrize("batch", [1, 50])
    def test_accuracy(self, calls_per_s: float, batch: int) -> None:
        """Under load the calls of a long time are those that the rate allows, and a second's."""
        clock, dice = FakeClock(), random.Random(3)  # noqa: S311 - no secret
        bucket = Bucket(calls_per_s, clock)
        taken = 0
        while clock.now_s < 10_000 / calls_per_s:
            if bucket.take(batch) == 0:
                taken += batch
            clock.now_s += dice.expovariate(calls_per_s * 3)

        assert 9_500 < taken <= 10_000 + calls_per_s + batch

    def test_first_second(self) -> None:
        """A fresh bucket is not full: also the first second brings no more than the rate."""
        clock = FakeClock()
        bucket = Bucket(10, clock)

        taken = 0
        for step in range(100):
            clock.now_s = step / 100
            taken += bucket.take(1) == 0

        assert taken == 10

    def test_wait(self) -> None:
        """After the wait that it was told, and not before, a client is let through."""
        clock = FakeClock()
        bucket = Bucket(2.0, clock)

        assert bucket.take(4) == 0
        assert bucket.take(1) == 2.0
        clock.now_s = 1.9
        assert bucket.take(1) > 0
        clock.now_s = 2.1
        assert bucket.take(1) == 0

    def test_answer(self, sandbox: Sandbox, client: Client) -> None:
        """What is over the rate is answered 429 with the whole seconds to wait."""
        sandbox.faults([Fault(calls_per_s=0.1)])

        replies = [client.post(page(f"m-{number}")) for number in range(3)]

        assert [reply.status for reply in replies] == [200, 429, 429]
        assert replies[1].headers["Retry-After"] == "10"
        assert sandbox.summary()["accepted"] == 1


class TestRules:
    """A rule that makes no sense is refused when it is made."""

    @pytest.mark.parametrize(
        ("make", "problem"),
        [
            (Fault, "expected status, trouble, calls_per_s or delay_s, got none"),
            (lambda: Fault(status=500, trouble=Trouble.HANG), "got several"),
            (lambda: Fault(trouble=Trouble.SLOW_BODY), "expected a delay_s with slow_body"),
            (lambda: Fault(status=100), "status: expected 200 to 599, got 100"),
            (lambda: Fault(status=500, share=1.5), "share: expected 0 to 1, got 1.5"),
            (lambda: Fault(status=500, count=0), "count: expected 1 or more, got 0"),
            (lambda: Fault(delay_s=-1), "delay_s: expected 0 or more, got -1"),
            (lambda: Fault(calls_per_s=0), "calls_per_s: expected more than 0, got 0"),
            (lambda: Fault(status=503, retry_after="1\r\nX: y"), "retry_after: expected seconds"),
        ],
    )
    def test_refused(self, make: Callable[[], Fault], problem: str) -> None:
        """The text says what was expected."""
        with pytest.raises(SettingsError, match=problem):
            make()


def test_hang_ends_with_the_client(sandbox: Sandbox) -> None:
    """A hung connection holds nobody up: not the other clients, not the end of the sandbox."""
    sandbox.faults([Fault(trouble=Trouble.HANG, count=1)])
    with closing(Client(sandbox.url)) as hung, closing(Client(sandbox.url)) as other:
        failed: list[Exception] = []

        def post() -> None:
            try:
                hung.post(page("m-1"))
            except (OSError, BadStatusLine) as error:
                failed.append(error)

        thread = Thread(target=post, daemon=True)
        thread.start()
        wait_for(sandbox, unanswered={"hang": 1})

        assert other.post(page("m-2")).status == 200

        sandbox.stop()
        thread.join(timeout=5)

        assert len(failed) == 1
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection(
                ("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1].strip("/"))), timeout=1
            ),
        ):
            pass
