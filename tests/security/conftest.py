"""The secured broker of this folder; its modules take in `tests.kafka_real.fixtures`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.kafka_real.artifacts import KafkaUnavailableError, expected_here
from tests.security.authority import Authority
from tests.security.secured import Secured, secured

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Give the broker; topics, groups and rights are each test's own."""
    try:
        with secured(tmp_path_factory.mktemp("secured-kafka")) as it:
            yield it
    except KafkaUnavailableError as error:
        if expected_here():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that nobody here trusts."""
    return Authority(tmp_path_factory.mktemp("authorities") / "stranger")


@pytest.fixture(scope="session")
def stranger_file(stranger: Authority) -> str:
    """Give the path of its certificate."""
    return str(stranger.certificate)


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses."""
    return f"test-{secrets.token_hex(4)}"
