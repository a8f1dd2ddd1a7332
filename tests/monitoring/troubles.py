"""Members of which each has another trouble, and one that has none, under one Prometheus.

The pod, the topic and the group of a member are named after its trouble.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import orjson

from consumer.avro.encoder import Encoder
from consumer.demo import WEBSITE_ID
from consumer.kafka.embedded import EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.sandbox import Fault, Options, Sandbox
from consumer.settings import load
from tests.avro.registry_stub import RegistryStub, running
from tests.monitoring.live import Member, settings_of
from tests.monitoring.prometheus import running as prometheus_running
from tests.monitoring.prometheus import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.settings import KafkaSettings
    from tests.monitoring.prometheus import Prometheus

PARTITIONS = 4
HOT = 2
SLOW_S = 3.0
OTHER_ID = "00000000-0000-4000-8000-000000000000"
STARTED_S = 200.0
"""Nine processes at once are slow to start on a machine that has other work."""
GONE_S = 4.0
"""How long the member that comes and goes is away, and there."""

SETTINGS: dict[str, dict[str, str]] = {
    "healthy": {},
    "down": {},
    "dns": {"SEG_DELIVERY__ENDPOINT": "https://seg.invalid"},
    "key": {"SEG_DELIVERY__WEBSITE_ID": OTHER_ID},
    "hot": {"SEG_DELIVERY__MAX_REQUESTS_PER_SECOND": "20"},
    "storm": {},
    "registry": {},
    "rebalance": {},
}
"""The troubles, and what the member of each is set to beside the rest."""


class Records(NamedTuple):
    """What a topic holds before its member starts."""

    value: bytes
    times: int
    partition: int | None = None
    """None is each in turn."""


@contextmanager
def troubled_members(folder: Path) -> Iterator[Prometheus]:
    """Run a member for each trouble; give the Prometheus that scrapes them."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        well = stack.enter_context(Sandbox.start(Options(website_id=WEBSITE_ID)))
        ill = Options(website_id=WEBSITE_ID, faults=(Fault(status=500),))
        down = stack.enter_context(Sandbox.start(ill))
        registry = stack.enter_context(running(RegistryStub()))
        kafka = load(env=settings_of(broker.bootstrap, well.url, registry.url)).kafka
        members = {}
        for name, own in SETTINGS.items():
            endpoint = down.url if name == "down" else well.url
            settings = settings_of(broker.bootstrap, endpoint, registry.url, topic=name)
            # No call is given up; and a slow registry is never an absent one.
            settings |= {"SEG_DELIVERY__RETRY_BUDGET_S": "14400"} | own
            settings |= {"SEG_SCHEMA_REGISTRY__TIMEOUT_S": "60"}
            broker.create_topic(name, PARTITIONS)
            broker.create_topic(f"{name}.dead-letter", 1)
            if name != "healthy":
                _write(kafka, name, _records(name, registry))
            members[name] = Member(folder, name, settings)
            if name == "rebalance":
                members["second"] = Member(folder, "second", settings)
        pods = {member.pod: member.address for member in members.values()}
        registry.delay_s = SLOW_S
        prometheus = stack.enter_context(prometheus_running(folder, pods, "127.0.0.1:1"))
        for member in members.values():
            stack.callback(member.stop)
            member.start()
        for member in members.values():
            wait_for(lambda member=member: member.page("metrics"), STARTED_S)  # type: ignore[misc]
        # What is read before the first scrape is no rate.
        wait_for(lambda: prometheus.now('up{pod="healthy"} == 1'))
        _write(kafka, "healthy", _records("healthy", registry))
        ended = threading.Event()
        comes_and_goes = threading.Thread(target=_come_and_go, args=(members["second"], ended))
        comes_and_goes.start()
        stack.callback(comes_and_goes.join)
        stack.callback(ended.set)
        yield prometheus


def _records(name: str, registry: RegistryStub) -> list[Records]:
    page = Encoder()({"type": "page", "messageId": "m", "anonymousId": "a"})
    if name == "storm":
        return [Records(page[:-2], 200)]
    if name == "hot":
        return [Records(page, 2_000, HOT), Records(page, 10)]
    if name == "registry":
        return [Records(_framed(page, registry, number), 1, 0) for number in range(200)]
    return [Records(page, 100)]


def _framed(page: bytes, registry: RegistryStub, number: int) -> bytes:
    """Return *page* in Confluent's framing, with a schema that is like no other."""
    schema = orjson.loads(Encoder().schema) | {"doc": f"number {number}"}
    schema_id = registry.add(orjson.dumps(schema).decode())
    return b"\0" + schema_id.to_bytes(4, "big") + page[10:]


def _write(kafka: KafkaSettings, topic: str, records: list[Records]) -> None:
    producer = TopicProducer(kafka, topic)
    for value, times, partition in records:
        for number in range(times):
            at = number % PARTITIONS if partition is None else partition
            producer.put(Outgoing(b"%d" % number, value), at)
    producer.close()


def _come_and_go(member: Member, ended: threading.Event) -> None:
    while not ended.wait(GONE_S):
        member.stop()
        if not ended.wait(GONE_S):
            member.start()
