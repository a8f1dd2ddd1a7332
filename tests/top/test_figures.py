"""What `top` makes of two looks at a member."""

from __future__ import annotations

import orjson
import pytest

from consumer.observe.counting import add
from consumer.observe.exposition import Metrics
from consumer.observe.metrics import Tally
from consumer.observe.scrape import Scrape, parse
from consumer.top.figures import (
    Figures,
    PartitionLag,
    as_json,
    figures,
    total_lag,
    total_per_second,
    unreachable,
    worst_lag_s,
)
from tests.fakes import FakeClock


def a_scrape(tally: Tally, at_s: float = 0.0, **ready: object) -> Scrape:
    """Return what a look at a member with *tally* sees, through the real text format."""
    metrics = Metrics(FakeClock())
    metrics.publish(tally)
    return Scrape(at_s, parse(metrics.exposition().decode()), ready)


def a_tally(received: int = 0, delivered: int = 0) -> Tally:
    """Return a tally of so many records."""
    tally = Tally()
    tally.records_received = received
    if delivered:
        add(tally.calls_delivered, "ProductView", times=delivered)
    return tally


def test_rates_are_what_came_between_two_looks() -> None:
    """Records a second, for each outcome."""
    before, now = a_scrape(a_tally(100, 50), at_s=10.0), a_scrape(a_tally(300, 150), at_s=12.0)

    assert figures("m", now, before).per_second == {
        "received": 100.0,
        "delivered": 50.0,
        "ignored": 0.0,
        "dead_lettered": 0.0,
    }


def test_one_look_tells_no_rate() -> None:
    """Absent, never 0."""
    assert figures("m", a_scrape(a_tally(100)), None).per_second == {}


def test_a_restart_between_two_looks_is_no_negative_rate() -> None:
    """The counters of a member that has just started begin at 0."""
    before, now = a_scrape(a_tally(100), at_s=10.0), a_scrape(a_tally(3), at_s=11.0)

    assert figures("m", now, before).per_second["received"] == 0.0


def test_outcomes_come_with_their_reasons() -> None:
    """Those that occurred; a reason that never did is left out."""
    tally = a_tally(delivered=2)
    add(tally.records_dead_lettered, "bad_avro", times=3)

    assert figures("m", a_scrape(tally), None).outcomes == {
        "delivered": {"ProductView": 2},
        "ignored": {},
        "dead_lettered": {"bad_avro": 3},
    }


def test_latency_is_that_of_the_requests_between_two_looks() -> None:
    """A slow hour long ago does not hide that Seg is fast now."""
    tally = a_tally()
    tally.request_seconds.observe_all([20.0] * 1000)
    before = a_scrape(tally, at_s=1.0)
    tally.request_seconds.observe_all([0.02] * 100)

    latency_s = figures("m", a_scrape(tally, at_s=2.0), before).latency_s

    assert latency_s["p50"] == pytest.approx(0.0175)  # the bucket is 10 to 25 ms
    assert latency_s["p99"] <= 0.025


def test_latency_without_a_request_between_two_looks_is_that_since_the_start() -> None:
    """It is still the best guess."""
    tally = a_tally()
    tally.request_seconds.observe(0.2)
    scrape = a_scrape(tally, at_s=1.0)

    assert figures("m", a_scrape(tally, at_s=2.0), scrape).latency_s["p50"] > 0.1


def test_a_member_without_requests_has_no_latency() -> None:
    """Absent, never 0."""
    assert figures("m", a_scrape(a_tally()), None).latency_s == {}


def test_lag_names_the_partition_and_its_owner() -> None:
    """The partition that is furthest behind comes first; what is not known is None."""
    tally = a_tally()
    tally.lag_records |= {("t", "0"): 5, ("t", "1"): 7}
    tally.lag_seconds |= {("t", "1"): 2.5}
    tally.position_offset |= {("t", "2"): 9}

    found = figures("m", a_scrape(tally), None)

    assert found.lags == (
        PartitionLag("t", 1, "m", 7, 2.5),
        PartitionLag("t", 0, "m", 5, None),
        PartitionLag("t", 2, "m", None, None),
    )
    assert total_lag([found, found]) == 24
    assert worst_lag_s([found]) == 2.5


def test_what_it_waits_for_is_what_readyz_says() -> None:
    """The words of `/readyz`, with their detail."""
    scrape = a_scrape(a_tally(), waits_for="unauthorised", detail="Seg answered 403")

    found = figures("m", scrape, None)

    assert (found.waits_for, found.detail) == ("unauthorised", "Seg answered 403")


def test_members_are_summed_up() -> None:
    """One that does not answer adds nothing and hides nothing."""
    before, now = a_scrape(a_tally(0), at_s=0.0), a_scrape(a_tally(10), at_s=1.0)
    members = [figures("a", now, before), figures("b", now, before), unreachable("c", "away")]

    assert total_per_second(members)["received"] == 20.0


def test_json_has_every_figure() -> None:
    """Programs get what people see, by the same names."""
    found = orjson.loads(orjson.dumps(as_json([unreachable("c", "away")])))

    assert set(found["members"][0]) == set(Figures._fields)
    assert found["members"][0]["problem"] == "away"
    assert found["total"] == {"per_second": {}, "lag_records": None, "lag_seconds": None}
