"""`seg-consumer run` as a process, with its log and its web server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from consumer.core.timing import SystemClock
from tests.kafka.brokers import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]

Scrape = dict[str, float]
"""The value of each series, by its name and labels as they are written."""


class Program:
    """One running consumer; *bomb* is a stage of `tests.kafka.bomb` and a number, or nothing."""

    def __init__(
        self, environment: dict[str, str], log: Path, bomb: tuple[str, int] | None = None
    ) -> None:
        self.log = log
        module = ["consumer"] if bomb is None else ["tests.kafka.bomb", bomb[0], str(bomb[1])]
        own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module, "run"],
                env=own | environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL, if it runs."""
        if self.running:
            self._process.kill()
        self._process.wait(LIMIT_S)

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """Return the exit code; a signal's is negative."""
        return self._process.wait(limit_s)

    def stop(self) -> int:
        """Ask it to end in good order, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def lines(self, event: str) -> list[dict[str, object]]:
        """Return the log's lines about *event*."""
        found = []
        for text in self.log.read_text().splitlines():
            line = json.loads(text) if text.startswith("{") else {}
            if line.get("event") == event:
                found.append(line)
        return found

    @property
    def port(self) -> int:
        """The port of its web server, once it is started."""
        eventually(lambda: bool(self.lines("started")) or not self.running)
        return int(str(self.lines("started")[0]["port"]))

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer of its web server."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as it:
                return it.status, it.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return what `/readyz` says."""
        status, body = self.get("/readyz")
        return status == 200, json.loads(body)

    def scrape(self) -> Scrape:
        """Return what `/metrics` shows."""
        _, body = self.get("/metrics")
        lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (it.rpartition(" ") for it in lines)}


def total(scrape: Scrape, name: str) -> float:
    """Return the sum of the series of the metric *name*."""
    name = f"seg_consumer_{name}"
    return sum(value for key, value in scrape.items() if key.partition("{")[0] == name)


def conserved(scrape: Scrape) -> bool:
    """Tell whether every record that was received is in exactly one place."""
    ended = ("calls_delivered", "records_ignored", "records_dead_lettered", "records_handed_over")
    places = sum(total(scrape, f"{name}_total") for name in ended)
    return total(scrape, "records_received_total") == places + total(scrape, "records_in_flight")


def eventually(done: Callable[[], bool], limit_s: float = LIMIT_S) -> float:
    """Wait until *done*, else fail; return how long it took."""
    clock = SystemClock()
    start_s = clock.monotonic_s()
    while not done():
        assert clock.monotonic_s() - start_s < limit_s, "not done in time"
        pause(0.03)
    return clock.monotonic_s() - start_s


def pause(seconds: float) -> None:
    """Wait: the program under test is another process, so its time is the machine's."""
    signal.sigtimedwait([], seconds)
