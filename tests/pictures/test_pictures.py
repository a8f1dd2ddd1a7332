"""The pictures of the docs stand alone, and a drawing shows the numbers that it is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.monitoring.content import panels
from tests.pictures.drawing import Line, drawn, legend, said, table
from tests.pictures.svg import Box

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
MAX_BYTES = 150_000
BOX = Box(0, 0, 400, 200)
SPAN = (0.0, 60.0)


def _texts(svg: str) -> list[str]:
    return re.findall(r">([^<]+)</text>", svg)


def _panel(title: str) -> dict[str, Any]:
    return next(dict(panel.json) for panel in panels() if panel.title == title)


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_picture_stands_alone(path: Path) -> None:
    """It is well-formed, small, and fetches nothing from elsewhere."""
    text = path.read_text(encoding="utf-8")
    ET.fromstring(text)  # noqa: S314 - our own file

    assert len(text) <= MAX_BYTES
    assert re.findall(r"""(?:href=|url\()["']?https?:""", text) == []


def test_the_pictures_are_those_that_the_pages_show() -> None:
    """None is missing, none is left over."""
    root = FOLDER.parents[1]
    pages = [root / "README.md", *root.glob("docs/*.md")]
    shown = {
        name
        for page in pages
        for name in re.findall(r"pictures/([\w.-]+)\)", page.read_text(encoding="utf-8"))
    }

    assert {path.name for path in FOLDER.iterdir()} == shown


def test_a_stat_says_the_last_value() -> None:
    """In its unit, as Grafana would."""
    line = Line("a", [(0.0, 1.0), (60.0, 90.0)])

    assert "1.5 min" in _texts(drawn(_panel("Oldest unfinished"), BOX, [line], SPAN))


def test_a_stat_of_names_says_those_of_now() -> None:
    """What is over is not what is waited for."""
    over, now = Line("outage", [(0.0, 1.0)]), Line("misrouted", [(60.0, 1.0)])

    assert ["Waits for", "misrouted"] == _texts(drawn(_panel("Waits for"), BOX, [over, now], SPAN))


def test_a_stat_without_a_value_says_so() -> None:
    """An objective needs the recording rules."""
    texts = _texts(drawn(_panel("In time, 30 days"), BOX, [], SPAN))

    assert ["In time, 30 days", "no recording rules, or no traffic"] == texts


def test_a_chart_is_drawn_to_scale() -> None:
    """The largest value is near the top, half of it half as high, and the legend names it."""
    line = Line("in", [(0.0, 0.0), (30.0, 50.0), (60.0, 100.0)])
    drawing = drawn(_panel("In and out"), BOX, [line], SPAN)
    [path] = re.findall(r'<path d="M([^"]+)" fill="none"', drawing)
    heights = [float(point.split()[1]) for point in path.split("L")]

    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert heights[0] > heights[1] > heights[2]
    assert {"in", "100/s", "0/s"} <= set(_texts(drawing))


def test_layers_of_a_stack_lie_on_one_another() -> None:
    """Two of the same height: the second line is twice as high."""
    lines = [Line("a", [(0.0, 10.0), (60.0, 10.0)]), Line("b", [(0.0, 10.0), (60.0, 10.0)])]
    drawing = drawn(_panel("Answers of Seg"), BOX, lines, SPAN)

    assert "20/s" in _texts(drawing)


def test_a_table_has_a_row_for_each() -> None:
    """The head first."""
    texts = _texts(table({"title": "T"}, BOX, ["topic", "lag"], [["events", "3"]]))

    assert texts == ["T", "topic", "lag", "events", "3"]


def test_a_legend_is_filled_in_as_grafana_does() -> None:
    """A label that the series does not have is nothing."""
    labels = {"class": "transient", "cause": "dns"}

    assert legend("{{class}} {{cause}} {{pod}}", labels) == "transient dns"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "s", "250 ms"),
        (2.5, "s", "2.5 s"),
        (90.0, "s", "1.5 min"),
        (1_500, "short", "1.5 k"),
        (12, "cps", "12/s"),
    ],
)
def test_a_value_is_written_in_its_unit(value: float, unit: str, text: str) -> None:
    """Short, for a small picture."""
    assert said(value, unit) == text
