"""The image: its steps work, and what they install runs as nobody in particular."""

from __future__ import annotations

import json
import os
import subprocess
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
*BEFORE, FINAL = dockerfile.stages(DOCKERFILE)
MIB = 1 << 20


@pytest.fixture(scope="module")
def image(checkers: Checkers) -> Iterator[Path]:
    """The file system that the steps make, read-only."""
    del checkers  # what needs the package registries runs where the checkers do
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dockerfile.build(BEFORE, FINAL, ROOT, root)
        _change_modes(root, lambda mode: mode & ~0o222)
        yield root
        _change_modes(root, lambda mode: mode | 0o200)


def _change_modes(root: Path, change: Callable[[int], int]) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(change(path.stat().st_mode))


def run(image: Path, program: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run *program* of *image* in its environment, with no capability: even root obeys modes."""
    programs = f"{image}{dockerfile.INSTALLED}/bin"
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    return subprocess.run(
        [*powerless, f"{programs}/{program}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**dockerfile.environment(FINAL), "PATH": f"{programs}:/usr/bin:/bin"} | env,
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
    """The base gains less than 80 MiB: no pip, nothing that builds the wheel, no other program."""
    installed = image / dockerfile.INSTALLED.lstrip("/")
    files = (it for it in installed.rglob("*") if it.is_file() and not it.is_symlink())
    size = sum(path.stat().st_size for path in files)
    packages = {path.name for path in installed.glob("lib/python3*/site-packages/*")}

    assert size < 80 * MIB
    assert not packages & {"pip", "setuptools", "hatchling", "pytest", "pygments"}
    assert "consumer" in packages
    programs = {path.name for path in (installed / "bin").iterdir()}
    assert {name for name in programs if not name.startswith("python")} == {"seg-consumer"}


def test_only_what_is_needed_is_let_in() -> None:
    """The .dockerignore lets in exactly what the steps copy."""
    sources = {
        source.rstrip("/")
        for stage in BEFORE
        for step in stage
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


def test_the_program_is_a_layer_of_its_own() -> None:
    """Packages come first: a change of the program leaves their layer as it is."""
    packages, program = dockerfile.copies(FINAL)

    assert packages == (dockerfile.INSTALLED, dockerfile.INSTALLED)
    assert program == ("/build/program", dockerfile.INSTALLED)


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1", "localhost"])  # noqa: S104 - nothing listens
def test_health_check_asks_whether_the_loop_turns(
    image: Path, tmp_path: Path, host: str, status: int, expected: int
) -> None:
    """Docker's health check succeeds where `/livez` does, where the settings say, file included."""
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
        settings = {
            "kafka": {"bootstrap_servers": "kafka:9092", "topics": "events"},
            "delivery": {"website_id": "abc8fb18-7559-4324-9921-a4b5015b4a1c"},
            "http": {"host": host, "port": server.server_port},
        }
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump(settings))
        done = run(image, *dockerfile.command(FINAL, "HEALTHCHECK"), SEG_CONFIG_FILE=str(file))
        thread.join()

    assert (done.returncode, asked) == (expected, ["/livez"])


def test_health_check_of_what_does_not_run_fails(image: Path) -> None:
    """In a sentence, not a stack."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
        "SEG_KAFKA__TOPICS": "events",
        "SEG_DELIVERY__WEBSITE_ID": "abc8fb18-7559-4324-9921-a4b5015b4a1c",
        "SEG_HTTP__PORT": "1",
    }
    done = run(image, *dockerfile.command(FINAL, "HEALTHCHECK"), **env)

    assert done.returncode == 1
    assert done.stderr.startswith("seg-consumer: nobody answers on port 1: 127.0.0.1: ")
    assert done.stderr.count("\n") == 1
