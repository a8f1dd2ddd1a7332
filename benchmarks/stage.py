"""Where the contenders run: a broker with a filled topic, a registry, and their processes.

On a real Kafka where one can be had (KAFKA_BOOTSTRAP_SERVERS, or java and mvn), else on the
embedded broker. All read the very same records. On a real Kafka also the same topic, each with a
group of its own; the embedded broker has one filled topic for each contender, and is a new one
each time: what one leaves behind there would slow the next.
"""

from __future__ import annotations

import logging
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

import orjson

from benchmarks.load import SCHEMA_IDS, Load, records
from benchmarks.measure import Job
from consumer.avro.schemas import folder
from consumer.demo import WEBSITE_ID
from consumer.kafka.config import LIBRARY_LOG
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.settings import KafkaSettings, load
from tests.avro.registry_stub import RegistryStub, running
from tests.kafka_real.artifacts import KafkaUnavailableError
from tests.kafka_real.cluster import Kafka, RealKafka

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.contenders import Contender
    from benchmarks.figures import Figures
    from benchmarks.sink import SinkProcess

PARTITIONS = 24
KEPT_BYTES = 4 << 20
"""How much of a partition the embedded broker surely keeps; it drops what is above 5 MiB."""
LIMIT_S = 300.0

Config = dict[str, str | int | float | bool]


class Topic(NamedTuple):
    """A topic to read, and where."""

    bootstrap: str
    name: str
    config: Config


class Broker(Protocol):
    """A Kafka of either kind."""

    name: str
    """What it is, for people."""
    pids: Collection[int]
    """Its processes, as far as they are there before a topic is."""

    def topic(self, partitions: int, filled: Load | None) -> Iterator[Topic]:
        """Give a topic with the records of *filled*, for one contender."""

    def room(self, partitions: int) -> float:
        """Return how many bytes a topic can hold."""


class Embedded:
    """Librdkafka's mock cluster, a new one for each topic."""

    name = "embedded broker"
    pids: Collection[int] = ()

    def topic(self, partitions: int, filled: Load | None) -> Iterator[Topic]:
        """Give a topic with the records of *filled*, for one contender."""
        with EmbeddedBroker() as broker:
            broker.create_topic("bench", partitions)
            topic = Topic(broker.bootstrap, "bench", CONFIG)
            if filled is not None:
                fill(topic, filled)
            yield topic

    def room(self, partitions: int) -> float:
        """Return how many bytes a topic can hold."""
        return partitions * KEPT_BYTES


class Real:
    """A real Apache Kafka; what was written once is read by all."""

    name = "Apache Kafka"
    config: Config = CONFIG | {"session.timeout.ms": 6000}

    def __init__(self, kafka: Kafka, pids: Collection[int] = ()) -> None:
        self.pids = pids
        self._kafka = kafka
        self._numbers = count(1)
        self._filled: dict[tuple[int, Load], Topic] = {}

    def topic(self, partitions: int, filled: Load | None) -> Iterator[Topic]:
        """Give a topic with the records of *filled*, for one contender."""
        if filled is None:
            yield self._made(partitions)
            return
        if (partitions, filled) not in self._filled:
            topic = self._filled[partitions, filled] = self._made(partitions)
            fill(topic, filled)
        yield self._filled[partitions, filled]

    def room(self, partitions: int) -> float:  # noqa: ARG002 - of the protocol
        """Return how many bytes a topic can hold."""
        return float("inf")

    def _made(self, partitions: int) -> Topic:
        name = f"bench-{os.getpid()}-{next(self._numbers)}"
        self._kafka.create_topic(name, partitions)
        return Topic(self._kafka.bootstrap, name, self.config)


@contextmanager
def broker() -> Iterator[Broker]:
    """Give the best broker that can be had here."""
    with ExitStack() as stack:
        if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
            yield Real(Kafka(bootstrap))
            return
        try:
            kafka = stack.enter_context(RealKafka())
        except KafkaUnavailableError:
            yield Embedded()
        else:
            yield Real(kafka, kafka.pids.values())


class ContenderError(Exception):
    """A contender ended without figures; the text is its last line."""


class Stage:
    """Runs contenders, one at a time or as members of one group."""

    def __init__(self, on: Broker, registry: str) -> None:
        self.broker = on
        self._registry = registry
        self._groups = count(1)

    def fitting(self, filled: Load, partitions: int = PARTITIONS) -> Load:
        """Return *filled* with as many events as a topic can hold."""
        sample = records(filled._replace(events=1_000))
        mean_bytes = sum(len(record.value or b"") + 80 for record in sample) / len(sample)
        room = self.broker.room(partitions) / mean_bytes * 0.8  # keys fill partitions unevenly
        return filled._replace(events=int(min(filled.events, room)))

    def run(
        self, contender: Contender, filled: Load, sink: SinkProcess, partitions: int = PARTITIONS
    ) -> Figures:
        """Let *contender* handle all of *filled*, and return its figures and the sink's."""
        with self.topic(filled, partitions) as topic:
            return self.run_on(topic, contender, filled.events, sink)

    def run_on(self, topic: Topic, contender: Contender, events: int, sink: SinkProcess) -> Figures:
        """Let *contender* handle *events* records of *topic*."""
        before = sink.counts()
        spawned_s = time.monotonic()
        figures = finish(start(contender, self.job(topic, contender.batch, events, sink)))
        after = sink.counts()
        figures["sink_busy"] = (after["cpu_s"] - before["cpu_s"]) / figures["seconds"]
        if "delivered_s" in figures:
            figures["ready_s"] = figures["delivered_s"] - spawned_s - figures["join_s"]
        return figures

    def topic(
        self, filled: Load | None, partitions: int = PARTITIONS
    ) -> AbstractContextManager[Topic]:
        """Give a topic with the records of *filled*, for one contender."""
        return contextmanager(self.broker.topic)(partitions, filled)

    def job(self, topic: Topic, batch: int, events: int, sink: SinkProcess) -> Job:
        """Return what to tell a contender, as the first member of a group."""
        return Job(
            bootstrap=topic.bootstrap,
            topic=topic.name,
            group=f"bench-{os.getpid()}-{next(self._groups)}",
            url=sink.url,
            authority=None if sink.authority is None else str(sink.authority),
            registry=self._registry,
            events=events,
            batch=batch,
            config=topic.config,
        )


def start(contender: Contender, job: Job) -> subprocess.Popen[bytes]:
    """Start *contender* with what it has to do."""
    return subprocess.Popen(
        [contender.python, "-m", contender.module, job.argument()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> Figures:
    """Wait for the end of *process* and return what it said.

    Raises:
        ContenderError: it failed, or was not done in time.
    """
    try:
        said, complained = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ContenderError(f"not done after {LIMIT_S:.0f} s") from None
    if process.returncode or not said:
        raise ContenderError((complained.decode().strip() or "no word").splitlines()[-1])
    figures: Figures = orjson.loads(said.splitlines()[-1])
    return figures


@contextmanager
def stage() -> Iterator[Stage]:
    """Give a stage on the best broker there is."""
    LIBRARY_LOG.setLevel(logging.ERROR)  # a coordinator that is still starting is no news
    with broker() as on, registry() as url:
        yield Stage(on, url)


@contextmanager
def registry() -> Iterator[str]:
    """Give the address of a registry that has the schemas of all events."""
    stub = RegistryStub()
    for name, schema_id in SCHEMA_IDS.items():
        stub.schemas[schema_id] = {"schema": (folder() / name).read_text("utf-8")}
    with running(stub):
        yield stub.url


def fill(topic: Topic, filled: Load) -> None:
    """Write the records of *filled*."""
    producer = TopicProducer(kafka_settings(topic), topic.name)
    for record in records(filled):
        producer.put(record)
    producer.close()


def kafka_settings(topic: Topic) -> KafkaSettings:
    """Return the settings of a client of *topic*."""
    settings = load(
        env={
            "SEG_KAFKA__BOOTSTRAP_SERVERS": topic.bootstrap,
            "SEG_KAFKA__TOPICS": topic.name,
            "SEG_KAFKA__CONFIG": orjson.dumps(topic.config).decode(),
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
        }
    )
    return settings.kafka
