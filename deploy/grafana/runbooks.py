"""The runbooks as a dashboard: a panel's link leads to a page in the same Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.grafana.panels import Json

UID = "seg-consumer-runbooks"
PAGES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[1] / "helm" / "runbooks").glob("Seg*.md"))
}
"""The Markdown of each page, by the name of its alert."""
NUMBERS = {name: number for number, name in enumerate(PAGES, start=1)}
"""The ids of their panels."""


def address(name: str) -> str:
    """Return where the page of the alert *name* is shown, within Grafana."""
    return f"/d/{UID}?viewPanel={NUMBERS[name]}"


def link(name: str) -> Json:
    """Return a panel's link to the page of the alert *name*."""
    return {
        "title": f"Runbook {name}",
        "url": address(name),
        "type": "link",
        "icon": "doc",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": True,
    }


def dashboard() -> Json:
    """Return the dashboard, a panel a page."""
    return {
        "uid": UID,
        "title": "Seg consumer: runbooks",
        "description": "What each alert means and what to do.",
        "tags": ["kafka", "seg-consumer"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "time": {"from": "now-3h", "to": "now"},
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": []},
        "panels": [_panel(name, text) for name, text in PAGES.items()],
    }


def _panel(name: str, text: str) -> Json:
    index = NUMBERS[name] - 1
    width, height = 12, 20
    return {
        "id": NUMBERS[name],
        "type": "text",
        "title": name,
        "gridPos": {"h": height, "w": width, "x": index % 2 * width, "y": index // 2 * height},
        "options": {"mode": "markdown", "content": text.partition("\n")[2].lstrip()},
    }
