"""The virtual environment that `make` keeps: what it is made with, and when anew.

The interpreters are stubs that write down what they are told to do.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / "requirements" / "environment.sh"

STUB: Final = """#!/bin/sh
# An interpreter VERSION at BASE; an environment's is a copy beside a file that says it has pip.
case "$*" in
    --version) echo "Python VERSION" ;;
    *version_info*) exec "REAL" -c "import sys; sys.version_info = (NUMBERS); $2" ;;
    *base_prefix*) echo "VERSION BASE" ;;
    *_base_executable*) echo "BASE/NAME" ;;
    "-m venv"*)
        for folder; do :; done
        echo "venv ${*#-m venv }" >>"$LOG"
        case "$*" in *--without-pip*) ;; *) [ HAS_PIP = yes ] || exit 1 ;; esac
        mkdir -p "$folder/bin"
        cp "BASE/NAME" "$folder/bin/python"
        case "$*" in *--without-pip*) ;; *) touch "$folder/pip" ;; esac ;;
    "-m pip --version") [ -e "$(dirname "$0")/../pip" ] ;;
    "-m pip --python"*)
        [ HAS_PIP != none ] || exit 1
        touch "$(dirname "$4")/../pip"
        echo "lent" >>"$LOG" ;;
    "-m pip install"*) echo "install" >>"$LOG" ;;
esac
"""


class Machine:
    """A tree with the script in a folder with a space, and a PATH of stubs."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "a tree"
        self.bin = folder / "bin"
        self._log = folder / "log"
        (self.tree / "requirements").mkdir(parents=True)
        shutil.copy(SCRIPT, self.tree / "requirements")
        (self.tree / "requirements" / "dev.txt").touch()
        (self.tree / "pyproject.toml").touch()
        self.bin.mkdir()
        for name in ("sh", "cat", "cksum", "cp", "dirname", "flock", "mkdir", "rm", "touch"):
            (self.bin / name).symlink_to(shutil.which(name) or name)

    def add(self, name: str, version: str = "3.12.1", *, pip: str = "yes") -> None:
        """Add an interpreter; *pip* tells whether it has it for environments, or for none."""
        numbers = version.replace(".", ", ")
        text = STUB.replace("VERSION", version).replace("BASE", str(self.bin))
        text = text.replace("NUMBERS", numbers).replace("REAL", sys.executable)
        text = text.replace("NAME", name).replace("HAS_PIP", pip)
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def make(self, python: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            ["/bin/sh", "requirements/environment.sh", ".venv", python],
            cwd=self.tree,
            env={"PATH": str(self.bin), "LOG": str(self._log)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def done(self) -> list[str]:
        """Return what was done since the last question."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return lines


MADE: Final = ["venv .venv", "install", "install"]


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_once(machine: Machine) -> None:
    """The environment is made at first, and left alone from then on."""
    machine.add("python3")

    assert machine.make().returncode == 0
    assert machine.done() == MADE
    assert machine.make().returncode == 0
    assert machine.done() == []


def test_other_locks(machine: Machine) -> None:
    """Other locked packages are installed into the environment that is there."""
    machine.add("python3")
    machine.make()
    machine.done()
    (machine.tree / "requirements" / "dev.txt").write_text("six==1.17.0\n")

    machine.make()

    assert machine.done() == ["install", "install"]


def test_first_that_is_new_enough(machine: Machine) -> None:
    """Where `python3` is too old another name is looked for, also where there is no `python`."""
    machine.add("python3", "3.10.13")
    machine.add("python3.12")

    assert machine.make().returncode == 0
    assert machine.done() == MADE


@pytest.mark.parametrize("named", ["", "python3"])
def test_too_old(machine: Machine, named: str) -> None:
    """An interpreter that is too old is refused in one sentence, and nothing is made."""
    machine.add("python3", "3.10.13")

    refused = machine.make(named)

    assert refused.returncode == 1
    (sentence,) = refused.stderr.splitlines()
    assert "3.11 or later is needed" in sentence
    assert ("3.10.13" in sentence) == bool(named)
    assert machine.done() == []


def test_no_such_interpreter(machine: Machine) -> None:
    """A name that is no program is refused by that name."""
    assert machine.make("python9").stderr == "make: there is no python9, which PYTHON names\n"


def test_kept_until_another_is_named(machine: Machine) -> None:
    """The interpreter that was named once remains; naming another makes the environment anew."""
    machine.add("python3")
    machine.add("python3.13", "3.13.0")
    machine.make("python3.13")
    machine.done()

    machine.make()
    assert machine.done() == []

    machine.make("python3")
    assert machine.done() == MADE


def test_interpreter_that_is_gone(machine: Machine) -> None:
    """An environment whose interpreter was removed is made anew, also with its like."""
    machine.add("python3.13", "3.13.0")
    machine.make("python3.13")
    machine.done()
    (machine.bin / "python3.13").unlink()
    python = machine.tree / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(machine.bin / "python3.13")
    machine.add("python3", "3.13.0")

    assert machine.make().returncode == 0
    assert machine.done() == MADE


def test_moved(machine: Machine) -> None:
    """An environment in a tree that was moved is made anew: its scripts name the old place."""
    machine.add("python3")
    machine.make()
    machine.done()
    machine.tree = machine.tree.rename(machine.tree.with_name("elsewhere"))

    assert machine.make().returncode == 0
    assert machine.done() == MADE


def test_environment_without_pip(machine: Machine) -> None:
    """An environment that was left without pip is made anew when packages are to be installed."""
    machine.add("python3")
    machine.make()
    machine.done()
    (machine.tree / ".venv" / "pip").unlink()
    (machine.tree / ".venv" / ".ready").unlink()

    assert machine.make().returncode == 0
    assert machine.done() == MADE


def test_pip_of_another_package(machine: Machine) -> None:
    """Where the interpreter has no pip for environments, its own pip installs one."""
    machine.add("python3", pip="own")

    assert machine.make().returncode == 0
    assert machine.done() == [
        "venv .venv",
        "venv --clear --without-pip .venv",
        "lent",
        "install",
        "install",
    ]


def test_no_pip_at_all(machine: Machine) -> None:
    """Where there is none at all, one sentence says what to install."""
    machine.add("python3", pip="none")

    refused = machine.make()

    assert refused.returncode == 1
    (sentence,) = refused.stderr.splitlines()
    assert "install python3-venv" in sentence
    machine.add("python3")
    assert machine.make().returncode == 0
