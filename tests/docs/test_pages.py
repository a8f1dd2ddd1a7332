"""The pages name files, targets and folders that are there."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from consumer.commands.side_by_side import side_by_side
from consumer.commands.through import Through

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "CONTRIBUTING.md"]
FOLDERS = (ROOT, ROOT / "consumer")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def named(page: str, pattern: str) -> list[str]:
    """Return what stands in backticks in *page* and matches *pattern* as a whole."""
    return [it for it in re.findall(r"`([^`\n]+)`", page) if re.fullmatch(pattern, it)]


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """A path with a folder, from the project's root or from `consumer/`; `.tools/` is made."""
    paths = named(page.read_text("utf-8"), r"\w[\w.-]*/[\w./-]*")

    assert [it for it in paths if not any((root / it).exists() for root in FOLDERS)] == []


def test_the_release_page_lists_what_ci_runs() -> None:
    """Its first table has the steps of `.ci/run`, in their order."""
    page = (ROOT / "docs" / "release.md").read_text("utf-8")
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    steps = re.findall(r"^(?:nice )?(make [a-z-]+)", run, re.MULTILINE)
    first = page.split("\n\n")[2]

    assert re.findall(r"^\| `(make .+?)` \|", first, re.MULTILINE) == steps


@pytest.mark.parametrize("page", PAGES, ids=lambda it: it.name)
def test_every_target_that_a_page_names_is_there(page: Path) -> None:
    """`make x` is a target of the Makefile; variables behind it are not looked at."""
    commands = named(page.read_text("utf-8"), r"make [a-z].*")
    targets = {word for it in commands for word in it.split() if re.fullmatch("[a-z-]+", word)}

    assert [
        it for it in targets - {"make"} if not re.search(rf"^{it}:", MAKEFILE, re.MULTILINE)
    ] == []


def test_a_file_that_is_not_there_is_found() -> None:
    """The second proof that the test above can fail."""
    assert named("see `flow/nothing.py` and `make nothing`", r"\w[\w.-]*/[\w./-]*") == [
        "flow/nothing.py"
    ]


def test_the_mapping_page_shows_what_explain_shows() -> None:
    """The picture of both calls is what the example above it prints on a terminal."""
    page = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    example = page.partition("\necho '")[2].partition("'")[0].encode()
    shown = page.partition("```text\n")[2].partition("```")[0].splitlines()

    console = Console(file=StringIO(), width=100)
    with console.capture() as capture:
        console.print(side_by_side(1, example, Through().explain(example)))

    assert [it.rstrip() for it in capture.get().splitlines() if it.strip()] == [
        it for it in shown if it
    ]
