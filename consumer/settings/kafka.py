"""The settings of the Kafka side."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from consumer.settings.kinds import (
    ReadableFile,
    Secret,
    Section,
    SecureUrl,
    Servers,
    Text,
    Topics,
)
from consumer.settings.passthrough import Passthrough
from consumer.settings.rules import T, below, together_with

OffsetReset = Literal["error", "earliest", "latest"]

_CREDENTIALS = {
    "PLAIN": {"sasl_username", "sasl_password"},
    "SCRAM-SHA-256": {"sasl_username", "sasl_password"},
    "SCRAM-SHA-512": {"sasl_username", "sasl_password"},
    "OAUTHBEARER": {
        "oauthbearer_token_endpoint_url",
        "oauthbearer_client_id",
        "oauthbearer_client_secret",
    },
}


def _as_mechanism_needs(value: T, info: ValidationInfo) -> T:
    """Ask for the credentials that the mechanism takes, and for no other."""
    if "sasl_mechanism" not in info.data:
        return value
    mechanism = info.data["sasl_mechanism"]
    needed = info.field_name in _CREDENTIALS.get(mechanism, ())
    if needed and value is None:
        raise ValueError(f"expected a value, for `sasl_mechanism` is {mechanism}; it is not set")
    if not needed and value is not None:
        state = "not set" if mechanism is None else mechanism
        raise ValueError(f"expected not to be set, for `sasl_mechanism` is {state}")
    return value


def _as_protocol_needs(value: T, info: ValidationInfo) -> T:
    """Ask for a mechanism exactly where the protocol is one with SASL."""
    protocol = info.data.get("security_protocol")
    if protocol is None or protocol.startswith("SASL_") == (value is not None):
        return value
    wish = "a mechanism" if value is None else "not to be set"
    raise ValueError(f"expected {wish}, for `security_protocol` is {protocol}")


def _only_with_tls(value: T, info: ValidationInfo) -> T:
    """Refuse a certificate that would never be looked at: the operator believes in TLS."""
    protocol = info.data.get("security_protocol", "SSL")
    if value is not None and not protocol.endswith("SSL"):
        raise ValueError(f"expected not to be set, for `security_protocol` is {protocol}")
    return value


Credential = AfterValidator(_as_mechanism_needs)
OnlyWithTls = AfterValidator(_only_with_tls)


class KafkaSettings(Section):
    """Where the records come from."""

    bootstrap_servers: Servers
    """The brokers to ask first."""
    topics: Topics
    """The topics to read."""
    group_id: Text = "seg-consumer"
    """The consumer group; its committed offsets are where reading goes on."""
    group_protocol: Literal["classic", "consumer"] = "classic"
    """How the group shares partitions: the classic protocol, or KIP-848's `consumer`."""
    group_instance_id: Text | None = None
    """A name that outlives restarts: a member that is back in time causes no rebalance."""
    assignment_strategy: Literal["cooperative-sticky", "range", "roundrobin"] = "cooperative-sticky"
    """How the classic protocol divides partitions; the members of a group must agree."""
    auto_offset_reset: OffsetReset = "earliest"
    """Where a group starts in a partition for which it has committed nothing yet."""
    on_offset_out_of_range: OffsetReset = "error"
    """What happens when the committed offset is gone: stop with an error, or jump."""
    config: Passthrough = Field(default={}, repr=False)
    """More settings for librdkafka, under its own names."""
    max_poll_interval_s: Annotated[float, Field(ge=1, le=86_400)] = 300
    """Without a poll for so long, the group takes the partitions away."""
    drain_timeout_s: Annotated[float, Field(ge=0, le=86_400), below("max_poll_interval_s")] = 35
    """How long calls in flight may take to finish when partitions go away or the program stops;
    below `delivery.timeout_s` calls of a slow Seg are sent twice. The pod's grace period must be
    15 s longer."""
    poll_max_records: Annotated[int, Field(ge=1, le=100_000)] = 500
    """The most records taken out of librdkafka's queue at a time."""
    window_max_records: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """The most offsets between the oldest unfinished and the newest of a partition; at the bound
    the partition is paused."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Whether the brokers are spoken to with TLS, and whether with SASL."""
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None,
        AfterValidator(_as_protocol_needs),
    ] = None
    """How the program proves who it is."""
    sasl_username: Annotated[Text | None, Credential] = None
    """The user name, for PLAIN and SCRAM."""
    sasl_password: Annotated[Secret | None, Credential] = None
    """The password, for PLAIN and SCRAM."""
    oauthbearer_token_endpoint_url: Annotated[SecureUrl | None, Credential] = None
    """Where a token is fetched, for OAUTHBEARER (OIDC client credentials)."""
    oauthbearer_client_id: Annotated[Text | None, Credential] = None
    """The client's id, for OAUTHBEARER."""
    oauthbearer_client_secret: Annotated[Secret | None, Credential] = None
    """The client's secret, for OAUTHBEARER."""
    oauthbearer_scope: Text | None = None
    """The scope to ask for, for OAUTHBEARER."""
    ssl_ca_file: Annotated[ReadableFile | None, OnlyWithTls] = None
    """The PEM file of the authorities that may vouch for the brokers; without it the system's."""
    ssl_certificate_file: Annotated[ReadableFile | None, OnlyWithTls] = None
    """The PEM file of the client's certificate, for mutual TLS."""
    ssl_key_file: Annotated[ReadableFile | None, together_with("ssl_certificate_file")] = None
    """The PEM file of the client's key, for mutual TLS."""
    ssl_key_password: Annotated[Secret | None, OnlyWithTls] = None
    """The password of the client's key."""
