"""Shapes and texts of SVG; numbers are pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable

FONT = "Inter, 'Helvetica Neue', Arial, sans-serif"
GROUND, CARD, LINE = "#111217", "#1b1d22", "#33363d"
TEXT, MUTED = "#d8d9e0", "#9a9ca8"
GREEN, ORANGE, RED = "#73bf69", "#ff9830", "#f2495c"
PALETTE = (GREEN, "#5794f2", "#f2cc0c", "#b877d9", ORANGE, "#56a7a0", RED, "#8ab8ff")


class Box(NamedTuple):
    """A place and a size."""

    x: float
    y: float
    width: float
    height: float


def picture(title: str, about: str, width: float, height: float, parts: Iterable[str]) -> str:
    """Return a whole picture with the text that stands for it where it cannot be seen."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' role="img" font-family={quoteattr(FONT)} font-size="12">'
    )
    return "\n".join(
        [
            head,
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(about)}</desc>",
            rectangle(Box(0, 0, width, height), GROUND, radius=8),
            *parts,
            "</svg>\n",
        ]
    )


def rectangle(box: Box, fill: str, *, radius: float = 3) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
        f' rx="{radius:g}" fill="{fill}"/>'
    )


def words(
    x: float, y: float, text: str, *, fill: str = TEXT, size: float = 12, anchor: str = "start"
) -> str:
    """Return a line of *text* on the base line *y*."""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{fill}" font-size="{size:g}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )


def rule(x: float, y: float, to_x: float, to_y: float, *, stroke: str = LINE) -> str:
    """Return a thin straight line."""
    return f'<path d="M{x:g} {y:g}L{to_x:g} {to_y:g}" stroke="{stroke}" stroke-width="1"/>'


def curve(points: Iterable[tuple[float, float]], stroke: str) -> str:
    """Return a line through *points*."""
    return f'<path d="M{_path(points)}" fill="none" stroke="{stroke}" stroke-width="1.5"/>'


def area(points: Iterable[tuple[float, float]], fill: str) -> str:
    """Return the area within *points*, seen through."""
    return f'<path d="M{_path(points)}Z" fill="{fill}" fill-opacity="0.3"/>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def cut(text: str, width: float, size: float = 12) -> str:
    """Return as much of *text* as *width* holds, by an average letter."""
    letters = max(1, int(width / (size * 0.56)))
    return text if len(text) <= letters else text[: letters - 1] + "…"
