"""The consumer itself, with all it promises. Prints one JSON object."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import TYPE_CHECKING

import orjson

from benchmarks.figures import CPU, RATE, WARM
from benchmarks.measure import Job, Usage, job, say
from consumer.core.timing import SystemClock
from consumer.demo import WEBSITE_ID
from consumer.observe import logs
from consumer.program import process
from consumer.program.app import App
from consumer.settings import load

if TYPE_CHECKING:
    from consumer.observe.metrics import Tally


class Watch:
    """Looks at the tally after each turn."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._usage: Usage | None = None  # from the first record on
        self._warm: tuple[Usage, int] | None = None  # from half of the events on, and how many
        self._subscribed_s = 0.0
        self._assigned_s = 0.0
        self._delivered_s = 0.0

    def finished(self, tally: Tally) -> bool:
        """Note when things happened, and tell whether all is done."""
        if not self._delivered_s:
            self._note(tally)
        if self._warm is None and 2 * tally.outcomes >= self._events > 0:
            self._warm = Usage(), tally.outcomes
        return bool(self._events) and tally.outcomes >= self._events

    def figures(self, tally: Tally) -> dict[str, float]:
        """Return what was used up to now."""
        if self._usage is None:
            raise RuntimeError("no event came")
        figures = self._usage.figures(tally.outcomes) | {
            "join_s": self._assigned_s - self._subscribed_s,
            "delivered_s": self._delivered_s,
        }
        if self._warm is not None and tally.outcomes > self._warm[1]:
            warm = self._warm[0].figures(tally.outcomes - self._warm[1])
            figures |= {WARM + RATE: warm[RATE], WARM + CPU: warm[CPU]}
        return figures

    def _note(self, tally: Tally) -> None:
        now_s = time.monotonic()
        self._subscribed_s = self._subscribed_s or now_s
        if not self._assigned_s and tally.rebalances["assigned",]:
            self._assigned_s = now_s
            if not self._events:
                say({"assigned_s": now_s})  # whoever ends us may wait for it
        if self._usage is None and tally.records_received:
            self._usage = Usage()
        if tally.calls_delivered:
            self._delivered_s = now_s


def run(todo: Job) -> None:
    """Consume the events of a topic and deliver them."""
    clock = SystemClock()
    logs.configure(level="error", layout=None, stream=sys.stderr, clock=clock)
    settings = load(
        env={
            "SEG_KAFKA__BOOTSTRAP_SERVERS": todo.bootstrap,
            "SEG_KAFKA__TOPICS": todo.topic,
            "SEG_KAFKA__GROUP_ID": todo.group,
            "SEG_KAFKA__CONFIG": orjson.dumps(todo.config).decode(),
            "SEG_SCHEMA_REGISTRY__URL": todo.registry,
            "SEG_DELIVERY__ENDPOINT": todo.url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_DELIVERY__MODE": "single" if todo.batch == 1 else "batch",
            "SEG_DELIVERY__BATCH_MAX_CALLS": str(todo.batch),
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
        | ({} if todo.authority is None else {"SEG_DELIVERY__CA_FILE": todo.authority})
    )
    watch, figures = Watch(todo.events), dict[str, float]()

    def until(tally: Tally) -> bool:
        if finished := watch.finished(tally):
            figures.update(watch.figures(tally))  # before the drain, as the others do
        return finished

    app = App(settings, clock=clock, random=Random(1), log=logs.get().bind())  # noqa: S311 - jitter
    app.stop_on_signals()
    process.prepare()
    app.run(until)
    say(figures or watch.figures(app.tally))


if __name__ == "__main__":
    run(job())
