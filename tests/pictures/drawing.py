"""A panel of the dashboard, drawn from what Prometheus answered."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.pictures import svg
from tests.pictures.svg import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEGEND_PX, HEAD_PX, AXIS_PX, PAD_PX = 34, 26, 44, 10
ROW_PX = 19
THOUSAND, MINUTE_S = 1_000, 60
CHARTED = 8
"""Series that a chart shows, the largest first."""


class Line(NamedTuple):
    """One series: what its legend says, and its values by the moment, seconds."""

    name: str
    points: list[tuple[float, float]]


class Layer(NamedTuple):
    """A line as it is drawn, and what it stands on in a stack."""

    points: list[tuple[float, float]]
    floor: list[tuple[float, float]]


def drawn(
    panel: Mapping[str, Any], box: Box, lines: Sequence[Line], span: tuple[float, float]
) -> str:
    """Return *panel* with *lines* in it; *span* is the time that is shown."""
    inside = {"stat": _stat, "timeseries": _chart}[panel["type"]]
    return _card(panel, box) + inside(panel, box, lines, span)


def table(
    panel: Mapping[str, Any], box: Box, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """Return *panel* with a table in it."""
    letters = [2 + max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    letter = (box.width - 2 * PAD_PX) / sum(letters)
    parts = [_card(panel, box)]
    for line, cells in enumerate([columns, *rows][: int((box.height - HEAD_PX) // ROW_PX)]):
        y = box.y + HEAD_PX + ROW_PX * (line + 0.75)
        for at, cell in enumerate(cells):
            fill = svg.TEXT if line else svg.MUTED
            x = box.x + PAD_PX + letter * sum(letters[:at])
            parts.append(svg.words(x, y, cell, fill=fill, size=11))
        parts.append(svg.rule(box.x + PAD_PX, y + 5, box.x + box.width - PAD_PX, y + 5))
    return "".join(parts)


def legend(template: str, labels: Mapping[str, str]) -> str:
    """Return Grafana's *template* with the values of *labels*."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), template).strip()


def said(value: float, unit: str) -> str:
    """Return *value* as Grafana writes it in *unit*."""
    if unit == "s" and value >= MINUTE_S:
        return f"{value / MINUTE_S:.1f} min"
    if unit == "s" and 0 < value < 1:
        return f"{value * THOUSAND:.3g} ms"
    number = f"{value / THOUSAND:.1f} k" if value >= THOUSAND else f"{value:.3g}"
    return number + {"s": " s", "cps": "/s", "reqps": "/s"}.get(unit, "")


def _card(panel: Mapping[str, Any], box: Box) -> str:
    title = svg.words(box.x + PAD_PX, box.y + 17, svg.cut(panel["title"], box.width - 20))
    return svg.rectangle(box, svg.CARD) + title


def _stat(
    panel: Mapping[str, Any], box: Box, lines: Sequence[Line], span: tuple[float, float]
) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    now = [(line.name, line.points[-1][1]) for line in lines if line.points[-1][0] >= span[1] - 5]
    if not now:
        text, fill = defaults.get("noValue", "No data"), svg.GREEN
    elif panel["options"]["textMode"] == "name":
        text = ", ".join(name for name, _ in now)
        fill = _color(now[0][1], defaults["thresholds"]["steps"])
    else:
        value = now[0][1]
        fill = _color(value, defaults["thresholds"]["steps"])
        [mapping] = defaults.get("mappings") or [{"options": {}}]
        text = mapping["options"].get(f"{value:g}", {}).get("text") or said(value, defaults["unit"])
    x, y = box.x + box.width / 2, box.y + box.height / 2 + 18
    size = min(26, (box.width - 20) / (0.6 * len(text)))
    return svg.words(x, y, text, fill=fill, size=size, anchor="middle")


def _color(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return {"green": svg.GREEN, "orange": svg.ORANGE, "red": svg.RED}.get(reached[-1], "#5794f2")


def _chart(
    panel: Mapping[str, Any], box: Box, lines: Sequence[Line], span: tuple[float, float]
) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    lines = sorted(lines, key=lambda it: -max(value for _, value in it.points))[:CHARTED]
    lines = [line for line in lines if any(value for _, value in line.points)] or lines[:2]
    layers = _stacked(lines) if stacked else [Layer(line.points, []) for line in lines]
    top = _above(max((value for layer in layers for _, value in layer.points), default=1))
    plot = Box(
        box.x + AXIS_PX,
        box.y + HEAD_PX + 4,
        box.width - AXIS_PX - PAD_PX,
        box.height - HEAD_PX - LEGEND_PX - 20,
    )

    def at(point: tuple[float, float]) -> tuple[float, float]:
        x = plot.x + plot.width * (point[0] - span[0]) / (span[1] - span[0])
        return x, plot.y + plot.height * (1 - point[1] / top)

    parts = [_axes(plot, top, defaults["unit"], span)]
    for number, layer in reversed(list(enumerate(layers))):
        color = svg.PALETTE[number % len(svg.PALETTE)]
        line = [at(point) for point in layer.points]
        if layer.floor:
            parts.append(svg.area([*line, *(at(point) for point in reversed(layer.floor))], color))
        parts.append(svg.curve(line, color))
    parts.append(_legend([line.name for line in lines], box))
    return "".join(parts)


def _stacked(lines: Sequence[Line]) -> list[Layer]:
    sums: dict[float, float] = {}
    layers = []
    for line in lines:
        floor = [(moment, sums.get(moment, 0.0)) for moment, _ in line.points]
        for moment, value in line.points:
            sums[moment] = sums.get(moment, 0.0) + value
        layers.append(Layer([(moment, sums[moment]) for moment, _ in line.points], floor))
    return layers


def _above(value: float) -> float:
    """Return the next round number above *value*."""
    if value <= 0:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(value))
    return next((it * size for it in (1, 1.5, 2, 3, 4, 5, 6, 8) if it * size >= value), 10 * size)


def _axes(plot: Box, top: float, unit: str, span: tuple[float, float]) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = plot.y + plot.height * (1 - share)
        parts.append(svg.rule(plot.x, y, plot.x + plot.width, y))
        text = said(top * share, unit)
        parts.append(svg.words(plot.x - 6, y + 4, text, fill=svg.MUTED, size=10, anchor="end"))
    for second in range(0, int(span[1] - span[0]) + 1, MINUTE_S):
        x = plot.x + plot.width * second / (span[1] - span[0])
        text = f"{second // MINUTE_S} min"
        parts.append(
            svg.words(x, plot.y + plot.height + 14, text, fill=svg.MUTED, size=10, anchor="middle")
        )
    return "".join(parts)


def _legend(names: Sequence[str], box: Box) -> str:
    parts = []
    x, y = box.x + PAD_PX, box.y + box.height - LEGEND_PX + 14
    for number, name in enumerate(names):
        width = 22 + 6.2 * len(name)
        if x + width > box.x + box.width and x > box.x + PAD_PX:
            x, y = box.x + PAD_PX, y + 15
        if y > box.y + box.height:
            break
        parts.append(svg.rectangle(Box(x, y - 7, 10, 3), svg.PALETTE[number % len(svg.PALETTE)]))
        parts.append(svg.words(x + 14, y - 2, name, fill=svg.MUTED, size=11))
        x += width
    return "".join(parts)
