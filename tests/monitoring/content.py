"""The rules and the dashboards as they stand in the chart."""

from __future__ import annotations

import json
from typing import NamedTuple

import yaml

from consumer.observe.metrics import Kind, declarations
from tests.monitoring.tools import DASHBOARDS, RULES


class Alert(NamedTuple):
    """One alerting rule; two may have the same name, with other severities."""

    name: str
    expr: str
    hold: str
    """How long it is true before it fires: the rule's `for`."""
    severity: str
    annotations: dict[str, str]


class Panel(NamedTuple):
    """One panel of a dashboard, with the row that it stands in."""

    row: str
    json: dict[str, object]
    exprs: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.json["title"])


_RULES = [
    rule
    for file in RULES
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [
    Alert(
        rule["alert"],
        rule["expr"],
        rule.get("for", ""),
        rule["labels"]["severity"],
        rule["annotations"],
    )
    for rule in _RULES
    if "alert" in rule
]
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in _RULES if "record" in rule}
"""Expressions by the name that they are recorded under."""
BOARDS = [json.loads(file.read_text(encoding="utf-8")) for file in DASHBOARDS]


def panels() -> list[Panel]:
    """Return every panel of every dashboard, rows themselves left out."""
    found: list[Panel] = []
    for board in BOARDS:
        row = ""
        for panel in board["panels"]:
            if panel["type"] == "row":
                row = panel["title"]
            else:
                exprs = tuple(target["expr"] for target in panel["targets"])
                found.append(Panel(row, panel, exprs))
    return found


def exported() -> dict[str, str]:
    """Return the name of every series that the service shows, and the metric that it is of."""
    names: dict[str, str] = {}
    for metric in declarations():
        if metric.kind is Kind.HISTOGRAM:
            names |= {metric.name + part: metric.name for part in ("_bucket", "_sum", "_count")}
        else:
            names[metric.name] = metric.name
    return names
