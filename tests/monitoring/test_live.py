"""A real Prometheus scrapes the real service: every panel is fed, every rule computes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, cast

import pytest

from tests.monitoring.content import ALERTS, BOARD, RECORDED, panels
from tests.monitoring.live import Member, scraped_service
from tests.monitoring.promql import without_variables
from tests.monitoring.tools import RUNBOOKS, promtool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.monitoring.prometheus import Prometheus

pytestmark = [pytest.mark.monitoring, pytest.mark.broker]

QUERIES = [(f"{panel.row}: {panel.title}", expr) for panel in panels() for expr in panel.exprs]


@pytest.fixture(name="show", scope="module")
def _show(
    tmp_path_factory: pytest.TempPathFactory, _prometheus: None
) -> Iterator[tuple[Prometheus, Member]]:
    with scraped_service(tmp_path_factory.mktemp("live")) as show:
        yield show


@pytest.fixture(name="prometheus")
def _scraping(show: tuple[Prometheus, Member]) -> Prometheus:
    return show[0]


def _expr(expr: str) -> str:
    return without_variables(expr.replace("$__rate_interval", "10s"))


def _is_fed(prometheus: Prometheus, expr: str) -> bool:
    return any(
        not math.isnan(value) for series in prometheus.values(expr) for value in series.values
    )


def test_every_panel_has_data(prometheus: Prometheus) -> None:
    """Each expression of each panel had a value while the service ran."""
    assert [] == [(title, expr) for title, expr in QUERIES if not _is_fed(prometheus, _expr(expr))]


def test_every_recorded_series_has_data(prometheus: Prometheus) -> None:
    """Each recording rule wrote something."""
    assert [] == [name for name in RECORDED if not _is_fed(prometheus, name)]


def test_no_rule_fails(prometheus: Prometheus) -> None:
    """Prometheus evaluated every rule, and none ended in an error such as a doubled series."""
    groups = cast("dict[str, list[dict[str, list[dict[str, str]]]]]", prometheus.get("rules"))
    rules = [rule for group in groups["groups"] for rule in group["rules"]]

    assert len(RECORDED) + len(ALERTS) == len(rules)
    assert [] == [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]


def test_the_trouble_was_seen(prometheus: Prometheus) -> None:
    """The alerts of what went wrong were on their way: pending, for it did not last."""
    seen = {series.labels["alertname"] for series in prometheus.values("ALERTS")}

    assert {"SegConsumerUnauthorised", "SegConsumerDependencyAway"} <= seen


def test_versions_starts_and_waits_are_marked(prometheus: Prometheus) -> None:
    """The annotations have something to draw; no alert was true for long enough to fire."""
    assert [] == [
        note["name"]
        for note in BOARD["annotations"]["list"]
        if note["name"] != "Alerts" and not _is_fed(prometheus, _expr(note["expr"]))
    ]


def test_the_variables_have_values(prometheus: Prometheus) -> None:
    """What the dashboard lets one choose is what is there."""
    found = {}
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            if asked is None:
                pytest.fail(f"not a query for a label's values: {variable['query']}")
            match = {"match[]": without_variables(asked[1])}
            found[variable["name"]] = prometheus.get(f"label/{asked[2]}/values", **match)

    assert {
        "cluster": [],
        "namespace": ["shop"],
        "job": ["shop/seg-consumer"],
        "pod": ["a", "b"],
        "topic": ["segment-events"],
        "partition": ["0", "1", "2", "3"],
    } == found


def test_each_record_is_in_one_place_at_every_scrape(prometheus: Prometheus) -> None:
    """What was received is delivered, ignored, dead-lettered, handed over or in flight."""
    received = "sum by (pod) (seg_consumer_records_received_total)"
    ended = " + ".join(
        f"(sum by (pod) (seg_consumer_{name}) or 0 * {received})"
        for name in (
            "calls_delivered_total",
            "records_ignored_total",
            "records_dead_lettered_total",
            "records_handed_over_total",
            "records_in_flight",
        )
    )
    gaps = prometheus.values(f"{received} - ({ended})")

    assert {"a", "b"} == {series.labels["pod"] for series in gaps}
    assert {0.0} == {value for series in gaps for value in series.values}


def test_every_query_of_a_runbook_is_answered(prometheus: Prometheus) -> None:
    """Whoever is woken can paste it; an empty answer is an answer."""
    texts = [page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md")]
    queries = [
        query
        for text in texts
        for block in re.findall(r"```promql\n(.+?)```", text, re.DOTALL)
        for query in block.strip().splitlines()
        if not query.startswith("#")
    ]

    assert queries
    for query in queries:
        prometheus.values(query)


def test_promtool_finds_no_fault_in_the_page(show: tuple[Prometheus, Member]) -> None:
    """Names, units and help of every metric are as Prometheus recommends."""
    done = promtool("check", "metrics", stdin=show[1].page("metrics"))

    assert (0, b"") == (done.returncode, done.stdout)
