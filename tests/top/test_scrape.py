"""A look at a member from outside, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import SettingsError
from consumer.core.timing import SystemClock
from consumer.observe.exposition import Metrics
from consumer.observe.health import Health, HealthServer, Status
from consumer.observe.metrics import Tally
from consumer.observe.scrape import UnreachableError, base_of, parse, scrape
from consumer.sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 20.0


@pytest.fixture
def member() -> Iterator[HealthServer]:
    """Return the server of a member that waits for Seg."""
    clock = SystemClock()
    metrics, health = Metrics(clock), Health(60.0, clock)
    tally = Tally()
    tally.records_received = 7
    metrics.publish(tally)
    health.status = Status(
        clock.monotonic_s(), is_member=True, assigned=1, waits_for="outage", detail="timed out"
    )
    server = HealthServer("127.0.0.1", 0, health, metrics)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("pod-0", "http://pod-0:9090"),
        ("pod-0:80", "http://pod-0:80"),
        ("http://pod-0:9000/metrics", "http://pod-0:9000"),
        ("https://pod-0/metrics", "https://pod-0"),
        ("[::1]", "http://[::1]:9090"),
        ("[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_address_is_taken_in_every_form(address: str, base: str) -> None:
    """A host, with a port or without, or a URL of the member."""
    assert base_of(address, 9090) == base


@pytest.mark.parametrize("address", ["", "ftp://pod-0", "http://", "user:secret@pod-0"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """With what is expected."""
    with pytest.raises(SettingsError, match=r"expected an address such as 127\.0\.0\.1:9090"):
        base_of(address, 9090)


def test_a_member_that_is_not_ready_is_seen(member: HealthServer) -> None:
    """Its figures come, and what `/readyz` says with its 503."""
    found = scrape(f"http://127.0.0.1:{member.port}", SystemClock(), TIMEOUT_S)

    assert found.samples["records_received_total"] == {(): 7.0}
    assert (found.ready["waits_for"], found.ready["detail"]) == ("outage", "timed out")


def test_nobody_there_is_said(member: HealthServer) -> None:
    """Within the time-out, with the reason in words."""
    member.close()

    with pytest.raises(UnreachableError, match="no answer: Connection refused"):
        scrape(f"http://127.0.0.1:{member.port}", SystemClock(), TIMEOUT_S)


def test_another_server_is_told_from_a_member() -> None:
    """The sandbox answers, but is no consumer."""
    with (
        Sandbox.start(Options(website_id="w", path="/seg")) as sandbox,
        pytest.raises(UnreachableError, match="expected a consumer's /metrics"),
    ):
        scrape(sandbox.url.removesuffix("/seg"), SystemClock(), TIMEOUT_S)


def test_another_exporters_page_is_told_from_a_member() -> None:
    """Metrics that are not ours are nobody's we know."""
    with pytest.raises(ValueError, match="none of the page's metrics is ours"):
        parse("up 1\n")
