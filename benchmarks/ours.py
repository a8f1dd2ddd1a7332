"""The consumer itself, with all it promises. Prints one JSON object."""

from __future__ import annotations

import sys
from random import Random
from typing import TYPE_CHECKING

import orjson

from benchmarks.measure import Usage, say
from consumer import logs
from consumer.app import App
from consumer.demo import WEBSITE_ID
from consumer.kafka.embedded import CONFIG
from consumer.settings import load
from consumer.timing import SystemClock

if TYPE_CHECKING:
    from consumer.metrics import Tally


def run(bootstrap: str, topic: str, url: str, number: int, batch: int) -> None:
    """Consume *number* events of *topic* and deliver them to *url*, *batch* a request."""
    clock = SystemClock()
    logs.configure(level="error", layout=None, stream=sys.stderr, clock=clock)
    settings = load(
        env={
            "SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "SEG_KAFKA__TOPICS": topic,
            "SEG_KAFKA__GROUP_ID": "ours",
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_DELIVERY__MODE": "single" if batch == 1 else "batch",
            "SEG_DELIVERY__BATCH_MAX_CALLS": str(batch),
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
    )
    usage: Usage | None = None

    def finished(tally: Tally) -> bool:
        nonlocal usage
        if usage is None and tally.records_received:
            usage = Usage()
        return tally.outcomes >= number

    app = App(settings, clock=clock, random=Random(1), log=logs.get().bind())  # noqa: S311 - jitter
    app.run(finished)
    say(usage, number)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
