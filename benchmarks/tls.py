"""Ours against the floor at a sink that speaks TLS, as every Seg does."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.contenders import FLOOR, FLOOR_BATCH, OURS, OURS_BATCH
from benchmarks.load import Load
from benchmarks.sink import SinkProcess, Tls
from benchmarks.stage import ContenderError
from benchmarks.versus import STREAM_S, stream
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.contenders import Contender
    from benchmarks.figures import Figures
    from benchmarks.stage import Stage
    from benchmarks.versus import Rounds, Run

KEPT = 50
"""Where connections do not last, so many requests go over each: 2 % go over a new one."""
CONNECTIONS = 1_000
"""That are made one after the other and at once, a request over each."""
CONTENDERS = {
    "floor, single": FLOOR,
    "ours, single": OURS,
    "floor, batches of 50": FLOOR_BATCH,
    "ours, batches of 50": OURS_BATCH,
}


class Way(NamedTuple):
    """How a sink is spoken to."""

    name: str
    tls: bool
    requests: int | None
    """How many requests a connection lasts for; None for all."""


PLAIN = Way("no TLS", tls=False, requests=None)
LASTING = Way("TLS, connections kept", tls=True, requests=None)
CLOSING = Way(f"TLS, a new connection every {KEPT} requests", tls=True, requests=KEPT)
EACH = Way(f"TLS, {CONNECTIONS:,} calls over a new connection each", tls=True, requests=1)


def tls(run: Run, events: int, rounds: int) -> Rounds:
    """Let floor and ours handle a backlog, and then a steady stream, in each way."""
    stage = run.stage
    own, few = stage.fitting(Load(events)), Load(CONNECTIONS, unmapped=0.0)
    with certificate() as known:
        field = {
            row(name, way): _backlog(stage, contender, few if way is EACH else own, way, known)
            for way in (PLAIN, LASTING, CLOSING, EACH)
            for name, contender in CONTENDERS.items()
            if way is not EACH or contender.batch == 1
        }
        results = run.in_turn(rounds, field)
        steady = {
            row(name, way): stream(stage, contender, STREAM_S, _sink(way, known, trace=True))
            for way in (PLAIN, LASTING, CLOSING)
            for name, contender in CONTENDERS.items()
        }
        for name, (figures,) in run.in_turn(1, steady).items():
            results[name] = [each | figures for each in results[name]]
    return results


def row(name: str, way: Way) -> str:
    """Return what a contender's figures are called."""
    return f"{name}: {way.name}"


@contextmanager
def certificate() -> Iterator[Tls]:
    """Give a certificate for this machine, of an elliptic curve as most have.

    Raises:
        ContenderError: there is no openssl.
    """
    if shutil.which("openssl") is None:
        raise ContenderError("the certificate is made by the program openssl")
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder) / "authority")
        yield Tls(authority.issue("sink").together(), authority.certificate)


def _sink(way: Way, known: Tls, *, trace: bool = False) -> Callable[[], SinkProcess]:
    return lambda: SinkProcess(trace=trace, tls=known if way.tls else None, requests=way.requests)


def _backlog(
    stage: Stage, contender: Contender, load: Load, way: Way, known: Tls
) -> Callable[[], Figures]:
    def run() -> Figures:
        with _sink(way, known)() as sink:
            figures = stage.run(contender, load, sink)
            counts = sink.counts()
        figures["sink_us_per_event"] = figures["sink_busy"] / figures["events_per_s"] * 1e6
        figures["connections"] = counts["connections"]
        figures["resumed"] = counts["resumed"]
        if counts["connected_s"] is not None and counts["last_s"] is not None:
            figures["connected_to_last_s"] = counts["last_s"] - counts["connected_s"]
        return figures

    return run
