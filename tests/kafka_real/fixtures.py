"""Fixtures for tests against a real Kafka.

A test module asks for them with `pytest_plugins = ["tests.kafka_real.fixtures"]`. One cluster
serves the whole run: the one that KAFKA_BOOTSTRAP_SERVERS names, else one broker of our own. Where
neither can be had the tests are skipped, except in CI on a machine that has the programs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.kafka_real.artifacts import KafkaUnavailableError, expected_here
from tests.kafka_real.cluster import Kafka, RealKafka

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give the cluster of this run; others use it too, so name topics and groups for the test."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield Kafka(bootstrap)
        return
    try:
        kafka = RealKafka(folder=tmp_path_factory.mktemp("kafka"))
    except KafkaUnavailableError as error:
        if expected_here():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    with kafka:
        yield kafka


@pytest.fixture
def own_kafka(real_kafka: Kafka) -> RealKafka:
    """Give the cluster of this run if its brokers are ours to stop and kill, else skip."""
    if not isinstance(real_kafka, RealKafka):
        pytest.skip("KAFKA_BOOTSTRAP_SERVERS names the cluster: its brokers are not ours to end")
    return real_kafka
