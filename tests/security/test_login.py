"""Every way to prove who one is, on a real broker; and each that fails says what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core.timing import SystemClock
from consumer.kafka.connectivity import Stage, UnreachableError
from consumer.kafka.inspect import Cluster
from consumer.settings import load
from tests.security.authority import Signer
from tests.security.secured import ADMIN, PASSWORD, Secured
from tests.security.tokens import CLIENT_ID, CLIENT_SECRET, endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.security.authority import Authority, Identity

# The limit is the test's: the first start of the broker may have to fetch it.
pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(60, func_only=True)]

PASSWORDS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def enter(servers: str, **variables: str | Path) -> set[str]:
    """Go in with the settings that *variables* of the section `kafka` make; return the topics."""
    env = {f"SEG_KAFKA__{name.upper()}": str(value) for name, value in variables.items()}
    env |= {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": servers,
        "SEG_KAFKA__TOPICS": "events",
        "SEG_DELIVERY__WEBSITE_ID": "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7",
    }
    return set(Cluster(load(env=env).kafka, SystemClock()).reach(20))


def refusal(servers: str, **variables: str | Path) -> tuple[Stage, str]:
    """Return how far one comes who is not let in, and what is said."""
    with pytest.raises(UnreachableError) as caught:
        enter(servers, **variables)
    return caught.value.stage, str(caught.value)


def sasl(mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the settings of a login by password."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_username": ADMIN,
        "sasl_password": password,
    }


def bearer(url: str, secret: str = CLIENT_SECRET) -> dict[str, str]:
    """Return the settings of a login by token."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "oauthbearer_token_endpoint_url": url,
        "oauthbearer_client_id": CLIENT_ID,
        "oauthbearer_client_secret": secret,
    }


def tls(authority: Authority, identity: Identity | None = None) -> dict[str, str | Path]:
    """Return the settings of TLS, mutual where there is an *identity*."""
    found: dict[str, str | Path] = {
        "security_protocol": "SSL",
        "ssl_ca_file": authority.certificate,
    }
    if identity is not None:
        found |= {"ssl_certificate_file": identity.certificate, "ssl_key_file": identity.key}
    return found


class TestPasswords:
    """PLAIN and SCRAM."""

    @pytest.mark.parametrize("mechanism", PASSWORDS)
    def test_the_right_one_lets_in(self, kafka: Secured, mechanism: str, name: str) -> None:
        """A client with the right password sees the topics."""
        kafka.kafka.create_topic(name, partitions=1)

        assert name in enter(kafka.servers["SASL"], **sasl(mechanism))

    @pytest.mark.parametrize("mechanism", PASSWORDS)
    def test_a_wrong_one_is_named(self, kafka: Secured, mechanism: str) -> None:
        """It is the login that fails, the text names both settings, and shows no password."""
        stage, text = refusal(kafka.servers["SASL"], **sasl(mechanism, "wrong-password"))

        assert stage is Stage.LOGIN
        assert "check SEG_KAFKA__SASL_USERNAME and SEG_KAFKA__SASL_PASSWORD" in text
        assert "wrong-password" not in text

    def test_within_tls(self, kafka: Secured) -> None:
        """SASL and TLS together let in."""
        secure = sasl("PLAIN") | {"security_protocol": "SASL_SSL"}

        enter(kafka.servers["SASLTLS"], **secure, ssl_ca_file=kafka.authority.certificate)

    def test_a_mechanism_that_the_brokers_lack(self, kafka: Secured) -> None:
        """The text names the setting, and what the brokers take instead."""
        secure = sasl("SCRAM-SHA-512") | {"security_protocol": "SASL_SSL"}
        ca_file = kafka.authority.certificate

        stage, text = refusal(kafka.servers["SASLTLS"], **secure, ssl_ca_file=ca_file)

        assert stage is Stage.LOGIN
        assert "check SEG_KAFKA__SASL_MECHANISM (" in text
        assert "supported mechanisms: PLAIN" in text


class TestTokens:
    """OAUTHBEARER with OIDC's client credentials."""

    def test_a_token_lets_in(self, kafka: Secured) -> None:
        """The client fetches a token by its id and secret, and the broker takes it."""
        with endpoint(kafka.signer) as url:
            enter(kafka.servers["SASL"], **bearer(url))

    def test_a_wrong_secret_is_named(self, kafka: Secured) -> None:
        """The endpoint gives no token: the text names the settings, and shows no secret."""
        with endpoint(kafka.signer) as url:
            stage, text = refusal(kafka.servers["SASL"], **bearer(url, "wrong-secret"))

        assert stage is Stage.LOGIN
        assert "SEG_KAFKA__OAUTHBEARER_CLIENT_SECRET" in text
        assert "wrong-secret" not in text

    def test_a_token_of_a_stranger_is_refused(self, kafka: Secured, tmp_path: Path) -> None:
        """A token that the brokers do not trust is a login that fails."""
        with endpoint(Signer(tmp_path)) as url:
            stage, text = refusal(kafka.servers["SASL"], **bearer(url))

        assert stage is Stage.LOGIN
        assert "SEG_KAFKA__OAUTHBEARER_TOKEN_ENDPOINT_URL" in text


class TestCertificates:
    """TLS and mutual TLS."""

    def test_a_trusted_broker_is_spoken_to(self, kafka: Secured) -> None:
        """A broker that the authority vouches for is the right one."""
        enter(kafka.servers["TLS"], **tls(kafka.authority))

    def test_a_client_may_have_to_show_its_own(self, kafka: Secured) -> None:
        """Mutual TLS lets in who has a certificate of the authority."""
        enter(kafka.servers["MUTUAL"], **tls(kafka.authority, kafka.client))

    def test_an_unknown_authority(self, kafka: Secured, stranger: Authority) -> None:
        """The text says that the authority is not known, and which setting holds it."""
        stage, text = refusal(kafka.servers["TLS"], **tls(stranger))

        assert stage is Stage.TLS
        assert "unable to get local issuer certificate: SEG_KAFKA__SSL_CA_FILE" in text

    def test_an_expired_broker(self, kafka: Secured) -> None:
        """The text says that it has expired: no setting helps."""
        stage, text = refusal(kafka.servers["EXPIRED"], **tls(kafka.authority))

        assert stage is Stage.TLS
        assert "certificate has expired: have it renewed" in text

    def test_a_client_without_one(self, kafka: Secured) -> None:
        """Mutual TLS without a certificate names the settings for it."""
        stage, text = refusal(kafka.servers["MUTUAL"], **tls(kafka.authority))

        assert stage is Stage.TLS
        assert "SEG_KAFKA__SSL_CERTIFICATE_FILE" in text

    def test_a_client_whose_own_has_expired(self, kafka: Secured) -> None:
        """Likewise where it has one that is too old."""
        old = kafka.authority.issue("old-client", days=-1)

        stage, text = refusal(kafka.servers["MUTUAL"], **tls(kafka.authority, old))

        assert stage is Stage.TLS
        assert "SEG_KAFKA__SSL_CERTIFICATE_FILE" in text

    def test_a_client_of_a_stranger(self, kafka: Secured, stranger: Authority) -> None:
        """Likewise where the brokers do not know its authority."""
        stage, text = refusal(
            kafka.servers["MUTUAL"], **tls(kafka.authority, stranger.issue("stranger"))
        )

        assert stage is Stage.TLS
        assert "SEG_KAFKA__SSL_CERTIFICATE_FILE" in text


class TestProtocols:
    """The port of one protocol and the setting of another."""

    def test_plain_text_to_a_port_of_tls(self, kafka: Secured) -> None:
        """The brokers hang up without a word: the text names the protocol."""
        stage, text = refusal(kafka.servers["TLS"])

        assert stage is Stage.TLS
        assert "do not take PLAINTEXT" in text
        assert "Check SEG_KAFKA__SECURITY_PROTOCOL" in text

    def test_tls_to_a_port_of_plain_text(self, kafka: Secured) -> None:
        """The same the other way round."""
        stage, text = refusal(kafka.servers["SASL"], **tls(kafka.authority))

        assert stage is Stage.TLS
        assert "do not take SSL: the brokers do not speak TLS there" in text
