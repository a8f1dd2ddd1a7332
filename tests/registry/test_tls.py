"""A registry behind TLS, one that asks for a certificate, and what is said where it fails."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from consumer.avro.conversation import Access
from consumer.avro.registry import Registry
from consumer.core.errors import UnavailableError
from consumer.core.timing import SystemClock
from tests.avro.registry_stub import RegistryStub, running
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registry.apicurio import Apicurio
    from tests.security.authority import Identity

# The limit is the test's: the first start of the registry may have to fetch it.
pytestmark = pytest.mark.timeout(60, func_only=True)

SCHEMA = '{"type": "record", "name": "Call", "fields": [{"name": "type", "type": "string"}]}'


@pytest.fixture(name="stub")
def _stub(authority: Authority) -> Iterator[RegistryStub]:
    """Give a stand-in that asks for a certificate of the authority."""
    identity = authority.issue("stub")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with running(RegistryStub(), context) as stub:
        yield stub


def registry(url: str, authority: Authority, identity: Identity | None = None) -> Registry:
    """Return a registry at *url* that *authority* must vouch for; we show *identity*."""
    access = Access(
        url=url,
        ca_file=str(authority.certificate),
        cert_file=None if identity is None else str(identity.certificate),
        key_file=None if identity is None else str(identity.key),
        timeout_s=20,
    )
    return Registry(access, SystemClock())


@pytest.mark.real
def test_a_real_registry_by_tls(apicurio: Apicurio, authority: Authority, subject: str) -> None:
    """The authority of the settings is the one that counts."""
    secured = registry(apicurio.tls_url, authority)

    assert secured.schema(secured.register(subject, SCHEMA))


@pytest.mark.real
def test_a_stranger_is_not_believed(apicurio: Apicurio, tmp_path: Path) -> None:
    """A registry whose authority is unknown is away, and the setting to look at is named."""
    secured = registry(apicurio.tls_url, Authority(tmp_path / "stranger"))

    with pytest.raises(UnavailableError, match="see SEG_SCHEMA_REGISTRY__CA_FILE"):
        secured.schema(1)


def test_mutual_tls(stub: RegistryStub, authority: Authority) -> None:
    """Who shows a certificate of the authority is let in."""
    secured = registry(stub.url, authority, authority.issue("seg"))

    assert secured.schema(stub.add(SCHEMA)) == (SCHEMA,)


def test_mutual_tls_without_a_certificate(stub: RegistryStub, authority: Authority) -> None:
    """The settings of the certificate are named."""
    with pytest.raises(UnavailableError, match="SEG_SCHEMA_REGISTRY__CERTIFICATE_FILE"):
        registry(stub.url, authority).schema(1)


def test_an_expired_registry(authority: Authority) -> None:
    """The text says that its certificate has expired."""
    identity = authority.issue("expired", days=-1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    with (
        running(RegistryStub(), context) as stub,
        pytest.raises(UnavailableError, match="certificate has expired"),
    ):
        registry(stub.url, authority).schema(1)
