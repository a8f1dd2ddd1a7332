"""The quickstart, walked as a newcomer does: its own lines, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from tests.docs.commands import ROOT, kind, shown

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCRIPTS = [text for language, text in BLOCKS if language != "text"]
SHOWN = [text for language, text in BLOCKS if language == "text"]
PATIENCE_S = 60


def test_its_steps_are_those_that_the_tests_walk() -> None:
    """From installing to `top`; no page shows another such line."""
    walked = "".join(SCRIPTS)

    assert [it.split()[:2] for it in SCRIPTS[-3:]] == [
        ["seg-consumer", "doctor"],
        ["seg-consumer", "run"],
        ["seg-consumer", "top"],
    ]
    assert [it for it in shown() if kind(it) == "quickstart" and it not in walked] == []


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(),
    reason="no git, or this is no clone",
)
def test_the_program_is_installed_as_the_page_writes(tmp_path: Path) -> None:
    """The clone gets a venv of its own; what the index gives is there already."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_IGNORE_INSTALLED": "1",
        "SEG_CONSUMER_BUILD": "pure",
    }
    script = SCRIPTS[0].replace("REPOSITORY", shlex.quote(str(ROOT))) + "command -v seg-consumer\n"

    done = _bash(script, tmp_path, env)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "seg-consumer/.venv/bin/seg-consumer")


@pytest.mark.broker
def test_each_step_says_what_the_page_shows(tmp_path: Path) -> None:
    """From the sandbox to the stop, with other ports than the page's, which may be taken."""
    sandbox, settings, events, doctor, run, top = SCRIPTS[1:]
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SEG_KAFKA__CONFIG": json.dumps(CONFIG),
        "SEG_HTTP__PORT": "0",
    }
    with EmbeddedBroker() as broker, ExitStack() as stack:
        broker.create_topic("segment-events", 1)
        broker.create_topic("segment-events.dead-letter", 1)
        said, _ = _started(stack, f"{sandbox.strip()} --port 0", tmp_path, env, "listens on")
        endpoint = said[-1].split()[-1].rstrip("/")
        given = settings.replace("localhost:9092", broker.bootstrap)
        given = given.replace("http://127.0.0.1:8080", endpoint)
        words = _bash(given + events + doctor, tmp_path, env)
        assert words.returncode == 0, words.stdout + words.stderr
        for line in (SHOWN[1] + SHOWN[2]).splitlines():
            want = line.replace("localhost:9092", broker.bootstrap)
            assert " ".join(want.split())[:60] in " ".join(words.stdout.split())

        env["SEG_CONFIG_FILE"] = "settings.yaml"
        said, stop = _started(stack, run.strip(), tmp_path, env, "partitions_assigned")
        port = next(it["port"] for it in map(json.loads, said) if it["event"] == "started")
        line = top.replace("9090", str(port))
        looks = (_bash(line, tmp_path, env).stdout for _ in range(20))
        assert any(all(_like(it, look) for it in SHOWN[4].splitlines()[2:]) for look in looks)

        shown = [it for it in _events(SHOWN[3]) if it != "dead_letter_topic_made"]
        assert shown == [it for it in _events("".join(said)) if it in SHOWN[3]]
        assert set(_events(SHOWN[5])) <= set(_events(stop()))


def _like(line: str, text: str) -> bool:
    return line.split() in [it.split() for it in text.splitlines()]


def _events(lines: str) -> list[str]:
    return [json.loads(line)["event"] for line in lines.splitlines()]


def _bash(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-e", "-c", script],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def _started(
    stack: ExitStack, command: str, folder: Path, env: dict[str, str], until: str
) -> tuple[list[str], Callable[[], str]]:
    """Start *command*; return its lines up to *until*, and what ends it and gives the rest."""
    process = stack.enter_context(
        subprocess.Popen(
            ["/bin/bash", "-c", f"exec {command}"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )
    stack.callback(process.terminate)
    said: list[str] = []
    for line in process.stdout or ():
        said.append(line)
        if until in line:
            break

    def stop() -> str:
        process.terminate()
        return process.communicate(timeout=PATIENCE_S)[0]

    return said, stop
