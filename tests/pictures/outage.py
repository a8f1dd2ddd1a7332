"""A real outage: two members, a stand-in for Seg that goes down and comes back, a Prometheus."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from consumer.demo import WEBSITE_ID
from consumer.demo.samples import SAMPLE, samples
from consumer.kafka.embedded import EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.sandbox import Fault, Options, Sandbox
from consumer.settings import load
from tests.avro.registry_stub import RegistryStub, running
from tests.monitoring.live import TOPIC, Member, settings_of
from tests.monitoring.prometheus import Prometheus, wait_for
from tests.monitoring.prometheus import running as prometheus_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


PER_SECOND = 60
SETTINGS = {"SEG_DELIVERY__RETRY_BUDGET_S": "14400", "SEG_DELIVERY__PROBE_INTERVAL_S": "5"}
WELL_S, DOWN_S, AFTER_S = 75.0, 105.0, 60.0


class Moment(NamedTuple):
    """Something to take a picture of."""

    name: str
    prometheus: Prometheus
    members: list[str]
    """Their addresses."""


@contextmanager
def _producing(producer: TopicProducer) -> Iterator[None]:
    good = [sample.record for sample in samples(enumerate(SAMPLE.read_bytes().splitlines(), 1))]
    ended = threading.Event()

    def produce() -> None:
        number = 0
        while not ended.wait(1 / PER_SECOND):
            record = good[number % len(good)]
            producer.put(record._replace(key=b"%d" % (number % 500)))
            number += 1

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        producer.close()


def moments(folder: Path) -> Iterator[Moment]:
    """Let Seg go down and come back; yield what there is to see in the outage and after it."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        broker.create_topic(TOPIC, 4)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        usual = (Fault(delay_s=0.04),)
        seg = stack.enter_context(Sandbox.start(Options(website_id=WEBSITE_ID, faults=usual)))
        registry = stack.enter_context(running(RegistryStub()))
        settings = settings_of(broker.bootstrap, seg.url, registry.url) | SETTINGS
        members = [Member(folder, f"seg-consumer-{number}", settings) for number in range(2)]
        pods = {member.pod: member.address for member in members}
        prometheus = stack.enter_context(prometheus_running(folder, pods, "127.0.0.1:1"))
        for member in members:
            stack.callback(member.stop)
            member.start()
            wait_for(lambda member=member: member.page("metrics"), 60.0)  # type: ignore[misc]
        stack.enter_context(_producing(TopicProducer(load(env=settings).kafka, TOPIC)))
        addresses = [member.address for member in members]
        wait = threading.Event().wait
        wait(WELL_S)
        seg.faults([Fault(status=503)])
        wait(DOWN_S)
        yield Moment("outage", prometheus, addresses)
        seg.faults(usual)
        wait(AFTER_S)
        yield Moment("recovery", prometheus, addresses)
