"""The consumers of a soak: processes that are started, killed, stopped and measured."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.soak.chronicle import Spell

if TYPE_CHECKING:
    from random import Random

STOP_S: Final = 60.0
YIELDING: Final = ("nice", "-n", "5")
"""What runs so leaves a busy machine to the brokers, which else are late for each other."""

Process: TypeAlias = "subprocess.Popen[bytes]"


class Members:
    """The processes of one group, each with its log in *folder*."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self._env = env
        self._folder = folder
        self._numbers = count(1)
        self._running: list[Process] = []
        self._leaving: list[tuple[float, Process]] = []
        """Those who were asked to stop, and by when they have to."""
        self.peak_mb = 0.0
        """The most memory that one process ever had."""
        self.failures: list[int] = []
        """Exit codes of those that ended badly by themselves, or that did not stop well."""

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        """Start one more."""
        with (self._folder / f"member-{next(self._numbers)}.log").open("wb") as log:
            self._running.append(
                subprocess.Popen(
                    [*YIELDING, sys.executable, "-m", "consumer", "run"], env=self._env, stderr=log
                )
            )

    def kill(self, index: int) -> None:
        """End one at once, as a lost machine does."""
        self.measure()
        process = self._running.pop(index)
        process.kill()
        process.wait()

    def stop(self, index: int) -> None:
        """Ask one to end, as Kubernetes does; `measure` sees whether it does."""
        self.measure()
        process = self._running.pop(index)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # who is asleep could not obey
        self._leaving.append((time.monotonic() + STOP_S, process))

    def stop_all(self) -> None:
        """Ask all to end, and wait until they have."""
        while self._running:
            self.stop(0)
        while self._leaving:
            time.sleep(0.05)
            self.measure()

    def close(self) -> None:
        """End at once whoever still runs."""
        for process in (*self._running, *(leaving for _, leaving in self._leaving)):
            process.kill()
            process.wait()

    def measure(self) -> None:
        """Look at the memory of each, and at those that are gone."""
        for process in list(self._running):
            if process.poll() is not None:
                self.failures.append(process.returncode)
                self._running.remove(process)
        for deadline_s, process in list(self._leaving):
            if process.poll() is None and time.monotonic() > deadline_s:
                process.kill()
                process.wait()
            if process.returncode is not None:
                self._leaving.remove((deadline_s, process))
                self.failures += [process.returncode] if process.returncode else []
        for process in (*self._running, *(leaving for _, leaving in self._leaving)):
            self._weigh(process)

    def freeze(self, index: int) -> int:
        """Stop one where it stands, as a frozen machine does; return its process."""
        process = self._running[index]
        process.send_signal(signal.SIGSTOP)
        return process.pid

    def thaw(self, pid: int) -> None:
        """Let the process *pid* go on, if it is still there."""
        for process in (*self._running, *(leaving for _, leaving in self._leaving)):
            if process.pid == pid:
                process.send_signal(signal.SIGCONT)

    def _weigh(self, process: Process) -> None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        if found is not None:
            self.peak_mb = max(self.peak_mb, int(found[1]) / 1024)


class Sleepers:
    """Members that stand still, within their session or beyond, and wake with what they held."""

    def __init__(self, members: Members, random: Random, session_s: float) -> None:
        self._members = members
        self._random = random
        self._asleep: int | None = None
        self._until_s = 0.0
        self.known = {
            "frozen": partial(self._freeze, 1.5 * session_s),
            "frozen for half a session": partial(self._freeze, 0.5 * session_s),
        }

    def heal(self) -> bool:
        """Wake the sleeper once it has slept for long enough, and tell whether it has."""
        if self._asleep is not None:
            if time.monotonic() < self._until_s:
                return False
            self._members.thaw(self._asleep)
            self._asleep = None
        return True

    def repeats(self, _fault: str, spell: Spell) -> list[Spell]:
        """Return the two moments of it: a member that is asleep sends nothing."""
        return [Spell(spell.since_s, spell.since_s), Spell(spell.until_s, spell.until_s)]

    def _freeze(self, seconds: float) -> None:
        self._asleep = self._members.freeze(self._random.randrange(len(self._members)))
        self._until_s = time.monotonic() + seconds
