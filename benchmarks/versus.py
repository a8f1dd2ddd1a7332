"""Ours against the floor and the peers: throughput, a slow Seg, and a steady stream."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.contenders import FLOOR, FLOOR_BATCH, OURS, OURS_BATCH, POSTS, Contender
from benchmarks.figures import quantile
from benchmarks.load import TYPED, Load
from benchmarks.sink import SinkProcess
from benchmarks.stage import ContenderError, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.figures import Figures
    from benchmarks.stage import Stage

    Say = Callable[[str], None]
    Rounds = dict[str, list[Figures]]

PEER_EVENTS = 3_000
"""A peer has fewer: it is slow, and its rate is per event."""
SLOW_MS = 20
PEER_EVENTS_SLOW = 150
FAR_MS = 100
FAR_EVENTS = 120_000
"""So many that the rate is not that of the first seconds, in which the limit is looked for."""
RATE = 1_000.0
SETTLE_S = 2.0
STREAM_S = 8.0
FIRST_LIMIT_S = 30.0


class Run:
    """Runs contenders in turn; who fails is left out from then on, with the reason."""

    def __init__(self, stage: Stage, peers: Mapping[str, Contender], say: Say) -> None:
        self.stage = stage
        self.peers = peers
        self.say = say
        self.absent: dict[str, str] = {}
        """Why a row is missing, in one line."""

    def throughput(self, events: int, rounds: int) -> Rounds:
        """Let each handle a backlog as fast as it can, at a sink that answers at once."""
        stage, own = self.stage, self.stage.fitting(Load(events))
        typed, few = own._replace(schema=TYPED), own._replace(events=min(events, PEER_EVENTS))
        field = {
            "sink alone": (POSTS, own),
            "floor, single": (FLOOR, own),
            "ours, single": (OURS, own),
            "floor, batches of 50": (FLOOR_BATCH, own),
            "ours, batches of 50": (OURS_BATCH, own),
            **{name: (peer, few) for name, peer in self.peers.items()},
            "floor, single, typed": (FLOOR, typed),
            "ours, single, typed": (OURS, typed),
            "floor, batches of 50, typed": (FLOOR_BATCH, typed),
            "ours, batches of 50, typed": (OURS_BATCH, typed),
        }
        with SinkProcess() as sink:
            return self.in_turn(
                rounds, {name: _job(stage, *task, sink) for name, task in field.items()}
            )

    def slow(self, events: int, rounds: int) -> Rounds:
        """Let each handle a backlog where Seg takes its time."""
        stage, own = self.stage, self.stage.fitting(Load(events))
        few, many = own._replace(events=PEER_EVENTS_SLOW), stage.fitting(Load(FAR_EVENTS))
        with SinkProcess(latency_ms=SLOW_MS) as slow, SinkProcess(latency_ms=FAR_MS) as far:
            field = {
                "ours, single": _job(stage, OURS, own, slow),
                **{name: _job(stage, peer, few, slow) for name, peer in self.peers.items()},
                "ours, single, 100 ms": _job(stage, OURS, many, far),
            }
            return self.in_turn(rounds, field)

    def stream(self, seconds: float = STREAM_S) -> dict[str, Figures]:
        """Let each take a steady stream, and see how old a call is when the sink has read it."""
        field = {
            "floor, single": FLOOR,
            "ours, single": OURS,
            "floor, batches of 50": FLOOR_BATCH,
            "ours, batches of 50": OURS_BATCH,
            **self.peers,
        }
        jobs = {name: stream(self.stage, contender, seconds) for name, contender in field.items()}
        return {name: rounds[0] for name, rounds in self.in_turn(1, jobs).items() if rounds}

    def in_turn(self, rounds: int, field: dict[str, Callable[[], Figures]]) -> Rounds:
        """Run all of *field* one after the other, as many times as there are *rounds*."""
        results: Rounds = {name: [] for name in field}
        for number in range(rounds):
            for name, job in field.items():
                if name in self.absent:
                    continue
                self.say(f"round {number + 1} of {rounds}: {name}")
                try:
                    results[name].append(job())
                except ContenderError as error:
                    if name not in self.peers:
                        raise
                    self.absent[name] = str(error)
                    results[name].clear()  # of half the rounds nothing can be compared
        return results


def _job(
    stage: Stage, contender: Contender, load: Load, sink: SinkProcess
) -> Callable[[], Figures]:
    return lambda: stage.run(contender, load, sink)


def _tracing() -> SinkProcess:
    return SinkProcess(trace=True)


def stream(
    stage: Stage,
    contender: Contender,
    seconds: float,
    make_sink: Callable[[], SinkProcess] = _tracing,
) -> Callable[[], Figures]:
    """Return what lets *contender* take a steady stream, and tells how old the calls are."""

    def run() -> Figures:
        with make_sink() as sink, stage.topic(None) as topic:
            job = stage.job(topic, contender.batch, 0, sink)
            taker = start(contender, job)
            command = [sys.executable, "-m", "benchmarks.pace", job.argument(), str(RATE)]
            with _ended(taker), _ended(subprocess.Popen(command)):
                _until_first(sink, taker)
                time.sleep(SETTLE_S)
                sink.counts()  # and forget
                time.sleep(seconds)
                ages_ms = sink.counts()["ages_ms"]
        return {
            "taken_per_s": len(ages_ms) / seconds,
            "p50_ms": quantile(ages_ms, 0.50),
            "p95_ms": quantile(ages_ms, 0.95),
            "p99_ms": quantile(ages_ms, 0.99),
        }

    return run


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def _until_first(sink: SinkProcess, taker: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + FIRST_LIMIT_S
    while not sink.counts()["requests"]:
        if taker.poll() is not None or time.monotonic() > deadline_s:
            raise ContenderError("nothing came")
        time.sleep(0.1)
