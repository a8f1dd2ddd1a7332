"""What a contender is told, what it uses as the operating system tells it, and what it says."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

import orjson


class Job(NamedTuple):
    """What one contender has to do, as the one argument of its process."""

    bootstrap: str
    topic: str
    group: str
    url: str
    """Where the calls go."""
    authority: str | None
    """The file with the certificate by which that is known; None where it speaks no TLS."""
    registry: str
    """Where the schema is."""
    events: int
    """How many records there are to handle; 0 is until SIGTERM."""
    batch: int
    """How many calls go in a request."""
    config: dict[str, str | int | float | bool]
    """What suits the broker of librdkafka's settings."""

    def argument(self) -> str:
        """Return it as text."""
        return orjson.dumps(self._asdict()).decode()


def job() -> Job:
    """Return what this process was started for."""
    return Job(**orjson.loads(sys.argv[1]))


class Usage:
    """What this process uses from now on."""

    def __init__(self) -> None:
        self.start_s = time.monotonic()
        self._cpu_start_s = _cpu_s()

    def figures(self, events: int) -> dict[str, float]:
        """Return what *events* events took: events a second, CPU each, peak memory."""
        seconds = time.monotonic() - self.start_s
        return {
            "events": events,
            "events_per_s": events / seconds,
            "cpu_us_per_event": (_cpu_s() - self._cpu_start_s) / events * 1e6,
            "peak_mb": _peak_mb(),
            "start_s": self.start_s,
            "seconds": seconds,
        }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    # Not ru_maxrss: a process inherits its parent's.
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def say(figures: dict[str, float]) -> None:
    """Print the figures for the process that started this one."""
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")
    sys.stdout.flush()
