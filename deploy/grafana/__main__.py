"""Write the dashboards into the chart."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana import board, runbooks

FOLDER = Path(__file__).parents[1] / "helm" / "dashboards"


def texts() -> dict[str, str]:
    """Return the content of each file, by its name."""
    made = {board.UID: board.dashboard(), runbooks.UID: runbooks.dashboard()}
    return {f"{uid}.json": json.dumps(json_, indent=2) + "\n" for uid, json_ in made.items()}


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
