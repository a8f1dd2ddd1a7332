"""The rules and dashboards arrive as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tests.chart.generate import CHART
from tests.chart.trees import dig

if TYPE_CHECKING:
    from tests.chart.rendering import Helm, Objects
    from tests.chart.trees import Tree

MONITORING = CHART / "ci" / "monitoring-values.yaml"


def written() -> list[Tree]:
    """Return all groups of the chart's rules."""
    files = sorted((CHART / "rules").glob("*.yaml"))
    return [group for path in files for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]


def rules(groups: Tree) -> list[Tree]:
    """Return all rules of *groups*."""
    return [rule for group in groups for rule in group["rules"]]


def test_rules_arrive_as_written(releases: dict[str, Objects]) -> None:
    """Every group and every rule, with the labels and the runbooks' place that values add."""
    arrived = dig(releases["monitoring"].one("PrometheusRule"), "spec", "groups")

    assert [group["name"] for group in arrived] == [group["name"] for group in written()]
    for rule, source in zip(rules(arrived), rules(written()), strict=True):
        if "alert" in source:
            annotations = dict(source["annotations"])
            page = str(annotations["runbook_url"]).rsplit("/", 1)[1]
            annotations["runbook_url"] = f"https://wiki.example/runbooks/{page}"
            labels = {**source["labels"], "team": "shop"}
            assert rule == {**source, "annotations": annotations, "labels": labels}
        else:
            assert rule == source


def test_an_alert_can_be_left_out(helm: Helm) -> None:
    """`disabled` leaves out the alerts of that name, and nothing else."""
    option = "monitoring.prometheusRule.disabled={SegConsumerLag}"
    release = helm.template(MONITORING, "--set", option)
    arrived = rules(dig(release.one("PrometheusRule"), "spec", "groups"))

    left = [rule.get("alert") for rule in rules(written())]
    assert "SegConsumerLag" in left
    assert [name for name in left if name != "SegConsumerLag"] == [
        rule.get("alert") for rule in arrived
    ]


def test_dashboards_arrive_as_written(releases: dict[str, Objects]) -> None:
    """Each is a ConfigMap, its double braces untouched, its runbooks where the values say."""
    found = {
        name: content
        for each in releases["monitoring"].of("ConfigMap")
        if "grafana_dashboard" in dig(each, "metadata", "labels")
        for name, content in each["data"].items()
    }
    files = list((CHART / "dashboards").glob("*.json"))

    assert files
    place, given = "https://seg-consumer.example.com/runbooks", "https://wiki.example/runbooks"
    written_boards = {path.name: path.read_text("utf-8") for path in files}
    assert all(place in board for board in written_boards.values())
    assert found == {name: text.replace(place, given) for name, text in written_boards.items()}


def test_monitors_scrape_the_port_by_its_name(releases: dict[str, Objects]) -> None:
    """Both kinds of monitor ask `/metrics` at the port that the pod and the Service call http."""
    pod = dig(releases["monitoring"].one("PodMonitor"), "spec", "podMetricsEndpoints", 0)
    service = dig(releases["service-monitor"].one("ServiceMonitor"), "spec", "endpoints", 0)

    assert (pod["port"], pod["path"], pod["interval"]) == ("http", "/metrics", "30s")
    assert (service["port"], service["path"], service["interval"]) == ("http", "/metrics", "15s")
    ports = dig(releases["service-monitor"].one("Service"), "spec", "ports")
    assert ports == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]
