"""Where the hot modules are compiled, and what is said where they are not."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING, Any

import pytest
from hatchling.metadata.core import ProjectMetadata

from consumer.core.build import BUILD
from requirements import compiled

if TYPE_CHECKING:
    from pathlib import Path

EDITED = "consumer/core/lanes.py"


@pytest.fixture(name="sources")
def _sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one hot module, and a compiler that does nothing."""
    source = tmp_path / EDITED
    source.parent.mkdir(parents=True)
    source.write_text("LANES = 1\n")
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.setattr(compiled, "obstacle", lambda: None)
    monkeypatch.setattr(compiled, "compile_into", lambda _folder: None)
    return tmp_path


def hook() -> compiled.CustomBuildHook:
    """Return the hook as hatchling makes it."""
    metadata: ProjectMetadata[Any] = ProjectMetadata(".", None)
    return compiled.CustomBuildHook(".", {}, None, metadata, "dist", "wheel")


def test_without_a_compiler_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what was looked for."""
    monkeypatch.setenv("CC", "/nowhere/cc -O2")

    assert compiled.obstacle() == "there is no C compiler (/nowhere/cc)"


def test_without_headers_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the package that has them."""
    monkeypatch.setenv("CC", "sh")
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))

    assert compiled.obstacle() == "Python's own headers are not installed (python3-dev)"


def test_a_tree_is_run_while_it_is_of_these_very_sources(sources: Path) -> None:
    """After an edit the sources are run, until the tree is made anew."""
    tree = sources / "tree"
    compiled.make_tree(tree)
    assert compiled.is_made(tree)

    (sources / EDITED).write_text("LANES = 2\n")
    assert not compiled.is_made(tree)

    compiled.make_tree(tree)
    assert compiled.is_made(tree)
    assert (tree / EDITED).read_text() == "LANES = 2\n"


def test_a_tree_that_was_broken_off_is_not_run(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark is set last."""

    def fail(_folder: Path) -> None:
        raise RuntimeError

    monkeypatch.setattr(compiled, "compile_into", fail)
    with pytest.raises(RuntimeError):
        compiled.make_tree(sources / "tree")

    assert not compiled.is_made(sources / "tree")


def test_where_nothing_can_be_compiled_the_sources_are_run(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree that an older compiler made is gone, and the sentence says why."""
    compiled.make_tree(sources / "tree")
    monkeypatch.setattr(compiled, "obstacle", lambda: "there is no C compiler (cc)")

    said = compiled.make_tree(sources / "tree")

    assert said == "the program is pure Python: there is no C compiler (cc)"
    assert not compiled.is_made(sources / "tree")


def test_a_wheel_that_must_be_compiled_says_why_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release is never pure by accident."""
    monkeypatch.setenv("SEG_CONSUMER_BUILD", "compiled")
    monkeypatch.setattr(compiled, "obstacle", lambda: "there is no C compiler (cc)")

    with pytest.raises(RuntimeError, match=r"no C compiler \(cc\), and SEG_CONSUMER_BUILD asks"):
        hook().dependencies()


def test_a_wheel_without_a_compiler_is_pure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs nothing more to be built, and claims no platform."""
    monkeypatch.setattr(compiled, "obstacle", lambda: "there is no C compiler (cc)")
    data: dict[str, object] = {"pure_python": True}

    assert hook().dependencies() == []
    hook().initialize("standard", data)
    assert data == {"pure_python": True}


def test_hot_modules_are_there() -> None:
    """Each pattern finds one."""
    assert [it for it in compiled.HOT if not list(compiled.ROOT.glob(it))] == []


def test_version_says_which_build_it_is() -> None:
    """So does every bug report."""
    command = [sys.executable, "-m", "consumer", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith(f"({BUILD})")
