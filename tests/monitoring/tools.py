"""Prometheus and promtool out of Debian's package, without root: fetched once into `.tools`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".tools" / "prometheus"
RULES: Final = sorted((ROOT / "deploy" / "helm" / "rules").glob("*.yaml"))
DASHBOARDS: Final = sorted((ROOT / "deploy" / "helm" / "dashboards").glob("*.json"))
RUNBOOKS: Final = ROOT / "deploy" / "helm" / "runbooks"

_FETCH_LIMIT_S: Final = 60.0
"""19 MB from a mirror nearby."""


class UnavailableError(Exception):
    """A tool cannot be had on this machine; the text is one line that says why."""


def program(name: str) -> Path:
    """Return the path of `prometheus` or `promtool`; the first call fetches both.

    Raises:
        UnavailableError: this is no Debian, or its mirror does not have the package.
    """
    if not FOLDER.is_dir():
        _fetch()
    return FOLDER / "usr" / "bin" / name


def promtool(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run promtool with *arguments*; its exit code and both of its outputs are the caller's."""
    return subprocess.run(
        [program("promtool"), *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def _fetch() -> None:
    for name in ("apt-get", "dpkg-deb"):
        if shutil.which(name) is None:
            raise UnavailableError(f"promtool comes out of Debian's package, and {name} is missing")
    FOLDER.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as scratch:
        fetch(["apt-get", "download", "--quiet", "prometheus"], scratch, _FETCH_LIMIT_S)
        package = next(Path(scratch).glob("prometheus_*.deb"))
        fetch(["dpkg-deb", "--extract", package.name, "unpacked"], scratch, _FETCH_LIMIT_S)
        try:
            (Path(scratch) / "unpacked").rename(FOLDER)
        except OSError:
            if not FOLDER.is_dir():  # else another process was faster, with the same package
                raise


def fetch(command: list[str], folder: str | Path, limit_s: float) -> None:
    """Run *command* in *folder*, for at most *limit_s* seconds.

    Raises:
        UnavailableError: it took longer, or failed.
    """
    try:
        subprocess.run(
            command,
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took over {limit_s:.0f} s") from None
    except subprocess.CalledProcessError as error:
        last = (error.stdout.strip().splitlines() or ["no reason"])[-1]
        raise UnavailableError(f"{command[0]} could not fetch {command[-1]}: {last}") from None
