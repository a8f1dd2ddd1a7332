"""A run of the whole program whose secrets lie in files, for the tests that exchange them."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import structlog

from consumer.core.timing import SystemClock
from consumer.kafka.produce import Outgoing
from consumer.program.app import App
from consumer.program.rotation import SecretFiles
from consumer.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from consumer.avro.encoder import Encoder
    from consumer.observe.metrics import Tally

LIMIT_S = 30.0


def consume(
    env: Mapping[str, str], secrets: Path, steps: list[tuple[Callable[[Tally], bool], object]]
) -> list[str]:
    """Run the program; after each condition of *steps* do what stands beside it.

    It ends after the last one. Returns the events of its log.
    """
    log = structlog.testing.CapturingLogger()
    wrapped = structlog.wrap_logger(log, processors=[])
    clock = SystemClock()
    read = partial(load, env=env, secrets_dir=secrets)
    files = SecretFiles(secrets, read, clock=clock, log=wrapped)
    app = App(read(), files, clock=clock, random=random.Random(1), log=wrapped)  # noqa: S311 - jitter
    deadline_s = clock.monotonic_s() + LIMIT_S
    left = list(steps)

    def done(tally: Tally) -> bool:
        assert clock.monotonic_s() < deadline_s, f"{len(left)} steps were not done in time"
        if left and left[0][0](tally):
            action = left.pop(0)[1]
            if callable(action):
                action()
        return not left

    app.run(done)
    return [call.kwargs["event"] if "event" in call.kwargs else call.args[0] for call in log.calls]


def events(count: int, encode: Encoder) -> list[Outgoing]:
    """Return *count* page calls of as many users."""
    return [
        Outgoing(
            f"u-{number}".encode(),
            encode({"type": "page", "userId": f"u-{number}", "messageId": f"m-{number}"}),
        )
        for number in range(count)
    ]
