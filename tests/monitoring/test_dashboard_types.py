"""The dashboards fit Grafana's own types, the options of each kind of panel included.

The JSON becomes a literal of TypeScript that must satisfy the types of `@grafana/schema`: a
misspelt key or an option that a panel no longer has does not compile.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.content import BOARD, BOARDS, PAGES, panels
from tests.monitoring.tools import ROOT

HERE = Path(__file__).with_name("grafana_types")
INSTALL_LIMIT_S = 100.0
KINDS = {
    "heatmap": "Heatmap",
    "stat": "Stat",
    "table": "Table",
    "text": "Text",
    "timeseries": "TimeSeries",
}
"""How the module of a kind's types is named."""

pytestmark = pytest.mark.monitoring

HEAD = """\
import type { Dashboard } from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";
import type { GraphFieldConfig } from "@grafana/schema";
type Json<T> = T extends string ? `${T}`  // text where the types have an enum
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
"""


@pytest.fixture(name="folder", scope="module")
def _folder() -> Path:
    """Return a folder with Grafana's types and a compiler, as the lock file pins them."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"the dashboards' types are checked with TypeScript, and {name} is missing")
    lock = HERE / "package-lock.json"
    folder = ROOT / ".tools" / f"grafana-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    for name in ("package.json", "package-lock.json", "tsconfig.json"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name, folder)
    if not (folder / "node_modules" / ".package-lock.json").is_file():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        try:
            subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_LIMIT_S)
        except subprocess.SubprocessError as error:
            pytest.skip(f"npm could not fetch Grafana's types: {type(error).__name__}")
    return folder


def _compile(folder: Path, source: str) -> str:
    """Return what the compiler finds wrong with *source*."""
    (folder / "dashboards.ts").write_text(source, encoding="utf-8")
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    command = [str(shutil.which("node")), str(compiler), "-p", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _source(boards: list[dict[str, Any]]) -> str:
    lines = [HEAD]
    for kind, module in KINDS.items():
        path = f"@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x"
        lines.append(
            f'import type {{ Options as {module} }} from "{path}/{module}PanelCfg_types.gen";'
        )
    for number, board in enumerate(boards):
        literal = json.dumps(_typed(board))
        lines.append(f"export const board{number} = {literal} satisfies Json<Dashboard>;")
    for number, panel in enumerate([*(panel.json for panel in panels()), *PAGES["panels"]]):
        options, custom = json.dumps(panel["options"]), json.dumps(_custom(panel))
        module = KINDS[str(panel["type"])]
        lines.append(f"export const options{number} = {options} satisfies Json<{module}>;")
        lines.append(f"export const custom{number} = {custom} satisfies Json<GraphFieldConfig>;")
    return "\n".join(lines)


def _typed(board: dict[str, Any]) -> dict[str, object]:
    """Leave out what the types do not know: an annotation's keys of its own data source."""
    notes = [
        {key: value for key, value in note.items() if key not in {"expr", "step", "titleFormat"}}
        for note in board["annotations"]["list"]
    ]
    return {**board, "annotations": {"list": notes}}


def _custom(panel: dict[str, object]) -> object:
    field = panel.get("fieldConfig")
    return field["defaults"].get("custom", {}) if isinstance(field, dict) else {}


def test_the_dashboards_compile(folder: Path) -> None:
    """Every key is one of Grafana's, and has a value of its type."""
    assert "" == _compile(folder, _source(list(BOARDS.values())))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tittle": "A"},
        {"refresh": 30},
        {"schemaVersion": 41, "panels": [{"type": "stat", "datasource": "prometheus"}]},
    ],
)
def test_a_mistake_does_not_compile(folder: Path, wrong: dict[str, object]) -> None:
    """The check can fail: a misspelt key, a value of another type, an old form of a source."""
    assert "error TS" in _compile(folder, _source([{**BOARD, **wrong}]))
