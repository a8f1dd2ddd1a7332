"""Which interpreters the suite runs on, and how they are summed up."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.machines import pythons

if TYPE_CHECKING:
    from pathlib import Path


def stub(folder: Path, name: str, says: str) -> None:
    """Make a program *name* in *folder* that prints *says*."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)


def test_the_promise_is_of_versions() -> None:
    """The versions are read from the project, and this interpreter is one of them."""
    assert "3.11" in pythons.promised()
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in pythons.promised()


def test_each_is_found_once(tmp_path: Path) -> None:
    """Other names of the same are left out, and so is what does not run or is not promised."""
    stub(tmp_path / "a", "python3", "echo 3.11.2 /usr")
    stub(tmp_path / "a", "python3.11", "echo 3.11.2 /usr")
    stub(tmp_path / "a", "python3.12", "echo 'not installed' >&2; exit 127")
    stub(tmp_path / "a", "python3-config", "echo 3.12.1 /config")
    stub(tmp_path / "b", "python3.10", "echo 3.10.13 /b")
    stub(tmp_path / "b", "python3.12", "echo 3.12.1 /b")

    here = list(pythons.found([tmp_path / "a", tmp_path / "none", tmp_path / "b"]))

    assert [(it.version, it.prefix) for it in here] == [("3.11.2", "/usr"), ("3.12.1", "/b")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("12 passed, 3 skipped, 386 deselected in 4.2s\n", "12 passed, 0 failed, 3 skipped"),
        ("==== 1 failed, 2 passed, 1 error in 0.1s ====", "2 passed, 2 failed, 0 skipped"),
        ("no tests ran in 0.1s", "0 passed, 0 failed, 0 skipped"),
    ],
)
def test_how_tests_ended(line: str, said: str) -> None:
    """The figures are those of pytest's closing line; an error is a failure."""
    assert pythons.text(pythons.counted(line)) == said


@pytest.mark.parametrize(
    ("ends", "code"),
    [(Counter(passed=3), 0), (Counter(passed=3, failed=1), 1), (Counter(), 1), (None, 1)],
)
def test_a_suite_that_came_to_no_end_has_failed(
    ends: Counter[str] | None,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 1 after a failure, where no test ran, and where the suite broke off."""
    ended = None if ends is None else pythons.Ended("pure", ends)
    monkeypatch.setattr(pythons, "suite", lambda _, **_build: ended)

    assert pythons.main([sys.executable]) == code
    assert ("0 failed" in capsys.readouterr().out.splitlines()[-1]) == (code == 0)


def test_the_first_that_can_have_it_gets_the_compiled_build(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One without a compiler or headers leaves it to the next, and each row says what ran."""
    can = {"a": "pure", "b": "compiled", "c": "compiled"}
    monkeypatch.setattr(pythons, "interpreter", lambda name: pythons.Interpreter(name, "/", name))

    def suite(it: pythons.Interpreter, *, compiled: bool) -> pythons.Ended:
        return pythons.Ended(can[it.version] if compiled else "pure", Counter(passed=1))

    monkeypatch.setattr(pythons, "suite", suite)
    pythons.main(["a", "b", "c"])

    rows = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert rows[-4:-1] == ["a (a), pure", "b (b), compiled", "c (c), pure"]


def test_a_name_that_is_no_interpreter_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for and cannot be had is named, and fails."""
    assert pythons.main(["python3.999"]) == 1
    assert "python3.999: came to no end" in capsys.readouterr().out
