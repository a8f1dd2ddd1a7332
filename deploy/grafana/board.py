"""The dashboard around the rows: variables, links, annotations, layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana import headline, machine, records
from deploy.grafana.panels import DATASOURCE, as_json, expanded

if TYPE_CHECKING:
    from deploy.grafana.panels import Json, Row

UID = "seg-consumer"
ROWS = (*headline.ROWS, *records.ROWS, *machine.ROWS)
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
        "annotations": {"list": [_new_versions()]},
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
    ]


def _variable(name: str, label: str, query: str, *, all_value: str | None) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": expanded(query), "refId": name},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
        **({} if all_value is None else {"allValue": all_value}),
    }


def _new_versions() -> Json:
    expr = (
        "group by (version) (seg_consumer_build_info{@jobs}) unless "
        "group by (version) (seg_consumer_build_info{@jobs} offset 5m)"
    )
    return {
        "name": "New version",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": expanded(expr),
        "titleFormat": "version {{version}}",
        "step": "1m",
    }


def _laid_out(rows: tuple[Row, ...]) -> list[Json]:
    """Return the panels, each row's from left to right and then below."""
    panels: list[Json] = []
    y = 0
    for row in rows:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
                "panels": [],
            }
        )
        y += 1
        x = 0
        height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            panels.append(as_json(panel, len(panels) + 1, x, y))
            x += panel.width
            height = max(height, panel.height)
        y += height
    return panels
