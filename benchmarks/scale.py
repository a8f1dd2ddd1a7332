"""How the cost of an event changes with what surrounds it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.contenders import FLOOR, OURS
from benchmarks.figures import CPU, RATE, Figures
from benchmarks.load import Load
from benchmarks.sink import SinkProcess
from benchmarks.stage import ContenderError, fill, finish, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.stage import Stage

    Say = Callable[[str], None]

PARTITIONS = (1, 12, 96)
MEMBERS = (1, 2, 4)
SIZES_KB = (0.5, 2.0, 16.0)
IGNORED = (0.0, 0.5, 0.99)
LATENCIES_MS = (0, 20, 100)
OUTAGE_S = 5.0
BYTES_MAX = 160_000_000
"""No more is written of large events than that: enough of them for a start not to count."""
SETTLE_S = 3.0
JOIN_LIMIT_S = 60.0
DONE_LIMIT_S = 120.0


class Point(NamedTuple):
    """One value on one axis."""

    axis: str
    value: float
    ours: list[Figures]
    floor: list[Figures]
    """Empty where it is not compared."""


def scale(stage: Stage, events: int, rounds: int, say: Say) -> list[Point]:
    """Vary one thing at a time."""
    base, points = Load(events), list[Point]()

    def point(axis: str, value: float, load: Load, *, latency_ms: float = 0, **more: int) -> None:
        # What does not touch the floor, or touches it otherwise, is not compared with it.
        pair = (OURS, FLOOR) if axis in {"partitions", "KB an event"} else (OURS,)
        load = stage.fitting(load, **more)
        made: dict[str, list[Figures]] = {contender.module: [] for contender in pair}
        with SinkProcess(latency_ms=latency_ms) as sink:
            for number in range(rounds):
                for contender in pair:
                    say(f"round {number + 1} of {rounds}: {value:g} {axis}, {contender.module}")
                    made[contender.module].append(stage.run(contender, load, sink, **more))
        points.append(Point(axis, value, made[OURS.module], made.get(FLOOR.module, [])))

    for partitions in PARTITIONS:
        point("partitions", partitions, base, partitions=partitions)
    for members in MEMBERS:
        say(f"{members} members")
        load = stage.fitting(base._replace(unmapped=0.0))
        points.append(Point("members", members, [_group(stage, members, load)], []))
    for size_kb in SIZES_KB:
        size = round(size_kb * 1000)
        fewer = min(events, BYTES_MAX // size)
        point("KB an event", size_kb, base._replace(events=fewer, size_bytes=size))
    for share in IGNORED:
        point("ignored", share, base._replace(unmapped=share))
    for latency_ms in LATENCIES_MS:
        point("ms that Seg takes", latency_ms, base, latency_ms=latency_ms)
    say("after an outage")
    points.append(Point("s of outage before", OUTAGE_S, [_after_outage(stage, base)], []))
    return points


def ignored_share(points: list[Point]) -> float:
    """Return what an ignored event costs, as a share of what a delivered one costs."""
    cost = {
        point.value: min(figures[CPU] for figures in point.ours)
        for point in points
        if point.axis == "ignored"
    }
    delivered, most = cost[IGNORED[0]], IGNORED[-1]
    return (cost[most] - (1 - most) * delivered) / most / delivered


def _group(stage: Stage, members: int, load: Load) -> Figures:
    """Let so many members share the records; they have joined when these are written."""
    with SinkProcess() as sink, stage.topic(None) as topic:
        job = stage.job(topic, OURS.batch, 0, sink)
        group = [start(OURS, job) for _ in range(members)]
        try:
            for member in group:
                if member.stdout is None or not member.stdout.readline():
                    raise ContenderError("a member did not join")
            time.sleep(SETTLE_S)
            fill(topic, load)
            _until_all_came(sink, load.events)
        finally:
            for member in group:
                member.send_signal(signal.SIGTERM)
            figures = [finish(member) for member in group]
        counts = sink.counts()
    handled = sum(each["events"] for each in figures)
    return {
        RATE: load.events / ((counts["last_s"] or 0.0) - (counts["first_s"] or 0.0)),
        CPU: sum(each[CPU] * each["events"] for each in figures) / handled,
        "peak_mb": max(each["peak_mb"] for each in figures),
    }


def _until_all_came(sink: SinkProcess, calls: int) -> None:
    deadline_s = time.monotonic() + DONE_LIMIT_S
    while sink.counts()["requests"] < calls:
        if time.monotonic() > deadline_s:
            raise ContenderError("the members did not deliver everything")
        time.sleep(0.1)


def _after_outage(stage: Stage, load: Load) -> Figures:
    """Let Seg be away, with a backlog that waits; the rate is from its first answer on."""
    load = stage.fitting(load)
    with SinkProcess(outage_s=OUTAGE_S) as sink:
        figures = stage.run(OURS, load, sink)
        counts = sink.counts()
    seconds = (counts["last_s"] or 0.0) - (counts["first_s"] or 0.0)
    return figures | {RATE: counts["requests"] / seconds}
