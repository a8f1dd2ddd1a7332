"""The registries of this folder."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.avro.registry_stub import RegistryStub
from tests.avro.registry_stub import running as stub_running
from tests.kafka_real.artifacts import KafkaUnavailableError, expected_here
from tests.registry.apicurio import Apicurio, running
from tests.registry.backends import Backend, Real, Stub
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority that vouches for the registries."""
    return Authority(tmp_path_factory.mktemp("authorities") / "registries")


@pytest.fixture(scope="session")
def apicurio(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    """Give the real registry of this run; others use it too, so name subjects for the test."""
    try:
        with running(authority.issue("registry"), tmp_path_factory.mktemp("apicurio")) as it:
            yield it
    except KafkaUnavailableError as error:
        if expected_here():
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error).replace("a real Kafka", "a real schema registry"))


@pytest.fixture
def _stub() -> Iterator[RegistryStub]:
    with stub_running(RegistryStub()) as stub:
        yield stub


@pytest.fixture(params=["stub", pytest.param("real", marks=pytest.mark.real)])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Give each registry in turn."""
    if request.param == "real":
        real: Apicurio = request.getfixturevalue("apicurio")
        return Real(real.url)
    return Stub(request.getfixturevalue("_stub"))


@pytest.fixture
def subject() -> str:
    """Give a name that no other test uses, with what an address has to quote."""
    return f"test/{secrets.token_hex(4)}-value"
