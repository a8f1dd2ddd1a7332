"""Write the dashboard into the chart."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana.board import UID, dashboard

FILE = Path(__file__).parents[1] / "helm" / "dashboards" / f"{UID}.json"


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
