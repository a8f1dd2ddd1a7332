"""Each alert fires when it should and is silent when it should be, as Prometheus itself finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.monitoring.cases import CASES, POD, Case
from tests.monitoring.content import ALERTS
from tests.monitoring.tools import RULES, promtool

if TYPE_CHECKING:
    from pathlib import Path


_HOLD_MIN = {
    (alert.name, alert.severity): int(alert.hold[:-1]) * (60 if alert.hold[-1] == "h" else 1)
    for alert in ALERTS
}
"""Minutes for which each alert is pending before it fires."""


def _selector(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def _series(text: str) -> str:
    """Return *text* with the service's prefix and a pod's labels, where it names none."""
    name, _, rest = text.partition("{")
    own = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if name.startswith("kube_"):
        return _selector(name, own)
    return _selector(f"seg_consumer_{name}", POD | own)


def _unit_test(case: Case) -> dict[str, object]:
    """Return promtool's form of *case*: firing or not, and before that pending as it should be."""
    alert = {"alertname": case.alert, "severity": case.severity}
    firing = _selector("ALERTS", alert | {"alertstate": "firing"})
    pending = _selector("ALERTS", alert | {"alertstate": "pending"})
    questions: list[tuple[str, list[dict[str, object]]]] = [(firing, [])]
    if case.labels is not None:
        labels = _selector("ALERTS", alert | {"alertstate": "firing"} | case.labels)
        held = f"min(count_over_time({pending}[1d])) >= {_HOLD_MIN[case.alert, case.severity]}"
        questions = [
            (firing, [{"labels": labels, "value": 1}]),
            (f"count({held})", [{"labels": "{}", "value": 1}]),
        ]
    return {
        "interval": f"{case.sampled_min}m",
        "input_series": [
            {"series": _series(name), "values": values} for name, values in case.series.items()
        ],
        "promql_expr_test": [
            {"expr": expr, "eval_time": f"{case.at_minute}m", "exp_samples": samples}
            for expr, samples in questions
        ],
    }


@pytest.mark.usefixtures("_prometheus")
@pytest.mark.parametrize("case", CASES, ids=lambda it: f"{it.alert}-{it.severity}: {it.about}")
def test_an_alert_fires_when_it_should_and_only_then(case: Case, tmp_path: Path) -> None:
    """Prometheus evaluates every rule minute by minute on made-up series."""
    file = tmp_path / "case.yaml"
    rules = [str(file) for file in RULES]
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": rules,
                "evaluation_interval": f"{case.sampled_min}m",
                "tests": [_unit_test(case)],
            }
        )
    )

    done = promtool("test", "rules", file)

    assert 0 == done.returncode, done.stdout.decode()


def test_every_alert_is_shown_firing_and_silent() -> None:
    """No alert, and no severity of one, is without both."""
    every = {(alert.name, alert.severity) for alert in ALERTS}

    assert every == {(case.alert, case.severity) for case in CASES if case.labels is not None}
    assert every == {(case.alert, case.severity) for case in CASES if case.labels is None}
