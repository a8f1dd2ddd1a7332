"""The image: its steps work, and what they install runs as nobody in particular."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.chart import dockerfile
from tests.chart.generate import VALUES
from tests.chart.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chart.checking import Checkers

DOCKERFILE = ROOT / "Dockerfile"
BUILD, FINAL = dockerfile.stages(DOCKERFILE)
MIB = 1 << 20


@pytest.fixture(scope="module")
def image(checkers: Checkers) -> Iterator[Path]:
    """The file system that the steps of the first stage make, read-only."""
    del checkers  # what needs the package registries runs where the checkers do
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dockerfile.build(BUILD, ROOT, root)
        _change_modes(root, lambda mode: mode & ~0o222)
        yield root
        _change_modes(root, lambda mode: mode | 0o200)


def _change_modes(root: Path, change: Callable[[int], int]) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(change(path.stat().st_mode))


def run(image: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run *program* of *image* in its environment, with no capability: even root obeys modes."""
    programs = f"{image}{dockerfile.INSTALLED}/bin"
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    return subprocess.run(
        [*powerless, f"{programs}/{program}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**dockerfile.environment(FINAL), "PATH": f"{programs}:/usr/bin:/bin"},
        timeout=100,
    )


def test_linter_finds_nothing(checkers: Checkers) -> None:
    """Hadolint has nothing to say, not even as advice."""
    done = checkers.run("hadolint", "--failure-threshold", "style", str(DOCKERFILE))

    assert (done.returncode, done.stdout) == (0, "")


def test_program_of_the_image_does_the_main_job(image: Path) -> None:
    """What the steps installed runs the demo, without writing where it lives."""
    (entry,) = dockerfile.command(FINAL, "ENTRYPOINT")
    done = run(image, entry, "demo", "--json")

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    ends = sum(summary["ignored"].values()) + sum(summary["dead_lettered"].values())
    assert summary["received"] == summary["delivered"] + ends > 0


def test_image_is_read_only(image: Path) -> None:
    """The test above means something: the program could not have written there."""
    code = "import consumer; open(consumer.__file__, 'a')"
    done = run(image, "python", "-c", code)

    assert "PermissionError" in done.stderr


def test_default_command_is_run(image: Path) -> None:
    """Without arguments the image consumes: it asks for its settings, with exit code 2."""
    done = run(image, *dockerfile.command(FINAL, "ENTRYPOINT"), *dockerfile.command(FINAL, "CMD"))

    assert done.returncode == 2
    assert "SEG_KAFKA__BOOTSTRAP_SERVERS" in done.stderr


def test_image_is_small_and_holds_no_tools(image: Path) -> None:
    """The base gains less than 150 MiB, with neither pip nor what builds the wheel."""
    installed = image / dockerfile.INSTALLED.lstrip("/")
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file())
    packages = {path.name for path in installed.glob("lib/python3*/site-packages/*")}

    assert size < 150 * MIB
    assert not packages & {"pip", "setuptools", "hatchling", "pytest"}
    assert "consumer" in packages


def test_only_what_is_needed_is_let_in() -> None:
    """The .dockerignore lets in exactly what the steps copy."""
    sources = {
        source.rstrip("/")
        for step in BUILD
        if step.keyword == "COPY"
        for source in step.rest.split()[:-1]
    }

    assert dockerfile.let_in(ROOT / ".dockerignore") == sources


def test_user_is_the_chart_s() -> None:
    """The image's user is the one that the chart says, by number: Kubernetes can check it."""
    values = yaml.safe_load(VALUES.read_text("utf-8"))
    security = values["podSecurityContext"]

    users = [step.rest for step in FINAL if step.keyword == "USER"]
    assert users == [f"{security['runAsUser']}:{security['runAsGroup']}"]


def test_labels_are_oci_s() -> None:
    """The image says what it is, by the names of the OCI."""
    text = " ".join(step.rest for step in FINAL if step.keyword == "LABEL")

    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in text


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_health_check_asks_whether_the_loop_turns(status: int, expected: int) -> None:
    """Docker's health check succeeds where `/livez` does, at the port of the settings."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is http.server's
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request, daemon=True)
        thread.start()
        done = subprocess.run(
            dockerfile.command(FINAL, "HEALTHCHECK"),
            # The image has a `python`; a machine may have only `python3`.
            env={
                "PATH": str(Path(sys.executable).parent),
                "SEG_HTTP__PORT": str(server.server_port),
            },
            capture_output=True,
            check=False,
        )
        thread.join()

    assert (done.returncode, asked) == (expected, ["/livez"])
