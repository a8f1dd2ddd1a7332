"""The dashboards keep Grafana's conventions: the rules of its own dashboard-linter, and ours.

Source of the rules: grafana/dashboard-linter, `docs/index.md`. Of them `template-instance` and
`target-instance` speak of `pod` here: in Kubernetes that is the instance's lasting name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest
import yaml

from deploy.grafana.__main__ import FOLDER, texts
from tests.monitoring.content import (
    ALERTS,
    BOARD,
    BOARDS,
    PAGES,
    RECORDED,
    Panel,
    exported,
    panels,
    rows,
)
from tests.monitoring.promql import metrics_of, without_variables
from tests.monitoring.tools import RUNBOOKS, promtool

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    "Headline",
    "Objectives",
    "Lag",
    "Throughput",
    "Outcomes",
    "Latency",
    "Rebalances",
    "Commits",
    "Saturation",
    "Loop time",
    "Scaling",
    "Brokers",
]
CHOICES = ["cluster", "namespace", "job", "pod", "topic", "partition"]
UNITS = {"none", "short", "percentunit", "s", "bytes", "cps", "reqps"}
"""Of Grafana's own list (`@grafana/data`, value formats)."""

OF_THE_PROCESS = {
    # prometheus_client's collector of the process, on the same page as ours
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
OF_OTHERS = {
    "ALERTS": "Prometheus itself",
    "container_cpu_cfs_periods_total": "cAdvisor",
    "container_cpu_cfs_throttled_periods_total": "cAdvisor",
    "kube_horizontalpodautoscaler_spec_max_replicas": "kube-state-metrics",
    "kube_horizontalpodautoscaler_status_current_replicas": "kube-state-metrics",
    "kube_horizontalpodautoscaler_status_desired_replicas": "kube-state-metrics",
    "kube_pod_container_resource_limits": "kube-state-metrics",
    "kube_pod_container_status_last_terminated_reason": "kube-state-metrics",
    "kube_pod_container_status_restarts_total": "kube-state-metrics",
    "keda_scaler_detail_errors_total": "KEDA's operator",
    "keda_scaler_metrics_value": "KEDA's operator",
}
"""Metrics that are not the service's, and who shows them."""

PANELS = panels()
NOTES = [(note["name"], note["expr"]) for note in BOARD["annotations"]["list"]]
EXPRS = [(panel.title, expr) for panel in PANELS for expr in panel.exprs] + NOTES
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _title(panel: Panel) -> str:
    return f"{panel.row}: {panel.title}"


def _variables() -> dict[str, dict[str, object]]:
    return {variable["name"]: variable for variable in BOARD["templating"]["list"]}


def test_the_files_are_what_their_source_makes() -> None:
    """The chart's JSON is generated; a change goes into deploy/grafana."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}

    assert found == texts(), "run `make dashboards`"


@pytest.mark.parametrize("uid", list(BOARDS))
def test_a_dashboard_is_fixed(uid: str) -> None:
    """It has a lasting address, and nobody edits a copy that the next release overwrites."""
    board = BOARDS[uid]

    assert (uid, False) == (board["uid"], board["editable"])
    assert "id" not in board


def test_the_rows_are_those_of_the_service() -> None:
    """Each row is there once, in the order in which one asks."""
    assert ROWS == [title for title, _ in rows()]


def test_all_rows_but_the_first_are_closed() -> None:
    """Whoever was just woken sees what is wrong, and opens what it leads to."""
    closed = [panel["collapsed"] for panel in BOARD["panels"] if panel["type"] == "row"]

    assert [False] + [True] * (len(ROWS) - 1) == closed


def test_the_variables_are_there_in_the_order_in_which_they_narrow() -> None:
    """Source, cluster, namespace, job, pod, topic, partition."""
    assert ["datasource", *CHOICES] == list(_variables())


def test_the_datasource_is_a_variable() -> None:
    """template-datasource: Prometheus is chosen in the dashboard."""
    variable = _variables()["datasource"]

    assert ("datasource", "prometheus") == (variable["type"], variable["query"])


@pytest.mark.parametrize("name", CHOICES)
def test_a_variable_asks_the_datasource_and_takes_several_values(name: str) -> None:
    """template-job, -instance, -on-time-change-reload: several values, all of them, kept fresh."""
    variable = _variables()[name]

    assert DATASOURCE == variable["datasource"]
    assert (True, True, 2) == (variable["multi"], variable["includeAll"], variable["refresh"])
    assert variable["label"]


def test_the_panels_have_their_own_ids() -> None:
    """A link to a panel leads to one."""
    numbers = [panel["id"] for panel in BOARD["panels"]]
    numbers += [panel["id"] for panel in BOARD["panels"] for panel in panel.get("panels", [])]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    "panels",
    [[json for json in BOARD["panels"] if json["type"] != "row"], PAGES["panels"]]
    + [row["panels"] for row in BOARD["panels"] if row.get("panels")],
)
def test_panels_have_their_own_places(panels: list[dict[str, dict[str, int]]]) -> None:
    """No two that are seen together lie upon one another, and none leaves the grid."""
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert taken.isdisjoint(cells)
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=_title)
def test_a_panel_explains_itself(panel: Panel) -> None:
    """panel-title-description, panel-units, panel-datasource, panel-no-targets."""
    field = cast("dict[str, dict[str, object]]", panel.json["fieldConfig"])
    targets = cast("list[dict[str, object]]", panel.json["targets"])

    assert panel.title
    assert re.fullmatch(r"[A-Z1].+\.", str(panel.json["description"]))
    assert field["defaults"]["unit"] in UNITS
    assert targets
    assert [DATASOURCE] * (1 + len(targets)) == [
        panel.json["datasource"],
        *(target["datasource"] for target in targets),
    ]


@pytest.mark.parametrize("panel", PANELS, ids=_title)
def test_a_panel_links_the_runbooks_that_it_names(panel: Panel) -> None:
    """Each link leads to the page of its name, in the dashboard beside this one."""
    links = cast("list[dict[str, str]]", panel.json["links"])
    pages = {page["title"]: f"/d/{PAGES['uid']}?viewPanel={page['id']}" for page in PAGES["panels"]}

    assert _runbooks(panel) == {link["title"].removeprefix("Runbook ") for link in links}
    assert [] == [link for link in links if link["url"] != pages.get(link["title"].split()[-1])]


def test_every_runbook_is_a_panel_of_its_own() -> None:
    """The text is that of the page below its title."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in RUNBOOKS.glob("Seg*.md")}

    assert pages == {
        page["title"]: f"# {page['title']}\n\n{page['options']['content']}"
        for page in PAGES["panels"]
    }


def test_every_alert_is_named_by_a_panel() -> None:
    """Who looks at a figure finds the page; an alert on the lack of a service has no figure."""
    named = {name for panel in PANELS for name in _runbooks(panel)}

    assert {"SegConsumerAbsent"} == {alert.name for alert in ALERTS} - named


def _runbooks(panel: Panel) -> set[str]:
    return set(re.findall(r"Runbook: (\w+)\.", str(panel.json["description"])))


def test_every_metric_of_a_panel_exists() -> None:
    """A panel shows metrics of the service, recorded ones, or those of another with a reason."""
    known = exported().keys() | RECORDED.keys() | OF_THE_PROCESS | OF_OTHERS.keys()

    assert set() == {
        (title, name) for title, expr in EXPRS for name in metrics_of(expr) if name not in known
    }


def test_what_is_excused_is_shown() -> None:
    """No reason is left of a panel that is gone."""
    shown = {name for _, expr in EXPRS for name in metrics_of(expr)}

    assert set() == (OF_THE_PROCESS | OF_OTHERS.keys()) - shown


def test_a_rate_follows_the_zoom() -> None:
    """target-rate-interval: rates over Grafana's own interval, sums over what is shown."""
    spans = [
        (title, span)
        for title, expr in EXPRS
        for span in re.findall(r"\b(?:rate|increase|deriv)\([^[]*\[([^\]]+)\]", expr)
    ]

    assert spans
    assert {"$__rate_interval", "$__range"} == {span for _, span in spans}, spans


def test_a_counter_is_never_drawn_as_it_is() -> None:
    """target-counter-agg: only a counter's rate or increase means something."""
    bare = {
        (title, name)
        for title, expr in EXPRS
        for name in metrics_of(expr) - set(re.findall(r"\b(?:rate|increase)\((\w+)", expr))
        if re.search(r"_(total|bucket|count|sum)$", name)
    }

    assert set() == bare


def test_every_selector_heeds_the_variables() -> None:
    """target-job, target-instance: what is chosen above narrows every series of the service."""
    careless = set()
    for title, expr in EXPRS:
        selectors = re.findall(r"([\w:]+)\{([^}]*)\}", expr)
        assert len(selectors) >= len(metrics_of(expr)), title
        for name, matchers in selectors:
            end = "|" if name == "ALERTS" else ""  # one on absence has none of these labels
            missing = {f'{label}=~"${label}{end}"' for label in _narrowed_by(name)}
            if missing - set(matchers.split(", ")):
                careless.add((title, name))

    assert set() == careless


def _narrowed_by(metric: str) -> set[str]:
    if metric.startswith("keda_"):
        return set()  # the namespace is KEDA's own there
    if metric in OF_OTHERS.keys() - {"ALERTS"}:
        return {"cluster", "namespace"}  # the job is the exporter's
    return {"cluster", "namespace", "job"}


@pytest.mark.usefixtures("_prometheus")
def test_prometheus_reads_every_expression(tmp_path: Path) -> None:
    """target-promql: with the variables replaced, each expression is PromQL."""
    rules = [
        {"record": f"panel:{number}", "expr": without_variables(expr)}
        for number, (_, expr) in enumerate(EXPRS)
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    done = promtool("check", "rules", file)

    assert 0 == done.returncode, done.stdout.decode()
    assert f"{len(EXPRS)} rules found" in done.stdout.decode()
