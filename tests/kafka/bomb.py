"""`seg-consumer` that kills itself: `python -m tests.kafka.bomb STAGE NUMBER ARGUMENTS...`.

It wraps one function of one stage and sends SIGKILL to its own process when that function has
done its work for the NUMBER-th time: no handler runs, nothing is flushed, nothing is committed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

from consumer.avro.decoder import Decoder
from consumer.cli import main
from consumer.flow.rebalance import Rebalance
from consumer.kafka.dead_letters import KafkaDeadLetters
from consumer.kafka.source import KafkaSource
from consumer.seg.client import Client
from consumer.translate import Translator

if TYPE_CHECKING:
    from collections.abc import Callable


class Stage(NamedTuple):
    """Where to die: after this method of this class, where it returned something, if asked."""

    owner: type
    method: str
    with_result: bool


STAGES = {
    "polled": Stage(KafkaSource, "poll", with_result=True),
    "decoded": Stage(Decoder, "__call__", with_result=False),
    "translated": Stage(Translator, "__call__", with_result=False),
    "sent": Stage(Client, "send", with_result=False),
    "answered": Stage(Client, "poll", with_result=True),
    "letter_sent": Stage(KafkaDeadLetters, "put", with_result=False),
    "letter_stored": Stage(KafkaDeadLetters, "stored", with_result=True),
    "commit_sent": Stage(KafkaSource, "commit", with_result=False),
    "committed": Stage(Rebalance, "commit_answered", with_result=False),
}
"""The stages in the order in which a record comes through them."""


def arm(stage: Stage, number: int) -> None:
    """Kill this process when *stage* is over for the *number*-th time."""
    real: Callable[..., object] = getattr(stage.owner, stage.method)
    left = number

    def wrapped(*arguments: object, **named: object) -> object:
        nonlocal left
        result = real(*arguments, **named)
        if result or not stage.with_result:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(stage.owner, stage.method, wrapped)


if __name__ == "__main__":
    name, count = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]
    arm(STAGES[name], count)
    main()
