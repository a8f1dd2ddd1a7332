"""The rules and the dashboards as they stand in the chart."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

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
BOARDS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in DASHBOARDS}
BOARD = BOARDS["seg-consumer"]
PAGES = BOARDS["seg-consumer-runbooks"]
"""The runbooks, a panel each."""


def rows() -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the title of each row and its panels, which lie below it or, closed, within it."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for panel in BOARD["panels"]:
        if panel["type"] == "row":
            found.append((panel["title"], list(panel["panels"])))
        else:
            found[-1][1].append(panel)
    return found


def panels() -> list[Panel]:
    """Return every panel of the dashboard, rows themselves left out."""
    return [
        Panel(row, panel, tuple(target["expr"] for target in panel["targets"]))
        for row, within in rows()
        for panel in within
    ]


def exported() -> dict[str, str]:
    """Return the name of every series that the service shows, and the metric that it is of."""
    names: dict[str, str] = {}
    for metric in declarations():
        if metric.kind is Kind.HISTOGRAM:
            names |= {metric.name + part: metric.name for part in ("_bucket", "_sum", "_count")}
        else:
            names[metric.name] = metric.name
    return names
