"""The rules and dashboards arrive as they were written."""

from __future__ import annotations

import re
from pathlib import Path
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
            page = Path(annotations.pop("runbook")).name
            annotations["runbook_url"] = f"https://wiki.example/runbooks/{page}"
            labels = {**source["labels"], "team": "shop"}
            assert rule == {**source, "annotations": annotations, "labels": labels}
        else:
            assert rule == source


def test_pages_that_nobody_publishes_are_in_the_cluster(helm: Helm) -> None:
    """Without a place each alert says the command that shows its page, and a ConfigMap has it."""
    release = helm.template(MONITORING, "--set", "monitoring.prometheusRule.runbookBaseUrl=")
    pages = {str(dig(each, "metadata", "name")): each["data"] for each in release.of("ConfigMap")}[
        "my-seg-consumer-runbooks"
    ]
    arrived = rules(dig(release.one("PrometheusRule"), "spec", "groups"))
    commands = {
        rule["alert"]: rule["annotations"]["runbook"] for rule in arrived if "alert" in rule
    }

    assert commands
    assert "runbook_url" not in str(arrived)
    for alert, command in commands.items():
        assert command == (
            "kubectl --namespace shop get configmap my-seg-consumer-runbooks"
            f" --output jsonpath='{{.data.{alert}}}'"
        )
        assert pages[alert] == (CHART / "runbooks" / f"{alert}.md").read_text("utf-8")


def test_pages_that_are_published_have_no_object_of_their_own(releases: dict[str, Objects]) -> None:
    """The alerts link to them; the dashboards have their own copy, which their panels link to."""
    names = [str(dig(each, "metadata", "name")) for each in releases["monitoring"].of("ConfigMap")]

    assert names == ["my-seg-consumer-seg-consumer-runbooks", "my-seg-consumer-seg-consumer"]


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
    """Each is a ConfigMap, its double braces untouched, its runbooks links."""
    found = {
        name: content
        for each in releases["monitoring"].of("ConfigMap")
        if "grafana_dashboard" in dig(each, "metadata", "labels")
        for name, content in each["data"].items()
    }
    files = list((CHART / "dashboards").glob("*.json"))

    assert [
        path.name
        for path in files
        if with_links(path.read_text("utf-8")) != path.read_text("utf-8")
    ]
    assert found == {path.name: with_links(path.read_text("utf-8")) for path in files}


def test_dashboards_without_a_place_link_nowhere(helm: Helm) -> None:
    """A link to a page that is not there is worse than its name."""
    release = helm.template(MONITORING, "--set", "monitoring.prometheusRule.runbookBaseUrl=")
    found = {
        name: content
        for each in release.of("ConfigMap")
        if "grafana_dashboard" in dig(each, "metadata", "labels")
        for name, content in each["data"].items()
    }

    assert found == {
        path.name: path.read_text("utf-8") for path in (CHART / "dashboards").glob("*.json")
    }


def with_links(board: str) -> str:
    """Return *board* with the runbooks that it names as links, in Markdown."""
    return re.sub(r"Runbook: (\w+)", r"Runbook: [\1](https://wiki.example/runbooks/\1.md)", board)


def test_monitors_scrape_the_port_by_its_name(releases: dict[str, Objects]) -> None:
    """Both kinds of monitor ask `/metrics` at the port that the pod and the Service call http."""
    pod = dig(releases["monitoring"].one("PodMonitor"), "spec", "podMetricsEndpoints", 0)
    service = dig(releases["service-monitor"].one("ServiceMonitor"), "spec", "endpoints", 0)

    assert (pod["port"], pod["path"], pod["interval"]) == ("http", "/metrics", "30s")
    assert (service["port"], service["path"], service["interval"]) == ("http", "/metrics", "15s")
    ports = dig(releases["service-monitor"].one("Service"), "spec", "ports")
    assert ports == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]
