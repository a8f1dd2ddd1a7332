"""Make the pictures of the docs out of a real outage; it takes five minutes.

The dashboard's first row as Prometheus answers its expressions, and a screen of `top`. The drawing
is ours, not Grafana's; its numbers are those that Grafana would show.
"""

from __future__ import annotations

import math
import re
import tempfile
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from rich.console import Console

from consumer.commands.top import Members
from consumer.core.timing import SystemClock
from consumer.observe.scrape import scrape
from consumer.top.show import screen
from tests.monitoring.content import rows
from tests.monitoring.promql import without_variables
from tests.pictures import svg
from tests.pictures.drawing import Line, drawn, legend, said, table
from tests.pictures.outage import moments
from tests.pictures.svg import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.monitoring.prometheus import Prometheus, Series

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
COLUMN_PX, UNIT_PX, GAP_PX = 50, 26, 6
SHOWN_S = 300.0
ALERT = ("alertname", "severity", "alertstate", "namespace", "job")
OWNER = ("topic", "partition", "pod")
ABOUT = {
    "outage": "The dashboard's first row while Seg answers 503: it names the outage and the cause.",
    "recovery": "The dashboard's first row after the outage: the backlog is delivered.",
}


def _expr(expr: str) -> str:
    return without_variables(expr.replace("$__rate_interval", "10s"))


def _lines(prometheus: Prometheus, panel: dict[str, Any], span: tuple[float, float]) -> list[Line]:
    lines = []
    for target in panel["targets"]:
        for series in prometheus.values(_expr(target["expr"])):
            points = [
                (at, it)
                for at, it in series.points
                if span[0] <= at <= span[1] and not math.isnan(it)
            ]
            if points:
                lines.append(Line(legend(target["legendFormat"], series.labels), points))
    return lines


def _table(prometheus: Prometheus, panel: dict[str, Any], box: Box) -> str:
    """Return the panel's table: a row for each set of labels, a column for each of its queries."""
    targets = panel["targets"]
    if len(targets) == 1:
        found = prometheus.now(_expr(targets[0]["expr"]))
        return table(panel, box, ALERT, sorted(_labels(ALERT, it) for it in found))
    rows: dict[tuple[str, ...], list[float]] = {}
    for number, target in enumerate(targets):
        for series in prometheus.now(_expr(target["expr"])):
            row = rows.setdefault(_labels(OWNER, series), [0.0] * len(targets))
            row[number] = series.values[-1]
    worst_first = sorted(rows.items(), key=lambda item: -item[1][0])
    names = [target["legendFormat"] for target in targets]
    body = [[*key, *(said(it, "none") for it in values)] for key, values in worst_first]
    return table(panel, box, [*OWNER, *names], body)


def _labels(names: Sequence[str], series: Series) -> tuple[str, ...]:
    return tuple(series.labels.get(name, "") for name in names)


def _board(prometheus: Prometheus, name: str) -> str:
    """Return the first row of the dashboard as it is now."""
    panels = rows()[0][1]
    until_s = SystemClock().wall_s()
    span = (max(prometheus.since_s, until_s - SHOWN_S), until_s)
    parts = []
    for panel in panels:
        at = panel["gridPos"]
        box = Box(
            at["x"] * COLUMN_PX + GAP_PX,
            (at["y"] - 1) * UNIT_PX + GAP_PX,
            at["w"] * COLUMN_PX - GAP_PX,
            at["h"] * UNIT_PX - GAP_PX,
        )
        if panel["type"] == "table":
            parts.append(_table(prometheus, panel, box))
        else:
            parts.append(drawn(panel, box, _lines(prometheus, panel, span), span))
    last = panels[-1]["gridPos"]
    height = (last["y"] - 1 + last["h"]) * UNIT_PX + GAP_PX
    return svg.picture(f"Dashboard: {name}", ABOUT[name], 24 * COLUMN_PX + GAP_PX, height, parts)


def _top(addresses: list[str]) -> str:
    """Return a screen of `seg-consumer top`."""
    members = Members(addresses, partial(scrape, clock=SystemClock(), timeout_s=2.0))
    members.look()
    Event().wait(2.0)
    console = Console(record=True, width=92, file=StringIO())
    console.print(screen(members.look()))
    text = console.export_svg(title=f"seg-consumer top {' '.join(addresses)}", unique_id="top")
    return re.sub(r"@font-face {.*?}\n", "", text, flags=re.DOTALL)  # no font from elsewhere


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for moment in moments(Path(folder)):
            file = FOLDER / f"dashboard-{moment.name}.svg"
            file.write_text(_board(moment.prometheus, moment.name), encoding="utf-8")
            if moment.name == "outage":
                (FOLDER / "top.svg").write_text(_top(moment.members), encoding="utf-8")


if __name__ == "__main__":
    main()
