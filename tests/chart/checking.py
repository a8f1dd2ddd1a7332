"""Asking the checkers, which live in an environment of their own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chart.trees import Tree

_WITHIN = Path(__file__).with_name("within_checkers.py")
_LIMIT_S = 300.0


class Checkers:
    """The programs in the folder *programs*."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs

    def problems(self, what: str, question: Tree) -> list[str]:
        """Return what `within_checkers.py` finds wrong; *what* is one of its functions."""
        done = self.run("python", str(_WITHIN), what, text=json.dumps(question))
        if done.returncode:
            raise AssertionError(done.stderr)
        found: list[str] = json.loads(done.stdout)
        return found

    def run(
        self, program: str, *arguments: str, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run *program* with *text* as its input."""
        return subprocess.run(
            [str(self._programs / program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_S,
        )

    def security(self, folder: Path) -> Tree:
        """Return checkov's report on the objects in the files of *folder*."""
        options = ["--framework", "kubernetes", "--skip-download", "--compact", "--output", "json"]
        done = self.run("python", "-m", "checkov.main", "--directory", str(folder), *options)
        report: Tree = json.loads(done.stdout)
        return report
