"""A Dockerfile's steps, run without a container engine: paths are moved below a folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = "/opt/seg-consumer"
_LIMIT_S = 300.0


class Step(NamedTuple):
    """One instruction."""

    keyword: str
    rest: str


def stages(dockerfile: Path) -> list[list[Step]]:
    """Return the steps of each stage, comments gone and continued lines joined."""
    lines = [line for line in dockerfile.read_text("utf-8").splitlines() if line[:1] != "#"]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    steps = [Step(*line.split(maxsplit=1)) for line in text.splitlines() if line]
    starts = [number for number, step in enumerate(steps) if step.keyword == "FROM"]
    return [steps[a:b] for a, b in zip(starts, [*starts[1:], len(steps)], strict=True)]


def environment(steps: list[Step]) -> dict[str, str]:
    """Return what ENV sets."""
    settings = (each for step in steps if step.keyword == "ENV" for each in shlex.split(step.rest))
    return {name: value for name, _, value in (each.partition("=") for each in settings)}


def command(steps: list[Step], keyword: str) -> list[str]:
    """Return the words of ENTRYPOINT, CMD or HEALTHCHECK in JSON form."""
    (rest,) = [step.rest for step in steps if step.keyword == keyword]
    words: list[str] = json.loads(rest[rest.index("[") :])
    return words


def let_in(dockerignore: Path) -> set[str]:
    """Return what the .dockerignore leaves of the context: it names all but nothing first."""
    lines = [line for line in dockerignore.read_text("utf-8").splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    return {line[1:] for line in lines if line.startswith("!")}


def build(before: list[list[Step]], last: list[Step], context: Path, root: Path) -> None:
    """Run the stages *before* and copy what the *last* one takes of them.

    *root* is the file system of all, and a new environment the base image.
    """
    subprocess.run([sys.executable, "-m", "venv", str(root / "base")], check=True)
    work = root
    for stage in before:
        env = {"HOME": str(root), **_pip_settings(), **environment(before[0])}
        env["BUILD"] = "pure"  # a minute less; `make image-test` compiles
        env["PATH"] = f"{root}/base/bin:{os.environ['PATH']}"
        for step in stage:
            match step.keyword:
                case "WORKDIR":
                    work = root / step.rest.lstrip("/")
                    work.mkdir()
                case "COPY":
                    *sources, target = step.rest.split()
                    for source in sources:
                        _copy(context / source, work / target)
                case "RUN" if not step.rest.startswith("apt-get "):  # this machine has what it has
                    _run(step.rest.replace(INSTALLED, f"{root}{INSTALLED}"), work, env)
    for source, target in copies(last):
        if source != target:
            shutil.copytree(f"{root}{source}", f"{root}{target}", symlinks=True, dirs_exist_ok=True)


def copies(steps: list[Step]) -> list[tuple[str, str]]:
    """Return source and target of each COPY out of another stage."""
    words = [step.rest.split() for step in steps if step.keyword == "COPY"]
    return [(source, target) for _stage, source, target in words]


def _run(command: str, work: Path, env: dict[str, str]) -> None:
    shell = re.sub(r"^(--mount=\S+\s+)+", "", command)  # secrets that nobody gives
    subprocess.run(["/bin/sh", "-c", shell], cwd=work, env=env, check=True, timeout=_LIMIT_S)


def _pip_settings() -> dict[str, str]:
    """Where this machine's pip looks: a container engine would be told by its own means."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(
            source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
