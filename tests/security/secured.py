"""One real broker with a listener for each way to prove who one is.

    SASL      PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER in plain text
    TLS       its certificate is by the right authority
    MUTUAL    likewise, and asks the client for one
    EXPIRED   its certificate has expired
    SASLTLS   PLAIN within TLS

An authorizer is in force: nobody may do anything without an ACL, but for the superuser and those
who need not say who they are (the internal listener and TLS).
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka_real.broker import free_addresses
from tests.kafka_real.cluster import RealKafka
from tests.security.authority import Authority, Identity, Signer
from tests.security.tokens import AUDIENCE, ISSUER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADMIN: Final = "admin"
LIMITED: Final = "limited"
"""A user who may do only what a test's ACLs say."""
PASSWORD: Final = "right-password"
REAUTHENTICATE_S: Final = 2
"""So often a SCRAM-SHA-512 client has to prove again who it is."""

_LISTENERS: Final = {
    "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "SASLTLS": "SASL_SSL",
}
_SCRAM: Final = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}
_SASL: Final = "org.apache.kafka.common.security"


class Secured(NamedTuple):
    """The broker, and what a client needs to get in."""

    kafka: RealKafka
    servers: dict[str, str]
    """`bootstrap.servers` by the name of the listener."""
    authority: Authority
    client: Identity
    signer: Signer
    admin: AdminClient
    """May do anything: it comes in by the internal listener."""

    def allow(self, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        """Let the limited user do *operations* on what is named *name*."""
        bindings = [
            AclBinding(
                kind,
                name,
                ResourcePatternType.LITERAL,
                f"User:{LIMITED}",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
        for answer in self.admin.create_acls(bindings).values():
            answer.result(20)

    def set_password(self, user: str, password: str, mechanism: str) -> None:
        """Give *user* a SCRAM *password*."""
        info = ScramCredentialInfo(_SCRAM[mechanism], 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for answer in self.admin.alter_user_scram_credentials([change]).values():
            answer.result(20)


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Start the broker, with everything that it and its clients need in *folder*."""
    authority = Authority(folder / "right-authority")
    signer = Signer(folder)
    keys = folder / "jwks.json"
    keys.write_text(json.dumps({"keys": [signer.jwk]}))
    kafka = RealKafka(folder=folder)
    places = free_addresses(2)
    ports = [port for place in places for port in place[1:]]
    servers = {name: f"127.0.0.1:{port}" for name, port in zip(_LISTENERS, ports, strict=False)}
    kafka._properties = _properties(kafka, servers, authority, keys)
    # The broker reads its keys for tokens only from URLs that this property names.
    option = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}"
    os.environ["JDK_JAVA_OPTIONS"] = option
    try:
        kafka.up()
    finally:
        del os.environ["JDK_JAVA_OPTIONS"]
    try:
        admin = AdminClient({"bootstrap.servers": kafka._admin_bootstrap, "log_level": 0})
        it = Secured(kafka, servers, authority, authority.issue("seg"), signer, admin)
        for mechanism in _SCRAM:
            it.set_password(ADMIN, PASSWORD, mechanism)
        yield it
    finally:
        kafka.down()


def _properties(
    kafka: RealKafka, servers: dict[str, str], authority: Authority, keys: Path
) -> dict[str, str]:
    address = kafka._addresses[0]
    internal = f"INTERNAL://127.0.0.1:{address.internal}"
    advertised = ",".join([internal, *(f"{name}://{at}" for name, at in servers.items())])
    protocols = "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT," + ",".join(
        f"{name}:{protocol}" for name, protocol in _LISTENERS.items()
    )
    properties = {
        "listeners": f"{advertised},CONTROLLER://127.0.0.1:{address.controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": protocols,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN};User:CN=seg;User:seg",
    }
    return properties | _sasl(keys) | _tls(authority)


def _sasl(keys: Path) -> dict[str, str]:
    sasl, login = "listener.name.sasl", f"{_SASL}.scram.ScramLoginModule required;"
    bearer = f"{sasl}.oauthbearer.sasl"
    plain = (
        f"{_SASL}.plain.PlainLoginModule required"
        f' user_{ADMIN}="{PASSWORD}" user_{LIMITED}="{PASSWORD}";'
    )
    return {
        f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{sasl}.plain.sasl.jaas.config": plain,
        f"{sasl}.scram-sha-256.sasl.jaas.config": login,
        f"{sasl}.scram-sha-512.sasl.jaas.config": login,
        f"{sasl}.scram-sha-512.connections.max.reauth.ms": str(REAUTHENTICATE_S * 1000),
        f"{bearer}.jaas.config": f"{_SASL}.oauthbearer.OAuthBearerLoginModule required;",
        f"{bearer}.server.callback.handler.class": (
            f"{_SASL}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        f"{bearer}.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        f"{bearer}.oauthbearer.expected.audience": AUDIENCE,
        f"{bearer}.oauthbearer.expected.issuer": ISSUER,
        "listener.name.sasltls.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasltls.plain.sasl.jaas.config": plain,
    }


def _tls(authority: Authority) -> dict[str, str]:
    good = authority.issue("broker").together()
    expired = authority.issue("expired-broker", days=-1).together()
    properties: dict[str, str] = {}
    for name, store in {"tls": good, "mutual": good, "sasltls": good, "expired": expired}.items():
        properties |= {
            f"listener.name.{name}.ssl.keystore.type": "PEM",
            f"listener.name.{name}.ssl.keystore.location": str(store),
            f"listener.name.{name}.ssl.truststore.type": "PEM",
            f"listener.name.{name}.ssl.truststore.location": str(authority.certificate),
        }
    return properties | {"listener.name.mutual.ssl.client.auth": "required"}
