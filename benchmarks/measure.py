"""What a process used, as the operating system tells it."""

from __future__ import annotations

import resource
import sys
import time

import orjson


class Usage:
    """What this process uses from now on."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._cpu_start_s = _cpu_s()

    def figures(self, events: int) -> dict[str, float]:
        """Return what *events* events took: events a second, CPU each, peak memory."""
        seconds = time.monotonic() - self._start_s
        return {
            "events_per_s": events / seconds,
            "cpu_us_per_event": (_cpu_s() - self._cpu_start_s) / events * 1e6,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(usage: Usage | None, events: int) -> None:
    """Print the figures for the process that started this one."""
    if usage is None:
        raise RuntimeError("no event came")
    sys.stdout.write(orjson.dumps(usage.figures(events)).decode() + "\n")
