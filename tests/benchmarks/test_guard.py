"""The hot path has not become slower: what an event costs us, as a multiple of the bare libraries.

Both handle the same records of one embedded broker, in turn, several times. What is compared is
CPU time, from the operating system: unlike the time of day it does not grow while others have the
machine. What remains of them (caches and a shared core) only ever adds, so each side counts with
its best run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from benchmarks.contenders import FLOOR, OURS
from benchmarks.figures import CPU
from benchmarks.load import Load
from benchmarks.sink import SinkProcess
from benchmarks.stage import Embedded, Stage, registry
from consumer.core.build import BUILD

if TYPE_CHECKING:
    from benchmarks.contenders import Contender

RATIO_MAX: Final = {"compiled": 1.6, "pure": 2.1}[BUILD]
"""A quarter above what is usual for so few events: the first of a process cost more."""
LOAD: Final = Load(8_000)
ROUNDS: Final = 5


@pytest.mark.guard
@pytest.mark.broker
def test_an_event_costs_no_more_than_it_did() -> None:
    """The best of our runs takes at most RATIO_MAX times the CPU of the floor's best."""
    cost: dict[Contender, list[float]] = {FLOOR: [], OURS: []}
    with registry() as url, SinkProcess() as sink:
        stage = Stage(Embedded(), url)
        with stage.topic(LOAD) as topic:
            for _ in range(ROUNDS):
                for contender, each in cost.items():
                    each.append(stage.run_on(topic, contender, LOAD.events, sink)[CPU])

    assert min(cost[OURS]) / min(cost[FLOOR]) <= RATIO_MAX, cost
