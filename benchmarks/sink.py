"""The other end in a process of its own."""

from __future__ import annotations

import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import orjson

if TYPE_CHECKING:
    from types import TracebackType

    from benchmarks.server import Counts


class Tls(NamedTuple):
    """The files of a sink that speaks TLS."""

    own: Path
    """Its key and its certificate."""
    authority: Path
    """The certificate of who signed it."""


class SinkProcess:
    """A sink in a process of its own; use it in a `with` statement."""

    def __init__(self, *, tls: Tls | None = None, **options: float | bool | None) -> None:
        """Start it with *options* of `benchmarks.server`; what is None or False is left out."""
        given = [(f"--{name.replace('_', '-')}", value) for name, value in options.items()]
        command = [name if value is True else f"{name}={value}" for name, value in given if value]
        command += [] if tls is None else [f"--tls={tls.own}"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server", *command], stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None:
            raise RuntimeError("the sink has no standard output")
        self.url = self._process.stdout.readline().strip()
        self.authority = None if tls is None else tls.authority
        """The certificate by which it is known; None where it speaks no TLS."""
        self._trusting = None if tls is None else ssl.create_default_context(cafile=tls.authority)

    def counts(self, path: str = "") -> Counts:
        """Ask for what it has seen."""
        with urllib.request.urlopen(  # noqa: S310 - our own
            self.url + path, timeout=30, context=self._trusting
        ) as answer:
            counts: Counts = orjson.loads(answer.read())
        return counts

    def come_back(self) -> None:
        """End its outage."""
        self.counts("back")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
