"""Ten minutes of the real program in each kind of weather, all of them at once.

    make storms                 the table of `docs/weather.md`, made anew (a quarter of an hour)
    python -m tests.seg.storms --minutes 1

Each program has a group of its own on one topic of the embedded broker, and a sandbox of its own:
that takes a call in 250 ms and fails a share at once, four requests at a time. Half of what gets no
answer was taken. It counts from the first call that is taken: the start is in it.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from consumer.core.timing import SystemClock
from consumer.kafka.embedded import EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.sandbox import Fault, Options, Sandbox, Trouble
from tests.kafka.brokers import Embedded
from tests.kafka.member import WEBSITE_ID, environment, settings_for
from tests.kafka.program import Program, pause, total
from tests.kafka.scene import Written, record_of
from tests.seg.grid import PAGE, SHARES, STATUSES, replaced

TOPIC = "storms"
PARTITIONS = 12
USERS = 500
LATENCY_S = 0.25
IN_FLIGHT = 4
CALLS_S_MAX = 1.2 * IN_FLIGHT / LATENCY_S
BEGIN, END = "<!-- storms: made by `make storms` -->", "<!-- end of storms -->"


class Outcome(NamedTuple):
    """What became of one program's calls."""

    taken_s: float
    """Calls a second."""
    dead: int
    doubles: float
    """Calls that Seg was sent although it had taken them, as a share of those."""


class Cell:
    """One program before one Seg."""

    def __init__(self, broker: Embedded, share: float, status: int | None, folder: Path) -> None:
        faults = (*_faults(share, status), Fault(delay_s=LATENCY_S))
        seed = round(100 * share) + (status or 0)
        self.sandbox = Sandbox.start(
            Options(website_id=WEBSITE_ID, faults=faults, seed=seed, keep=1)
        )
        name = f"{status}-{share}"
        variables = {
            "SEG_KAFKA__GROUP_ID": name,
            "SEG_DELIVERY__ENDPOINT": self.sandbox.url,
            "SEG_DELIVERY__MAX_IN_FLIGHT": str(IN_FLIGHT),
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
            "SEG_LOG__FORMAT": "json",
        }
        self._program = Program(environment(broker, TOPIC, **variables), folder / f"{name}.log")
        self._began_s: float | None = None
        self.outcome: Outcome | None = None

    def look(self, now_s: float, seconds: float) -> None:
        """Note the outcome once *seconds* are over."""
        if self.outcome is not None:
            return
        it = self.sandbox.summary()
        if not it["accepted"]:
            return
        self._began_s = self._began_s or now_s
        if now_s - self._began_s >= seconds:
            dead = total(self._program.scrape(), "records_dead_lettered_total")
            taken, doubles = it["accepted"], it["doubles"]
            self.outcome = Outcome(taken / (now_s - self._began_s), int(dead), doubles / taken)

    def close(self) -> None:
        """End both."""
        self._program.kill()
        self.sandbox.stop()


def _faults(share: float, status: int | None) -> list[Fault]:
    if not share:
        return []
    if status is not None:
        return [Fault(status=status, share=share)]
    half = share / 2
    reset = Trouble.RESET
    return [
        Fault(trouble=reset, share=half),
        Fault(trouble=reset, share=half / (1.0 - half), accepted=True),
    ]


def run(minutes: float, folder: Path) -> dict[tuple[int | None, float], Outcome]:
    """Run all cells at once; without any trouble, too."""
    seconds, clock = minutes * 60.0, SystemClock()
    with ExitStack() as stack:
        broker = Embedded(stack.enter_context(EmbeddedBroker()))
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        producer = TopicProducer(settings_for(broker, TOPIC).kafka, TOPIC)
        for number in range(int(CALLS_S_MAX * seconds)):
            user = f"u-{number % USERS}"
            producer.put(record_of(Written("call", user, f"m-{number}")))
        producer.close()
        cells = {}
        for status, share in [(503, 0.0), *((s, p) for p in SHARES for s in STATUSES)]:
            cells[status, share] = Cell(broker, share, status, folder)
            stack.callback(cells[status, share].close)
        while any(cell.outcome is None for cell in cells.values()):
            pause(0.2)
            for cell in cells.values():
                cell.look(clock.monotonic_s(), seconds)
        return {key: cell.outcome for key, cell in cells.items() if cell.outcome is not None}


def table(outcomes: dict[tuple[int | None, float], Outcome]) -> str:
    """Return them as a table; goodput as a part of (1 - share) of what flows without trouble."""
    calm = outcomes[503, 0.0]
    lines = [
        "| share that fails | " + " | ".join(str(s or "no answer") for s in STATUSES) + " |",
        "| ---: |" + " ---: |" * len(STATUSES),
    ]
    for share in SHARES:
        cells = []
        for status in STATUSES:
            it = outcomes[status, share]
            goodput = it.taken_s / (calm.taken_s * (1.0 - share))
            cells.append(f"{goodput:.0%}, {it.dead} dead, {it.doubles:.0%} twice")
        lines.append(f"| {share:.0%} | " + " | ".join(cells) + " |")
    lines += ["", f"Without any trouble: {calm.taken_s:.1f} calls/s, {calm.dead} dead."]
    return "\n".join(lines)


def main() -> None:
    """Write the table into its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each program")
    with tempfile.TemporaryDirectory() as folder:
        made = table(run(parser.parse_args().minutes, Path(folder)))
    print(made)  # noqa: T201 - who waits for it wants to see it
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(text, BEGIN, END, made), encoding="utf-8")


if __name__ == "__main__":
    main()
