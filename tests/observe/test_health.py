"""The probes and the scrape, over real HTTP on this machine."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.errors import StartError
from consumer.observe.exposition import Metrics
from consumer.observe.health import Health, HealthServer, LastFailure, Status
from consumer.observe.metrics import Tally
from tests.fakes import FakeClock
from tests.machines.limits import ipv6_here

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVENESS_TIMEOUT_S = 30.0


class Site:
    """A server on any free port, and a client of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.health = Health(LIVENESS_TIMEOUT_S, self.clock)
        self.metrics = Metrics(self.clock)
        self.server = HealthServer("127.0.0.1", 0, self.health, self.metrics)
        self.client = HTTPConnection("127.0.0.1", self.server.port, timeout=5)

    def get(self, path: str) -> tuple[int, str | None, bytes]:
        """Return status, content type and body of a GET."""
        self.client.request("GET", path)
        response = self.client.getresponse()
        return response.status, response.getheader("Content-Type"), response.read()

    def probe(self, path: str) -> tuple[int, object]:
        """Return status and parsed body of a probe."""
        status, kind, body = self.get(path)
        assert kind == "application/json"
        return status, orjson.loads(body)

    def turn(
        self, waits_for: str | None = None, *, is_member: bool = True, detail: str = ""
    ) -> None:
        """Be the loop at the end of a turn."""
        now_s = self.clock.monotonic_s()
        self.health.status = Status(now_s, is_member, 3, waits_for, detail)


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Site]:
    site = Site()
    yield site
    site.client.close()
    site.server.close()


@pytest.fixture(name="site")
def _site(server: Site) -> Site:
    """Return the one server, as if its loop had just turned."""
    server.turn()
    return server


def test_loop_that_turns_is_alive(site: Site) -> None:
    """How long ago it did is part of the answer; the last second of its time still counts."""
    site.clock.advance(LIVENESS_TIMEOUT_S)

    assert (200, {"ok": True, "seconds_since_turn": 30.0}) == site.probe("/livez")


def test_loop_that_hangs_is_not_alive(site: Site) -> None:
    """A restart is what helps then."""
    site.clock.advance(LIVENESS_TIMEOUT_S + 0.5)

    assert (503, {"ok": False, "seconds_since_turn": 30.5}) == site.probe("/livez")


def test_start_has_time() -> None:
    """Before the first turn the program is alive for as long as a turn may take, and not ready."""
    clock = FakeClock()
    clock.advance(1_000.0)
    health = Health(LIVENESS_TIMEOUT_S, clock)

    assert health.alive()[0] is True
    assert health.ready()[0] is False

    clock.advance(LIVENESS_TIMEOUT_S + 0.1)
    assert health.alive()[0] is False


def test_outage_is_no_reason_to_restart(site: Site) -> None:
    """Liveness is never tied to Seg or Kafka; readiness is."""
    site.turn(waits_for="outage", is_member=False)

    assert site.probe("/livez")[0] == 200
    assert site.probe("/readyz")[0] == 503


def test_member_that_waits_for_nothing_is_ready(site: Site) -> None:
    """It does its part in the group."""
    facts = {"ok": True, "member": True, "assigned_partitions": 3, "waits_for": None}
    nothing = {"detail": None, "last_failure": None}
    assert (200, facts | nothing) == site.probe("/readyz")


def test_unready_member_says_why(site: Site) -> None:
    """The reason and Seg's own words are what an operator looks for."""
    site.turn(waits_for="unauthorised", detail="Seg answered 401: unknown website id")

    facts = {"ok": False, "member": True, "assigned_partitions": 3, "waits_for": "unauthorised"}
    detail = {"detail": "Seg answered 401: unknown website id", "last_failure": None}
    assert (503, facts | detail) == site.probe("/readyz")


def test_last_failure_is_told(site: Site) -> None:
    """What failed last, why, which setting to look at and how long ago, also while ready."""
    now_s = site.clock.monotonic_s()
    failure = LastFailure("dns", "no answer: no such host", "SEG_DELIVERY__ENDPOINT", now_s)
    site.health.status = Status(now_s, True, 3, None, "", failure)  # noqa: FBT003 - as above
    code, facts = site.probe("/readyz")

    assert code == 200
    assert isinstance(facts, dict)
    told = facts["last_failure"]
    assert told.pop("seconds_ago") < 60.0
    assert told == {
        "reason": "dns",
        "detail": "no answer: no such host",
        "look_at": "SEG_DELIVERY__ENDPOINT",
    }


def test_status_says_the_same_without_an_error(site: Site) -> None:
    """`kubectl get --raw` shows an answer only where it is no error."""
    ready = site.probe("/status")
    assert ready == site.probe("/readyz")

    site.turn(waits_for="outage", detail="Seg answered 503")

    assert site.probe("/status") == (200, site.probe("/readyz")[1])
    assert site.probe("/readyz")[0] == 503


def test_who_is_no_member_is_not_ready(site: Site) -> None:
    """A rolling update must wait until the group has taken the new one in."""
    site.turn(is_member=False)

    assert site.probe("/readyz")[0] == 503


def test_scrape_gives_the_published_tally(site: Site) -> None:
    """In the text format that its type names."""
    site.metrics.publish(Tally(records_received=7))

    status, kind, body = site.get("/metrics")

    assert (200, "text/plain; version=1.0.0; charset=utf-8") == (status, kind)
    assert b"\nseg_consumer_records_received_total 7.0\n" in body


def test_query_is_not_part_of_the_path(site: Site) -> None:
    """Some probes add one."""
    assert site.get("/metrics?x=1")[0] == 200


def test_other_path_says_which_there_are(site: Site) -> None:
    """A wrong probe in a chart is seen at once."""
    assert (404, {"error": "there are /metrics, /livez, /readyz and /status"}) == site.probe("/")


def test_one_connection_carries_many_probes(site: Site) -> None:
    """HTTP/1.1, kept alive."""
    site.probe("/livez")
    connected = site.client.sock

    site.probe("/livez")

    assert connected is not None
    assert connected is site.client.sock


def test_slow_client_does_not_hold_up_a_probe(site: Site) -> None:
    """Each connection has a thread of its own."""
    with socket.create_connection(("127.0.0.1", site.server.port)) as silent:
        silent.sendall(b"GET /livez HTTP/1.1\r\n")

        assert site.probe("/livez")[0] == 200


def test_client_that_goes_away_leaves_no_trace(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    """A port scan that resets its connection writes no traceback among the JSON lines."""
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", site.server.port)) as scan:
            scan.sendall(b"GET /metrics HT")
            scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        site.probe("/livez")  # the scan before it was taken up by then
    site.client.close()
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join()

    assert ("", "") == capfd.readouterr()


def test_port_that_is_taken_is_an_error_with_its_setting(site: Site) -> None:
    """The text names the settings to look at."""
    with pytest.raises(StartError, match=rf"SEG_HTTP__PORT \(127.0.0.1:{site.server.port}\)"):
        HealthServer("127.0.0.1", site.server.port, site.health, site.metrics)


def test_close_frees_the_port() -> None:
    """Nothing listens afterwards, and the thread has ended."""
    site = Site()
    site.server.close()

    with pytest.raises(ConnectionRefusedError):
        site.get("/livez")
    assert not site.server._thread.is_alive()


@pytest.mark.parametrize("dual", [True, False])
def test_all_addresses(monkeypatch: pytest.MonkeyPatch, *, dual: bool) -> None:
    """`::` listens for IPv4 too, and for IPv4 alone on a machine without IPv6."""
    if dual and not ipv6_here():
        pytest.skip("this machine has no IPv6")
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: dual)
    clock = FakeClock()
    server = HealthServer("::", 0, Health(LIVENESS_TIMEOUT_S, clock), Metrics(clock))
    with closing(server):
        for host in ("127.0.0.1", "::1") if dual else ("127.0.0.1",):
            client = HTTPConnection(host, server.port, timeout=5)
            with closing(client):
                client.request("GET", "/livez")
                assert client.getresponse().status == 200


def test_one_address_of_ipv6() -> None:
    """An address of IPv6 is one to listen on."""
    if not ipv6_here():
        pytest.skip("this machine has no IPv6")
    clock = FakeClock()
    with (
        closing(HealthServer("::1", 0, Health(1, clock), Metrics(clock))) as server,
        closing(HTTPConnection("::1", server.port, timeout=5)) as client,
    ):
        client.request("GET", "/livez")
        assert client.getresponse().status == 200
