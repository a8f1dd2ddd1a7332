"""Memory with a full window: 96 partitions, a large backlog, and a Seg that is slow.

    python -m benchmarks.memory --seconds 600

As much is in flight as may be, all the time. What is resident is read each second; flat means that
the second half's peak is no higher than the first's.
"""

from __future__ import annotations

import time
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from benchmarks.contenders import OURS
from benchmarks.load import Load
from benchmarks.sink import SinkProcess
from benchmarks.stage import ContenderError, fill, stage, start

if TYPE_CHECKING:
    from benchmarks.figures import Figures
    from benchmarks.stage import Stage

PARTITIONS = 96
LOAD = Load(50_000)
LATENCY_MS = 1_000
CALLS_PER_S = 1_050.0
"""No more than that: 1,024 requests at once are the most. The backlog has to outlast the run."""
AHEAD = 100_000
"""More than the records that the consumer and its librdkafka hold at any time."""
EACH_S = 0.5
WARM_S = 60.0
"""Until the most requests are under way and the most records are read."""
SECONDS = 30.0


def memory(on: Stage, seconds: float = SECONDS) -> Figures:
    """Return the peak memory of both halves of the time, in MB."""
    times = ceil(((WARM_S + seconds) * CALLS_PER_S + AHEAD) / LOAD.events)
    with SinkProcess(latency_ms=LATENCY_MS) as sink, on.topic(None, PARTITIONS) as topic:
        for _ in range(times):
            fill(topic, LOAD)
        process = start(OURS, on.job(topic, OURS.batch, 0, sink))
        try:
            time.sleep(WARM_S)
            halves = [_peak_mb(process.pid, seconds / 2) for _ in range(2)]
            if process.poll() is not None or sink.counts()["requests"] >= LOAD.events * times:
                raise ContenderError("the backlog did not outlast the run")
        finally:
            process.kill()
            process.communicate()
    return {"seconds": seconds, "first_half_mb": halves[0], "second_half_mb": halves[1]}


def _peak_mb(pid: int, seconds: float) -> float:
    until_s, peak = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        peak = max(peak, int(status.partition("VmRSS:")[2].split()[0]))
        time.sleep(EACH_S)
    return peak / 1024


@click.command()
@click.option("--seconds", default=SECONDS, show_default=True, help="How long to look.")
def main(*, seconds: float) -> None:
    """Measure memory with a full window, and print JSON."""
    with stage() as on:
        click.echo(orjson.dumps(memory(on, seconds)))


if __name__ == "__main__":
    main()
