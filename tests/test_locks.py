"""What is installed is what the lock files say, whatever was published since."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "name", ["requirements/environment.sh", "Dockerfile", "tests/chart/tools.py"]
)
def test_lock_is_installed_as_it_stands(name: str) -> None:
    """Pip looks for nothing beside a lock: a newer release of an extra would end the set-up."""
    lines = re.findall(r"^.*--require-hashes.*$", (ROOT / name).read_text(), re.MULTILINE)

    assert lines
    assert [line for line in lines if "--no-deps" not in line] == []


def test_lock_is_complete() -> None:
    """The packages that the lock names need no others."""
    check = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]

    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n")
