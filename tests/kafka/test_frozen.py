"""A member that stands still for longer than its session, and wakes with what it held.

Real processes: SIGSTOP is what a frozen machine looks like from outside. The others go on; when the
sleeper wakes, what Seg is left with of each key must be its newest call.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from consumer.sandbox import Fault, Sandbox, read_journal
from tests.kafka.brokers import Real
from tests.kafka.conftest import SOAK
from tests.kafka.member import CONSUMER, COOPERATIVE, PROTOCOLS
from tests.kafka.program import eventually, pause
from tests.kafka.scene import Scene, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka.brokers import Broker, Embedded
    from tests.kafka_real.cluster import Kafka, RealKafka

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

SLOW = Fault(delay_s=0.2)
ROUNDS = 20
AWAKE_S = 2.0
"""A sleeper hears within 0.3 s that it was thrown out."""
FAILOVER_S = 8.0
"""So soon there is another coordinator, which tells it."""
BOTH = pytest.mark.parametrize("protocol", [COOPERATIVE, CONSUMER], ids=["classic", "kip848"])
LONG = pytest.mark.skipif(not SOAK, reason="SEG_TEST_SOAK=1 runs it: it takes half a minute")


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


class Sleep:
    """One of two members stands still under load until the others have done all, and wakes."""

    def __init__(self, broker: Broker, topic: str, folder: Path) -> None:
        self.broker = broker
        self.topic = topic
        self.folder = folder
        self.variables = [COOPERATIVE, COOPERATIVE]
        """The sleeper's, and the other's."""
        self.meanwhile: Callable[[Scene], object] = lambda _scene: None
        self.before_it_wakes: Callable[[], object] = lambda: None
        self.awake_s = AWAKE_S

    def left_behind(self) -> dict[str, tuple[int, int]]:
        """Let all that happen; return the keys of which Seg is left with an older call."""
        arrivals = self.folder / "arrivals"
        set_up = replace(options(self.folder, faults=(SLOW,)), arrivals=arrivals)
        with Sandbox.start(set_up) as sandbox:
            scene = Scene(self.broker, self.topic, self.folder, sandbox)
            try:
                self._happen(scene)
            finally:
                scene.close()
        return left_behind(arrivals)

    def _happen(self, scene: Scene) -> None:
        scene.write(ROUNDS)
        sleeper, _ = (scene.start(**variables) for variables in self.variables)
        scene.wait_for_members()
        eventually(lambda: scene.accepted > scene.calls // 10)
        sleeper.signal(signal.SIGSTOP)
        self.meanwhile(scene)
        eventually(lambda: scene.accepted >= scene.calls, 60)
        self.before_it_wakes()
        sleeper.signal(signal.SIGCONT)
        pause(self.awake_s)


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


@contextmanager
def end_of_coordinator(brokers: RealKafka, topic: str) -> Iterator[Callable[[], None]]:
    """Give what ends the coordinator of the sleeper's group; afterwards it comes back."""
    node = brokers.coordinator(f"group-of-{topic}")
    try:
        yield lambda: brokers.kill(node)
    finally:
        brokers.rejoin(node)


@LONG
@pytest.mark.real
@BOTH
def test_no_key_is_left_behind_where_the_coordinator_dies_meanwhile(
    three_brokers: RealKafka, topic: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """The next coordinator gives the sleeper's partitions away."""
    sleep = Sleep(Real(three_brokers), topic, tmp_path)
    sleep.variables = [protocol, protocol]
    with end_of_coordinator(three_brokers, topic) as end:
        sleep.meanwhile = lambda _scene: end()
        assert sleep.left_behind() == {}


@LONG
@pytest.mark.real
@BOTH
def test_no_key_is_left_behind_where_it_wakes_without_a_coordinator(
    three_brokers: RealKafka, topic: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """Nobody tells the sleeper that it was thrown out: until somebody does it sends nothing."""
    sleep = Sleep(Real(three_brokers), topic, tmp_path)
    sleep.variables = [protocol, protocol]
    sleep.awake_s = FAILOVER_S
    with end_of_coordinator(three_brokers, topic) as end:
        sleep.before_it_wakes = end
        assert sleep.left_behind() == {}


@LONG
@pytest.mark.real
@BOTH
def test_no_key_of_a_static_member_is_left_behind(
    real_kafka: Kafka, topic: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """Its name keeps its partitions for a session, and no longer."""
    sleep = Sleep(Real(real_kafka), topic, tmp_path)
    sleep.variables = [protocol | named(pod) for pod in ("pod-0", "pod-1")]
    assert sleep.left_behind() == {}


@pytest.mark.real
@BOTH
def test_no_key_is_left_behind_where_another_takes_the_sleepers_name(
    real_kafka: Kafka, topic: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """A pod that is started anew while the old one is only cut off owns the partitions at once."""
    sleep = Sleep(Real(real_kafka), topic, tmp_path)
    sleep.variables = [protocol | named(pod) for pod in ("pod-0", "pod-1")]
    sleep.meanwhile = lambda scene: scene.start(**sleep.variables[0])
    assert sleep.left_behind() == {}


def named(pod: str) -> dict[str, str]:
    """Return what makes a static member."""
    return {"SEG_KAFKA__GROUP_INSTANCE_ID": pod}


def _check(broker: Broker, topic: str, folder: Path, variables: dict[str, str]) -> None:
    sleep = Sleep(broker, topic, folder)
    sleep.variables = [variables, variables]
    assert sleep.left_behind() == {}
