"""Consumers that are killed, at each stage of a record's way and by every protocol.

A member dies by SIGKILL and the others, or its successor, go on. Seg fails one call in five all
the while. At the end every event has arrived, in order, and what was committed was finished.

`SEG_TEST_SOAK=1` runs every stage with every protocol and every number of members, and members
that die at random moments again and again; without it each of them is run once.
"""

from __future__ import annotations

import random
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from consumer.core.timing import SystemClock
from consumer.flow.assignment import HOLD_S, SOONEST_S
from consumer.sandbox import Sandbox
from tests.kafka.bomb import STAGES
from tests.kafka.conftest import SOAK
from tests.kafka.member import PROTOCOLS
from tests.kafka.program import pause
from tests.kafka.scene import (
    MAX_IN_FLIGHT,
    REQUESTS_PER_SECOND,
    Scene,
    options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka.brokers import Embedded

pytestmark = [pytest.mark.broker, pytest.mark.timeout(90)]

Case = tuple[str, str, int]
"""A stage, a protocol and a number of members."""

AT_ONCE = 4

DOUBLES_MAX = MAX_IN_FLIGHT + round(REQUESTS_PER_SECOND * (5 * SOONEST_S + HOLD_S))
"""What one death may cost: the calls in flight, and those that were finished since the last commit
was acknowledged. A busy machine is allowed a few intervals, and commits wait for a rebalance."""

NUMBERS = {"polled": 3, "decoded": 40, "translated": 40, "sent": 30, "answered": 12}
"""At which occurrence a stage kills; at the second where nothing is said."""

SELECTED = [
    ("polled", "cooperative-sticky", 1),
    ("decoded", "range", 2),
    ("translated", "consumer", 3),
    ("sent", "consumer", 1),
    ("answered", "range", 1),
    ("letter_sent", "cooperative-sticky", 2),
    ("letter_stored", "consumer", 2),
    ("commit_sent", "range", 3),
    ("committed", "cooperative-sticky", 3),
]
"""Each stage, each protocol and each number of members at least once."""

MATRIX = list(product(STAGES, PROTOCOLS, (1, 2, 3))) if SOAK else SELECTED


class Outcome(NamedTuple):
    """What a death cost."""

    exit_codes: list[int]
    """Of the victim, then of those who went on and were stopped at the end."""
    doubles: int
    seconds: float
    """From the death until all was delivered and committed."""


def die(broker: Embedded, folder: Path, stage: str, protocol: str, members: int) -> Outcome:
    """Let one of so many members die at *stage*, and the others or its successor finish."""
    with Sandbox.start(options(folder)) as sandbox:
        scene = Scene(broker, f"crash-{secrets.token_hex(4)}", folder, sandbox)
        try:
            return _die(scene, stage, PROTOCOLS[protocol], members)
        finally:
            scene.close()


def _die(scene: Scene, stage: str, variables: dict[str, str], members: int) -> Outcome:
    victim = scene.start_with((stage, NUMBERS.get(stage, 1)), **variables)
    others = [scene.start(**variables) for _ in range(members - 1)]
    scene.wait_for_members()
    scene.write(rounds=12)
    code = victim.wait()
    clock = SystemClock()
    died_s = clock.monotonic_s()
    assert scene.unfinished_but_committed() == []
    if not others:
        others = [scene.start(**variables)]
    scene.check_end()
    seconds = clock.monotonic_s() - died_s
    return Outcome([code, *(other.stop() for other in others)], scene.doubles, seconds)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest,
    embedded: Embedded,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[Case, Future[Outcome]]]:
    """Give the outcome of every case that was asked for; they mostly wait, so some run at once."""
    asked = [
        cast("Case", item.callspec.params["case"])
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == test_a_death_loses_nothing.__name__
    ]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        yield {
            case: pool.submit(die, embedded, tmp_path_factory.mktemp("crash"), *case)
            for case in asked
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", MATRIX, ids=lambda case: "-".join(map(str, case)))
def test_a_death_loses_nothing(
    runs: dict[Case, Future[Outcome]], case: Case, record_property: Callable[[str, object], None]
) -> None:
    """Everything arrives in order, and what arrives twice is bounded and known by its key."""
    outcome = runs[case].result()

    record_property("doubles", outcome.doubles)
    record_property("seconds_to_the_end", round(outcome.seconds, 1))
    assert outcome.exit_codes[0] == -9
    assert set(outcome.exit_codes[1:]) == {0}
    assert outcome.doubles <= DOUBLES_MAX


@pytest.mark.skipif(not SOAK, reason="SEG_TEST_SOAK=1 runs it")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_deaths_at_random_moments_lose_nothing(
    embedded: Embedded, topic: str, tmp_path: Path, protocol: str
) -> None:
    """Three members, of which one after the other is killed and comes back, for a minute."""
    dice = random.Random(topic)  # noqa: S311 - which one dies is no secret
    deaths = 20
    with Sandbox.start(options(tmp_path)) as sandbox:
        scene = Scene(embedded, topic, tmp_path, sandbox)
        try:
            running = [scene.start(**PROTOCOLS[protocol]) for _ in range(3)]
            scene.wait_for_members()
            scene.write(rounds=150)
            for _ in range(deaths):
                pause(dice.uniform(0.5, 4.0))
                running.pop(dice.randrange(3)).kill()
                assert scene.unfinished_but_committed() == []
                running.append(scene.start(**PROTOCOLS[protocol]))
            scene.check_end()

            assert scene.doubles <= deaths * DOUBLES_MAX
            assert [program.stop() for program in running] == [0, 0, 0]
        finally:
            scene.close()
