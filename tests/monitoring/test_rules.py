"""The rules are well formed, name what exists, and each alert tells what to do."""

from __future__ import annotations

import re

import pytest

from consumer.cli import COMMANDS
from consumer.observe.metrics import Declaration, declarations
from tests.monitoring.content import ALERTS, RECORDED, Alert, exported, panels
from tests.monitoring.promql import metrics_of
from tests.monitoring.tools import ROOT, RULES, RUNBOOKS, promtool

NOT_OURS = {
    # kube-state-metrics shows the autoscaler; without it that half of the alert stays silent.
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_spec_max_replicas",
}
EXPRS = [*RECORDED.values(), *(alert.expr for alert in ALERTS)]
NAMES = sorted({alert.name for alert in ALERTS})
SECTIONS = ["Meaning", "Impact", "Look at", "Do", "Goes away"]


def _id(alert: Alert) -> str:
    return f"{alert.name}-{alert.severity}"


def _used_by(expr: str) -> set[str]:
    """Return the metrics that *expr* looks at, through what is recorded too."""
    names = metrics_of(expr)
    through = {name for record in names & RECORDED.keys() for name in _used_by(RECORDED[record])}
    return names | through


@pytest.mark.usefixtures("_prometheus")
def test_promtool_finds_no_fault() -> None:
    """Prometheus' own checker takes every file, its lint included."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)

    assert (0, b"FAILED" in done.stdout) == (done.returncode, False), done.stdout.decode()


def test_every_metric_of_a_rule_exists() -> None:
    """A rule looks at metrics of the service, at recorded ones, or at one with a reason."""
    named = {name for expr in EXPRS for name in metrics_of(expr)}

    assert NOT_OURS == named - exported().keys() - RECORDED.keys()


def test_a_recorded_name_has_its_level_its_metric_and_its_operations() -> None:
    """Names follow Prometheus' convention: level:metric:operations."""
    convention = re.compile(r"namespace_job(_pod)?:seg_consumer_[a-z_]+:[a-z0-9_]+")

    assert [] == [name for name in RECORDED if not convention.fullmatch(name)]


def test_what_is_recorded_is_used() -> None:
    """No rule is evaluated again and again for nobody."""
    shown = [expr for panel in panels() for expr in panel.exprs]
    used = {name for expr in [*EXPRS, *shown] for name in metrics_of(expr)}

    assert set() == RECORDED.keys() - used


@pytest.mark.parametrize("alert", ALERTS, ids=_id)
def test_an_alert_waits_and_says_how_bad_it_is(alert: Alert) -> None:
    """Every alert has a `for`, so that a blink wakes nobody, and one of two severities."""
    assert re.fullmatch(r"\d+[mh]", alert.hold)
    assert alert.severity in {"critical", "warning"}


@pytest.mark.parametrize("alert", ALERTS, ids=_id)
def test_an_alert_has_a_summary_a_description_and_its_runbook(alert: Alert) -> None:
    """The runbook is the page of the alert's name, and the page is there."""
    assert {"summary", "description", "runbook"} == alert.annotations.keys()
    assert ROOT / alert.annotations["runbook"] == RUNBOOKS / f"{alert.name}.md"
    assert (RUNBOOKS / f"{alert.name}.md").is_file()


@pytest.mark.parametrize("alert", ALERTS, ids=_id)
def test_a_text_names_only_labels_that_the_alert_has(alert: Alert) -> None:
    """A label that the expression sums away would be blank in the message."""
    kept = {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", alert.expr)
        for label in labels.split(",")
    } | {"cluster", "namespace", "job"}  # what every recorded series has
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))

    assert set() == named - kept


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_the_five_sections(name: str) -> None:
    """Each page says the same things in the same order."""
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")

    assert text.startswith(f"# {name}\n")
    assert SECTIONS == re.findall(r"^## (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_names_only_what_exists(name: str) -> None:
    """Metrics, alerts, settings and commands of a page are those of the program."""
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    metrics = set(re.findall(r"\bseg_consumer_\w+", text))
    known = exported().keys() | {metric.name for metric in declarations()}

    assert set() == {it for it in metrics if it not in known and f":{it}:" not in str(RECORDED)}
    assert set() == set(re.findall(r"\bSegConsumer\w+", text)) - set(NAMES)
    assert set() == set(re.findall(r"\bseg-consumer ([a-z]+[a-z-]*)", text)) - set(COMMANDS)


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    """The pages are those of the alerts, and the list of them."""
    assert sorted([*NAMES, "README"]) == sorted(page.stem for page in RUNBOOKS.glob("*.md"))


def test_the_list_of_runbooks_names_each() -> None:
    """The list links every page."""
    text = (RUNBOOKS / "README.md").read_text(encoding="utf-8")

    assert NAMES == sorted(set(re.findall(r"\]\((SegConsumer\w+)\.md\)", text)))


@pytest.mark.parametrize("metric", declarations(), ids=lambda metric: metric.name)
def test_a_metric_serves_what_it_says_it_serves(metric: Declaration) -> None:
    """`serves` names an alert that looks at the metric, or a row with a panel that shows it."""
    name, serves = metric.name, metric.serves
    if serves.startswith("Alert "):
        exprs = [alert.expr for alert in ALERTS if alert.name == serves.removeprefix("Alert ")]
    else:
        exprs = [expr for panel in panels() if panel.row == serves for expr in panel.exprs]
    series = {found for expr in exprs for found in _used_by(expr)}

    assert name in {exported().get(one) for one in series}


@pytest.mark.parametrize("metric", declarations(), ids=lambda metric: metric.name)
def test_a_metric_is_shown(metric: Declaration) -> None:
    """Whoever is woken finds each metric on a panel, also those that an alert looks at."""
    name = metric.name
    series = {found for panel in panels() for expr in panel.exprs for found in _used_by(expr)}

    assert name in {exported().get(one) for one in series}
