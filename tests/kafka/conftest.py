"""The brokers of this folder; modules that use `broker` take in `tests.kafka_real.fixtures`."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from consumer.kafka.embedded import EmbeddedBroker
from consumer.kafka.mock_cluster import API_KEYS
from tests.kafka.brokers import Broker, Embedded, Real
from tests.kafka.member import Member, settings_for
from tests.kafka.writer import Writer
from tests.kafka_real.cluster import RealKafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOAK = os.environ.get("SEG_TEST_SOAK") == "1"
"""The long matrix runs too."""


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """Give an embedded broker; topics and groups are named for the test."""
    with EmbeddedBroker(brokers=1) as broker:
        yield Embedded(broker)


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.broker),
        pytest.param("real", marks=[pytest.mark.broker, pytest.mark.real]),
    ]
)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Give each broker in turn; topics and groups are named for the test."""
    if request.param == "real":
        return Real(request.getfixturevalue("real_kafka"))
    embedded: Embedded = request.getfixturevalue("embedded")
    return embedded


@pytest.fixture(scope="session")
def _strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    properties = {
        "auto.create.topics.enable": "false",
        "log.cleaner.backoff.ms": "100",
        "log.initial.task.delay.ms": "0",
        "log.retention.check.interval.ms": "200",
    }
    with RealKafka(properties=properties, folder=tmp_path_factory.mktemp("strict")) as kafka:
        yield kafka


@pytest.fixture
def strict(request: pytest.FixtureRequest) -> Real:
    """Give a real broker that makes no topic unasked, and compacts and deletes at once."""
    request.getfixturevalue("own_kafka")  # skips where no broker of ours can be started
    return Real(request.getfixturevalue("_strict"))


@pytest.fixture(scope="session")
def _faulty() -> Iterator[Embedded]:
    with EmbeddedBroker(brokers=3) as broker:
        yield Embedded(broker)


@pytest.fixture
def faulty(_faulty: Embedded) -> Iterator[Embedded]:
    """Give an embedded broker of three, to break; it is mended after the test."""
    yield _faulty
    for api in API_KEYS:
        _faulty.broker.call("clear_errors", api)
    _faulty.broker.call("set_rtt", 0, -1)
    _faulty.broker.call("set_up", -1)


@pytest.fixture
def topic() -> str:
    """Give a name that no other test uses."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def join() -> Iterator[Callable[..., Member]]:
    """Give a function that makes a member of a group, closed at the end of the test."""
    with ExitStack() as stack:

        def make(broker: Broker, topics: str, **variables: str) -> Member:
            member = Member(settings_for(broker, topics, **variables))
            stack.callback(member.kill)
            return member

        yield make


@pytest.fixture
def write() -> Iterator[Callable[..., Writer]]:
    """Give a function that makes a writer of dead letters, closed at the end of the test."""
    with ExitStack() as stack:

        def make(broker: Broker, topic: str, **variables: str) -> Writer:
            writer = Writer(broker, topic, **variables)
            stack.callback(writer.letters.close)
            return writer

        yield make
