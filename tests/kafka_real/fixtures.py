"""Fixtures for tests against a real Kafka.

A test module asks for them with `pytest_plugins = ["tests.kafka_real.fixtures"]`. One cluster
serves the whole run: the one that KAFKA_BOOTSTRAP_SERVERS names, else one broker of our own. Where
neither can be had the tests are skipped, except in CI on a machine that has the programs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.kafka_real.artifacts import KafkaUnavailableError, expected_here
from tests.kafka_real.cluster import Kafka, RealKafka

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

VARIABLE: Final = "KAFKA_BOOTSTRAP_SERVERS"
NOT_OURS: Final = f"{VARIABLE} names the cluster: its brokers are not ours to end"


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give the cluster of this run; others use it too, so name topics and groups for the test."""
    if bootstrap := os.environ.get(VARIABLE):
        yield Kafka(bootstrap)
        return
    with _ours(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def own_kafka(real_kafka: Kafka) -> RealKafka:
    """Give the cluster of this run if its brokers are ours to stop and kill, else skip."""
    if not isinstance(real_kafka, RealKafka):
        pytest.skip(NOT_OURS)
    return real_kafka


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """Give brokers of the module's own to stop and kill; leave them as they were.

    Any two hold what is acknowledged, so that the third may be away.
    """
    if os.environ.get(VARIABLE):
        pytest.skip(NOT_OURS)
    properties = {"min.insync.replicas": "2"}
    with _ours(tmp_path_factory.mktemp("three"), 3, properties) as kafka:
        yield kafka


def _ours(folder: Path, brokers: int = 1, properties: Mapping[str, str] | None = None) -> RealKafka:
    """Return a cluster that can be started; else skip, or fail where there is no excuse."""
    try:
        return RealKafka(brokers, properties, folder)
    except KafkaUnavailableError as error:
        if expected_here():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
