"""The suite on other interpreters: `python -m tests.machines.pythons [INTERPRETER...]`.

Without arguments on every one of the versions in pyproject.toml that this machine has, but for the
one that runs this. Each gets the locked packages in `.cache/python-<version>`, and the first that
can have it the compiled build; each row says which it was. What a broker, helm, Prometheus or a
browser answers is left out: it is the same whoever asks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = ROOT / "requirements" / "environment.sh"
COMPILER: Final = ROOT / "requirements" / "compiled.py"
SELECTION: Final = tuple(f"--ignore=tests/{it}" for it in ("browser", "chart", "monitoring"))
PURE: Final = ("-m", "not broker and not real and not monitoring")
COMPILED: Final = (
    "-o",
    "pythonpath=",
    "-m",
    "(not broker or guard) and not real and not monitoring",
)
"""The guard of the hot path as well: that build is what it is for."""

_WHO: Final = "import platform, sys; print(platform.python_version(), sys.base_prefix)"
_COUNT: Final = re.compile(r"(\d+) (passed|failed|skipped|error)")
_CLOSING: Final = re.compile(r"(=+ )?(\d+|no) \w+.* in [\d.]+s\b")


class Interpreter(NamedTuple):
    """One that runs; two names of the same are equal but for the program."""

    version: str
    """All of it, such as 3.11.2."""
    prefix: str
    program: str

    @property
    def minor(self) -> str:
        """The version as pyproject.toml names it, such as 3.11."""
        return ".".join(self.version.split(".")[:2])


class Ended(NamedTuple):
    """How a suite ended."""

    build: str
    """`compiled` or `pure`."""
    counts: Counter[str]


def promised() -> frozenset[str]:
    """Return the versions that the project says it runs on, such as 3.11."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    said = (re.fullmatch(r".* :: Python :: (3\.\d+)", text) for text in project["classifiers"])
    return frozenset(version[1] for version in said if version)


def interpreter(program: str) -> Interpreter | None:
    """Return what *program* is; None where it does not run."""
    try:
        done = subprocess.run(
            [program, "-c", _WHO], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, _, prefix = done.stdout.strip().partition(" ")
    return Interpreter(version, prefix, program)


def found(folders: Iterable[Path]) -> Iterator[Interpreter]:
    """Find the interpreters of *folders* that are promised, each once."""
    seen: set[tuple[str, str]] = set()
    for folder in folders:
        for program in sorted(folder.glob("python3*")):
            if not re.fullmatch(r"python3(\.\d+)?", program.name):
                continue
            it = interpreter(str(program))
            if it and it.minor in promised() and (it.version, it.prefix) not in seen:
                seen.add((it.version, it.prefix))
                yield it


def folders() -> Iterator[Path]:
    """Give where interpreters lie: on the PATH, and where pyenv keeps those that are not."""
    yield from map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/*/bin"))


def suite(it: Interpreter, *, compiled: bool) -> Ended | None:
    """Run the suite on *it*, on the *compiled* build where it can; None where it has no end."""
    home = f".cache/python-{it.version}"
    made = subprocess.run(["/bin/sh", str(ENVIRONMENT), home, it.program], check=False)
    if made.returncode:
        return None
    python = f"{home}/bin/python"
    tree = _tree(python, f".cache/compiled-{it.version}") if compiled else str(ROOT)
    build, marks = ("pure", PURE) if tree == str(ROOT) else ("compiled", COMPILED)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SELECTION, *marks]
    path = {"PYTHONSAFEPATH": "1", "PYTHONPATH": f"{tree}{os.pathsep}{ROOT}"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | path
    ) as run:
        last = ""
        for line in run.stdout or ():
            _say(line)
            last = line if _CLOSING.match(line) else last
    return Ended(build, counted(last)) if run.returncode in {0, 1} else None


def _tree(python: str, folder: str) -> str:
    """Compile for *python* into *folder*; return that, or the sources where it cannot be done."""
    subprocess.run([python, str(COMPILER), folder], check=True)
    where = [python, str(COMPILER), folder, "--where"]
    return subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()


def counted(line: str) -> Counter[str]:
    """Return the figures of pytest's last *line*; errors count as failed."""
    counts: Counter[str] = Counter()
    for number, how in _COUNT.findall(line):
        counts["failed" if how == "error" else how] += int(number)
    return counts


def text(counts: Counter[str]) -> str:
    """Return *counts* as a test runner closes with them."""
    return ", ".join(f"{counts[how]} {how}" for how in ("passed", "failed", "skipped"))


def _say(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


def main(programs: list[str]) -> int:
    """Run the suite on *programs*, or on what is found; return the exit code."""
    os.chdir(ROOT)
    ours = interpreter(sys.executable)
    chosen = [interpreter(program) or program for program in programs] or [
        it for it in found(folders()) if ours is None or it[:2] != ours[:2]
    ]
    table: list[str] = []
    total: Counter[str] = Counter()
    compiled = False
    for it in chosen:
        _say(f"\n== {it if isinstance(it, str) else it.version}\n")
        ended = None if isinstance(it, str) else suite(it, compiled=not compiled)
        name = it if isinstance(it, str) else f"{it.version} ({it.program})"
        if ended is None or not ended.counts:
            table.append(f"{name}: came to no end")
            total["failed"] += 1
            continue
        compiled = compiled or ended.build == "compiled"
        table.append(f"{name}, {ended.build}: {text(ended.counts)}")
        total += ended.counts
    _say("\n" + "\n".join(table or ["no other interpreter of the project's versions is here"]))
    _say(f"\n{text(total)}\n")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
