"""What a panel is, and Grafana's JSON of it."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from deploy.grafana.runbooks import link
from deploy.grafana.tables import columns

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "dict[str, object]"

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

_JOBS = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"'
MATCHERS = {
    "jobs": _JOBS,
    "pods": f'{_JOBS}, pod=~"$pod"',
    "topics": f'{_JOBS}, pod=~"$pod", topic=~"$topic", partition=~"$partition"',
    # The alert on absence has none of these labels: `|` lets it through.
    "alerts": 'cluster=~"$cluster|", namespace=~"$namespace|", job=~"$job|"',
    # Kubernetes' own metrics have another job: it is the exporter's.
    "kubernetes_pods": 'cluster=~"$cluster", namespace=~"$namespace", pod=~"$pod"',
    "kubernetes": 'cluster=~"$cluster", namespace=~"$namespace"',
}
"""What `@name` in an expression stands for: the dashboard's variables as label matchers."""

Kind = Literal["timeseries", "stat", "heatmap", "table"]


class Step(NamedTuple):
    """From *value* on, *color*; None is from the beginning."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; sizes are in Grafana's grid, 24 columns wide."""

    title: str
    about: str
    """What it shows and what to make of it."""
    unit: str
    """Grafana's id of the unit."""
    queries: Mapping[str, str]
    """Its expressions, by the legend of their series."""
    _: KW_ONLY
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    signed: bool = False
    """Values below 0 mean something; else the axis begins at 0."""
    steps: tuple[Step, ...] = (Step(None, "green"),)
    runbooks: tuple[str, ...] = ()
    """The alerts that look at the same figures."""
    names: bool = False
    """A stat shows the legends of its series, not their values."""
    empty: str | None = None
    """What stands there where no series is."""
    words: Mapping[int, str] = field(default_factory=dict)
    """Words that stand for values."""


class Row(NamedTuple):
    """Panels under a title."""

    title: str
    panels: tuple[Panel, ...]


def as_json(panel: Panel, number: int, x: int, y: int) -> Json:
    """Return Grafana's JSON of *panel*, whose id is *number* and whose corner is at *x*, *y*."""
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": " ".join([panel.about, *(f"Runbook: {name}." for name in panel.runbooks)]),
        "datasource": DATASOURCE,
        "gridPos": {"h": panel.height, "w": panel.width, "x": x, "y": y},
        "links": [link(name) for name in panel.runbooks],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            _target(panel.kind, chr(ord("A") + index), legend, expr)
            for index, (legend, expr) in enumerate(panel.queries.items())
        ],
        **({"transformations": columns(list(panel.queries))} if panel.kind == "table" else {}),
    }


def gauge(name: str, *, where: str = "@pods") -> str:
    """Return the selector of the service's gauge *name*."""
    return f"seg_consumer_{name}{{{where}}}"


def rate(name: str, *, where: str = "@pods") -> str:
    """Return the rate a second of the service's counter *name*."""
    return f"rate(seg_consumer_{name}{{{where}}}[$__rate_interval])"


def recorded(name: str) -> str:
    """Return the selector of what the recording rules keep of the job under *name*."""
    return f"namespace_job:seg_consumer_{name}{{@jobs}}"


def finished(by: str) -> str:
    """Return the records a second that are finished, out of the positions, by the labels *by*."""
    moved = "deriv(seg_consumer_position_offset{@topics}[$__rate_interval])"
    return f"sum by ({by}) (clamp_min({moved}, 0))"


def quantile(share: float, name: str) -> str:
    """Return the quantile *share* of the service's histogram *name*, over all pods."""
    return f"histogram_quantile({share}, sum by (le) ({rate(f'{name}_bucket')}))"


def average(name: str, by: str) -> str:
    """Return the average of what the service's histogram *name* observed, by the label *by*."""
    total, count = rate(f"{name}_sum"), rate(f"{name}_count")
    return f"sum by ({by}) ({total}) / (sum by ({by}) ({count}) > 0)"


def expanded(expr: str) -> str:
    """Return *expr* with the matchers that its `@names` stand for.

    Raises:
        KeyError: there is no such name.
    """
    return re.sub(r"@(\w+)", lambda found: MATCHERS[found[1]], expr)


def _target(kind: Kind, ref: str, legend: str, expr: str) -> Json:
    target: Json = {
        "refId": ref,
        "datasource": DATASOURCE,
        "expr": expanded(expr),
        "legendFormat": legend,
    }
    if kind == "timeseries":
        return target | {"range": True}
    if kind == "heatmap":
        return target | {"range": True, "format": "heatmap"}
    if kind == "table":
        return target | {"instant": True, "range": False, "format": "table"}
    return target | {"instant": True, "range": False}


def _defaults(panel: Panel) -> Json:
    if panel.kind == "heatmap":
        return {"unit": panel.unit}
    defaults: Json = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": [step._asdict() for step in panel.steps]},
        "color": {"mode": "thresholds"},
    }
    if panel.empty is not None:
        defaults["noValue"] = panel.empty
    if panel.words:
        words = {str(value): {"text": text} for value, text in panel.words.items()}
        defaults["mappings"] = [{"type": "value", "options": words}]
    if panel.kind == "timeseries":
        mode = "normal" if panel.stacked else "none"
        drawn = "off" if len(panel.steps) == 1 else "dashed"
        defaults["color"] = {"mode": "palette-classic"}
        if not panel.signed:
            defaults["min"] = 0
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": mode, "group": "A"},
            "thresholdsStyle": {"mode": drawn},
        }
    return defaults


def _options(panel: Panel) -> Json:
    match panel.kind:
        case "timeseries":
            return {
                "legend": {
                    "displayMode": "list",
                    "placement": "bottom",
                    "showLegend": True,
                    "calcs": [],
                },
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case "stat":
            return {
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "textMode": "name" if panel.names else "auto",
                "wideLayout": True,
                "showPercentChange": False,
                "percentChangeColorMode": "standard",
                "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            }
        case "table":
            return {"showHeader": True, "frameIndex": 0, "cellHeight": "sm"}
        case "heatmap":
            return {
                "calculate": False,
                "cellGap": 1,
                "color": {
                    "mode": "scheme",
                    "scheme": "Oranges",
                    "scale": "exponential",
                    "exponent": 0.5,
                    "fill": "dark-orange",
                    "reverse": False,
                    "steps": 64,
                },
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
                "filterValues": {"le": 1e-9},
                "legend": {"show": True},
                "rowsFrame": {"layout": "auto"},
                "showValue": "never",
                "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
                "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit},
            }
