"""A program that is told to stop before it has begun ends at once, also as process 1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from consumer.core.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LIMIT_S = 20.0
BY_TERM = 128 + signal.SIGTERM

SLOW = """
import time
print("importing", flush=True)
time.sleep(60)
"""
"""Stands in for a library that takes its time to import, as all do on a busy node."""


def start(*before: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start `seg-consumer run` behind the words *before*."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "consumer", "run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return what *process* writes."""
    assert process.stdout is not None
    return process.stdout


@pytest.fixture(name="slow")
def _slow(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the imports of the command line take a minute."""
    (tmp_path / "click.py").write_text(SLOW)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture(name="namespace")
def _namespace() -> list[str]:
    """Return the words that make what follows process 1 of a PID namespace of its own."""
    words = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs root and util-linux, for a PID namespace of its own")
    return words


def test_process_1_that_imports_obeys_term(namespace: list[str], slow: dict[str, str]) -> None:
    """A pod that is deleted while it starts never joins the group, and is no ghost in it."""
    with start(*namespace, env=slow) as outer:
        assert output(outer).readline() == b"importing\n"
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        try:
            assert outer.wait(LIMIT_S) == BY_TERM
        finally:
            outer.kill()


def test_any_process_that_imports_obeys_term(slow: dict[str, str]) -> None:
    """In a shell, too, the exit code is the one that TERM has."""
    with start(env=slow) as process:
        output(process).readline()
        process.terminate()
        try:
            assert process.wait(LIMIT_S) == BY_TERM
        finally:
            process.kill()


@pytest.fixture(name="silent_broker")
def _silent_broker() -> Iterator[socket.socket]:
    """Return a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_S)
        yield server


def test_program_that_still_waits_for_the_brokers_ends_at_once(
    silent_broker: socket.socket,
) -> None:
    """Before the group is joined there is nothing to drain and nothing to leave."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{silent_broker.getsockname()[1]}",
        "SEG_KAFKA__TOPICS": "events",
        "SEG_DELIVERY__WEBSITE_ID": "abc8fb18-7559-4324-9921-a4b5015b4a1c",
        "SEG_HTTP__PORT": "0",
    }
    clock = SystemClock()
    with start(env=env) as process, silent_broker.accept()[0]:
        asked_s = clock.monotonic_s()
        process.terminate()
        try:
            assert process.wait(LIMIT_S) == BY_TERM
        finally:
            process.kill()
    assert clock.monotonic_s() - asked_s < 5.0
