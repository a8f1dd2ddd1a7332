"""A member that stands still for longer than its session, and wakes with what it held.

Real processes: SIGSTOP is what a frozen machine looks like from outside. The others go on; when the
sleeper wakes, what Seg is left with of each key must be its newest call.
"""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from consumer.sandbox import Fault, Sandbox, read_journal
from tests.kafka.brokers import Real
from tests.kafka.member import PROTOCOLS
from tests.kafka.program import eventually, pause
from tests.kafka.scene import Scene, options

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.brokers import Broker, Embedded
    from tests.kafka_real.cluster import Kafka

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

SLOW = Fault(delay_s=0.2)
ROUNDS = 20
AWAKE_S = 2.0
"""A sleeper hears within 0.3 s that it was thrown out."""


def left_behind(arrivals: Path) -> dict[str, tuple[int, int]]:
    """Return each user whose last call to arrive is not the newest that has: both numbers."""
    last: dict[str, int] = {}
    newest: dict[str, int] = {}
    for line in read_journal(arrivals):
        number = int((line.message_id or "").partition("-")[2])
        user = line.user or ""
        last[user] = number
        newest[user] = max(number, newest.get(user, 0))
    return {user: (last[user], newest[user]) for user in last if last[user] != newest[user]}


def sleeps(scene: Scene, **variables: str) -> None:
    """Let one of two members stand still under load until the other has done all, and wake."""
    scene.write(ROUNDS)
    programs = [scene.start(**variables) for _ in range(2)]
    scene.wait_for_members()
    eventually(lambda: scene.accepted > scene.calls // 10)
    programs[0].signal(signal.SIGSTOP)
    eventually(lambda: scene.accepted >= scene.calls, 60)
    programs[0].signal(signal.SIGCONT)
    pause(AWAKE_S)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_key_is_left_behind(
    embedded: Embedded, topic: str, tmp_path: Path, protocol: str
) -> None:
    """Whoever owned the partition meanwhile has sent later calls: the sleeper sends none."""
    if protocol == "consumer":
        pytest.skip("the embedded broker does not tell its session, which is shorter than a lease")
    _check(embedded, topic, tmp_path, PROTOCOLS[protocol])


@pytest.mark.real
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_key_is_left_behind_on_a_real_broker(
    real_kafka: Kafka, topic: str, tmp_path: Path, protocol: str
) -> None:
    """The same on Kafka itself."""
    _check(Real(real_kafka), topic, tmp_path, PROTOCOLS[protocol])


def _check(broker: Broker, topic: str, folder: Path, variables: dict[str, str]) -> None:
    arrivals = folder / "arrivals"
    with Sandbox.start(replace(options(folder, faults=(SLOW,)), arrivals=arrivals)) as sandbox:
        scene = Scene(broker, topic, folder, sandbox)
        try:
            sleeps(scene, **variables)
        finally:
            scene.close()
    assert left_behind(arrivals) == {}
