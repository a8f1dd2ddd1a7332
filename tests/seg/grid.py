"""A simulated hour of each kind of weather: what Seg takes, what is dead, what is sent twice.

    make weather                the tables of `docs/weather.md`, made anew
    python -m tests.seg.grid --minutes 10

Seg answers in 100 ms and fails a share of all requests at random after 10 ms; 16 requests go at
once, in batch mode 4 of 5 calls each, and calls never lack. Half of what is left without an
answer counts as taken, and so as a double once it is sent again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from consumer.seg.outbox import Batching
from consumer.seg.ports import Dead, Delivered
from tests.seg.limits import constants, starts
from tests.seg.support import Bench, FakeClock, Simulated, chance

SHARES = (0.05, 0.2, 0.35, 0.5, 0.6)
STATUSES = (503, 429, 500, None)
MODES: dict[str, tuple[Batching | None, int]] = {
    "single": (None, 16),
    "batch": (Batching(5, 500_000, 0.1), 4),
}
"""How calls travel, and how many requests go at once."""
READY_CALLS = 200
PAGE = Path(__file__).parents[2] / "docs" / "weather.md"
MADE, END = "<!-- {}: made by `make weather` -->", "<!-- end of {} -->"


class Outcome(NamedTuple):
    """What became of the calls of one run."""

    taken_s: float
    """Calls a second."""
    dead: int
    doubles: int
    """Calls that Seg had taken already when it took them."""


def simulate(share: float, status: int | None, mode: str, seconds: float) -> Outcome:
    """Run delivery against a Seg that fails *share* of all requests with *status*."""
    (batching, in_flight), dice, clock = MODES[mode], chance(5), FakeClock()
    seg = Simulated(clock, lambda: 0.1 * dice.uniform(0.9, 1.1))
    seg.trouble = lambda: (status or 0) if dice.random() < share else None
    bench = Bench(seg, batching=batching, ceiling=in_flight)
    delivered = dead = 0
    until_s = clock.now_s + seconds
    while clock.now_s < until_s:
        while bench.lanes.ready_calls < READY_CALLS:
            bench.put()
        for end in bench.delivery.step(0.05):
            if isinstance(end, Delivered):
                delivered += len(end.tasks)
            else:
                dead += isinstance(end, Dead)
    calls = 1 if batching is None else batching.max_calls
    return Outcome(delivered / seconds, dead, seg.statuses.get(0, 0) * calls // 2)


def table(minutes: float) -> str:
    """Return the grid as a table; goodput as a part of (1 - share) of what flows without it."""
    lines = [
        "| mode | share that fails | " + " | ".join(str(s or "no answer") for s in STATUSES) + " |",
        "| --- | ---: |" + " ---: |" * len(STATUSES),
    ]
    for mode in MODES:
        calm = simulate(0.0, 500, mode, minutes * 60.0).taken_s
        for share in SHARES:
            cells = []
            for status in STATUSES:
                it = simulate(share, status, mode, minutes * 60.0)
                goodput = it.taken_s / (calm * (1.0 - share))
                twice = it.doubles / (minutes * 60.0 * it.taken_s)
                cells.append(f"{goodput:.0%}, {it.dead} dead, {twice:.0%} twice")
            lines.append(f"| {mode} | {share:.0%} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)  # noqa: T201 - it takes minutes
    return "\n".join(lines)


def replaced(page: str, begin: str, end: str, made: str) -> str:
    """Return *page* with what stands between *begin* and *end* made anew."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{made}\n{end}{after}"


def main() -> None:
    """Write the tables into their page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="simulated, for each cell")
    minutes = parser.parse_args().minutes
    for name, made in (("starts", starts()), ("constants", constants()), ("grid", table(minutes))):
        page = PAGE.read_text(encoding="utf-8")
        begin, end = MADE.format(name), END.format(name)
        PAGE.write_text(replaced(page, begin, end, made), encoding="utf-8")


if __name__ == "__main__":
    main()
