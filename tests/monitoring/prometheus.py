"""A Prometheus of our own: started in a folder, asked over its HTTP API."""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

import orjson
import yaml

from consumer.core.timing import SystemClock
from tests.monitoring.tools import RULES, program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SCRAPE_S = 1
START_LIMIT_S = 20.0
CLOCK = SystemClock()


class Series(NamedTuple):
    """One series of an answer, in order of time."""

    labels: dict[str, str]
    points: list[tuple[float, float]]
    """Moments, seconds since the epoch, and the values there."""

    @property
    def values(self) -> list[float]:
        """The values alone."""
        return [value for _, value in self.points]


class Prometheus:
    """A running Prometheus; asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.since_s = CLOCK.wall_s()
        """Where the ranges of `values` begin."""

    def get(self, path: str, **query: str | float) -> object:
        """Return the `data` of the answer.

        Raises:
            urllib.error.HTTPError: Prometheus refuses the query.
        """
        parsed: dict[str, object] = orjson.loads(page(f"{self._url}/{path}?{urlencode(query)}"))
        return parsed["data"]

    def values(self, expr: str) -> list[Series]:
        """Return what *expr* was, second by second, since the beginning."""
        data = self.get(
            "query_range", query=expr, start=self.since_s, end=CLOCK.wall_s(), step=SCRAPE_S
        )
        return _series(data, lambda one: one["values"])

    def now(self, expr: str) -> list[Series]:
        """Return what *expr* is now."""
        return _series(self.get("query", query=expr), lambda one: [one["value"]])


def _series(data: Any, points_of: Callable[[Any], list[tuple[float, str]]]) -> list[Series]:  # noqa: ANN401 - JSON
    return [
        Series(one["metric"], [(moment, float(value)) for moment, value in points_of(one)])
        for one in data["result"]
    ]


@contextmanager
def running(folder: Path, pods: Mapping[str, str], others: str) -> Iterator[Prometheus]:
    """Run one that scrapes *pods*, addresses by name, and what *others* shows, by our rules."""
    own = [
        {"targets": [address], "labels": {"namespace": "shop", "pod": pod}}
        for pod, address in pods.items()
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"},
        "rule_files": [str(file) for file in RULES],
        "scrape_configs": [
            {"job_name": "shop/seg-consumer", "static_configs": own},
            {"job_name": "kubernetes", "static_configs": [{"targets": [others]}]},
        ],
    }
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        prometheus = Prometheus(f"http://{address}/api/v1")
        wait_for(lambda: prometheus.get("status/buildinfo"))
        yield prometheus
    finally:
        process.terminate()
        process.wait(15)


def wait_for(ask: Callable[[], object], within_s: float = START_LIMIT_S) -> None:
    """Ask until there is an answer that says something.

    Raises:
        TimeoutError: there was none in time.
    """
    end_s = CLOCK.monotonic_s() + within_s
    while CLOCK.monotonic_s() < end_s:
        with suppress(OSError):
            if ask():
                return
        threading.Event().wait(0.05)
    raise TimeoutError(f"nothing within {within_s:.0f} s")


def page(url: str) -> bytes:
    """Return what is at *url*.

    Raises:
        OSError: nobody answers there, or the answer is an error.
    """
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own, on this machine
        content: bytes = answer.read()
    return content


def free_port() -> int:
    """Return a port that nobody listens on."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_port)
