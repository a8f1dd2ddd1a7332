"""The page on dependencies says why each is here, and nothing of those that are gone."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """Return the table below *heading*: {package: the other cells}."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name.strip("`"): others for name, *others in cells}


@pytest.mark.parametrize(
    ("heading", "requirements"),
    [
        ("At run time", PROJECT["project"]["dependencies"]),
        ("For development", PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_page_lists_what_is_required(heading: str, requirements: list[str]) -> None:
    """Every dependency has its row, in the order of pyproject.toml, and no other has one."""
    names = [re.match(r"[\w-]+", requirement) for requirement in requirements]

    assert [name[0] for name in names if name] == list(rows(heading))


@pytest.mark.parametrize("heading", ["At run time", "For development"])
def test_every_row_has_its_reasons(heading: str) -> None:
    """Each row says in a sentence why the package is here, and what else there was."""
    assert [
        name for name, cells in rows(heading).items() if [cell[-1:] for cell in cells] != [".", "."]
    ] == []
