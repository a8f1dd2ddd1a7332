"""The dashboard around the rows: variables, annotations, layout."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from deploy.grafana import headline, machine, objectives, records
from deploy.grafana.panels import DATASOURCE, as_json, expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.grafana.panels import Json, Row

UID = "seg-consumer"
ROWS = (headline.HEADLINE, *objectives.ROWS, *records.ROWS, *machine.ROWS)
COLUMNS = 24


def dashboard() -> Json:
    """Return the dashboard, as Grafana's provisioning takes it."""
    return {
        "uid": UID,
        "title": "Seg consumer",
        "description": "Segment events from Kafka to Seg: what came, what became of it, how late.",
        "tags": ["kafka", "seg-consumer"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [],
        "annotations": {"list": [_annotation(*each) for each in _ANNOTATIONS]},
        "templating": {"list": _variables()},
        "panels": _laid_out(ROWS),
    }


def _variables() -> list[Json]:
    build = "seg_consumer_build_info"
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "refresh": 1,
        },
        # A label that a Prometheus server does not set has no values: then everything matches.
        _variable("cluster", "Cluster", f"label_values({build}, cluster)", all_value=".*"),
        _variable(
            "namespace",
            "Namespace",
            f'label_values({build}{{cluster=~"$cluster"}}, namespace)',
            all_value=".*",
        ),
        _variable("job", "Job", f"label_values({build}{{@kubernetes}}, job)", all_value=".+"),
        # "All" names each: the panels on Kubernetes' own metrics would show all other pods else.
        _variable("pod", "Pod", f"label_values({build}{{@jobs}}, pod)", all_value=None),
        _variable(
            "topic", "Topic", "label_values(seg_consumer_lag_records{@jobs}, topic)", all_value=".+"
        ),
        _variable(
            "partition",
            "Partition",
            'label_values(seg_consumer_lag_records{@jobs, topic=~"$topic"}, partition)',
            all_value=".+",
        ),
    ]


def _variable(name: str, label: str, query: str, *, all_value: str | None) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": expanded(query), "refId": name},
        "refresh": 2,  # when the time range changes
        "sort": 3 if name == "partition" else 1,  # by number, by letters
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
        **({} if all_value is None else {"allValue": all_value}),
    }


def _annotation(name: str, color: str, text: str, expr: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": color,
        "expr": expanded(expr),
        "titleFormat": text,
        "step": "1m",
    }


_NEW_VERSION = (
    "group by (version) (seg_consumer_build_info{@jobs}) unless "
    "group by (version) (seg_consumer_build_info{@jobs} offset 5m)"
)
_ANNOTATIONS = (
    (
        "New version",
        "blue",
        "version {{version}}",
        _NEW_VERSION,
    ),
    (
        "Alerts",
        "red",
        "{{alertname}} ({{severity}})",
        'ALERTS{alertname=~"SegConsumer.*", alertstate="firing", @alerts}',
    ),
    (
        "Starts",
        "purple",
        "{{pod}} started",
        "time() - process_start_time_seconds{@pods} < 60",
    ),
    (
        "Waiting",
        "orange",
        "waits for {{reason}}",
        "max by (reason) (seg_consumer_waits_for{@pods}) == 1",
    ),
)
"""Name, colour, text and expression of what is marked over the panels."""


def _laid_out(rows: tuple[Row, ...]) -> list[Json]:
    """Return the rows: the first with its panels below it, the others closed over theirs."""
    numbers = count(1)
    laid_out: list[Json] = []
    y = 0
    for row in rows:
        head = {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        }
        panels, end = _placed(row, numbers, y + 1)
        if row is rows[0]:
            laid_out += [{**head, "collapsed": False, "panels": []}, *panels]
            y = end
        else:
            laid_out.append({**head, "collapsed": True, "panels": panels})
            y += 1
    return laid_out


def _placed(row: Row, numbers: Iterator[int], y: int) -> tuple[list[Json], int]:
    """Return the panels of *row*, from left to right and then below, and where they end."""
    panels: list[Json] = []
    x = height = 0
    for panel in row.panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        panels.append(as_json(panel, next(numbers), x, y))
        x += panel.width
        height = max(height, panel.height)
    return panels, y + height
