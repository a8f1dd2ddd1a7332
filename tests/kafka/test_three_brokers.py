"""Three real brokers of which one is away: the program goes on, and keeps its promises."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event
from typing import TYPE_CHECKING

import pytest

from consumer.kafka.produce import TopicProducer
from consumer.sandbox import Sandbox
from tests.kafka.brokers import Real
from tests.kafka.member import settings_for
from tests.kafka.program import conserved, eventually, pause
from tests.kafka.scene import USERS, Scene, Written, options, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka_real.cluster import RealKafka

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(90, func_only=True)]

AHEAD = 500
"""So many calls are on their way at any time."""


@pytest.fixture(name="scene")
def _scene(three_brokers: RealKafka, topic: str, tmp_path: Path) -> Iterator[Scene]:
    """Give a topic of three copies, a Seg that fails one call in five, and two members.

    Who is away at the end comes back.
    """
    with Sandbox.start(options(tmp_path)) as sandbox:
        scene = Scene(Real(three_brokers), topic, tmp_path, sandbox)
        for _ in range(2):
            scene.start()
        scene.wait_for_members()
        nodes = set(three_brokers.pids)
        yield scene
        scene.close()
        for node in nodes - three_brokers.pids.keys():
            three_brokers.rejoin(node)


@contextmanager
def load(scene: Scene) -> Iterator[None]:
    """Write meanwhile, as much as is delivered; a record that the brokers refuse fails the test."""
    over = Event()
    producer = TopicProducer(settings_for(scene.broker, scene.topic).kafka, scene.topic)

    def write() -> None:
        for number in count():
            if over.is_set():
                return
            while number > scene.accepted + AHEAD and not over.is_set():
                pause(0.01)
            user = number % USERS
            producer.put(record_of(Written("call", f"u-{user}", f"{user}-{number}")))

    with ThreadPoolExecutor(max_workers=1) as worker:
        writing = worker.submit(write)
        try:
            yield
        finally:
            over.set()
        writing.result()
    producer.close()
    scene.look()


def last_elected(kafka: RealKafka) -> int:
    """Return the controller of the highest epoch, as the brokers' own logs have it."""
    line = re.compile(r"id=(\d)\] Becoming the active controller at epoch (\d+)")
    logs = [path.read_text() for path in kafka.folder.glob("broker-*.log")]
    return max((int(epoch), int(node)) for log in logs for node, epoch in line.findall(log))[1]


def test_a_rolling_restart_under_load_costs_nothing(scene: Scene, three_brokers: RealKafka) -> None:
    """What is written while one broker after the other restarts arrives, in order, and once."""
    with load(scene):
        for node in three_brokers.pids:
            three_brokers.stop(node)
            three_brokers.rejoin(node)
    scene.check_end()

    assert scene.calls > 4 * AHEAD
    assert all(conserved(program.scrape()) for program in scene.programs)
    assert [program.stop() for program in scene.programs] == [0, 0]


def test_delivery_goes_on_without_the_active_controller(
    scene: Scene, three_brokers: RealKafka, topic: str
) -> None:
    """It dies; another takes over, and the two that are left store, serve and create topics."""
    eventually(lambda: last_elected(three_brokers) == three_brokers.active_controller())
    controller = last_elected(three_brokers)
    with load(scene):
        eventually(lambda: scene.accepted > AHEAD)
        three_brokers.kill(controller)
        delivered = scene.accepted
        eventually(lambda: last_elected(three_brokers) != controller)
        three_brokers.create_topic(f"{topic}-later", partitions=3)
        eventually(lambda: scene.accepted > delivered + 2 * AHEAD)
    scene.check_end()

    assert three_brokers.active_controller() != controller
    assert all(conserved(program.scrape()) for program in scene.programs)
    assert [program.stop() for program in scene.programs] == [0, 0]
