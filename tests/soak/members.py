"""The consumers of a soak: processes that are started, killed, stopped and measured."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

STOP_S = 60


class Members:
    """The processes of one group."""

    def __init__(self, env: dict[str, str], log: IO[bytes]) -> None:
        self._env = env
        self._log = log
        self._running: list[subprocess.Popen[bytes]] = []
        self.peak_mb = 0.0
        """The most memory that one process ever had."""
        self.failures: list[int] = []
        """Exit codes of those that ended badly by themselves, or that did not stop well."""

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        """Start one more."""
        self._running.append(
            subprocess.Popen(
                [sys.executable, "-m", "consumer", "run"], env=self._env, stderr=self._log
            )
        )

    def kill(self, index: int) -> None:
        """End one at once, as a lost machine does."""
        self.measure()
        process = self._running.pop(index)
        process.kill()
        process.wait()

    def stop(self, index: int) -> None:
        """End one as Kubernetes does."""
        self.measure()
        process = self._running.pop(index)
        process.send_signal(signal.SIGTERM)
        if process.wait(STOP_S) != 0:
            self.failures.append(process.returncode)

    def measure(self) -> None:
        """Look at the memory of each, and at those that are gone."""
        for process in list(self._running):
            if process.poll() is not None:
                self.failures.append(process.returncode)
                self._running.remove(process)
                continue
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if found is not None:
                self.peak_mb = max(self.peak_mb, int(found[1]) / 1024)
