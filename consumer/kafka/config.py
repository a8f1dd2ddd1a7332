"""From settings to librdkafka's configuration.

What was measured stands here. `fetch.queue.backoff.ms` of 20 makes reading several times faster
than librdkafka's default: a full queue is looked at again after a second there. A queue of 4 MB
is still 50 ms of the most work; a full one takes twice its size, and 32 MB were 75 MB more of
memory and no faster. An answer of a broker is as it was compressed, and the queue takes all of it:
one of 8 MB that was ten times as much came to 240 MB of memory, one of 1 MB comes to 115, no
slower. It holds 64 KB of a partition, as much as two of Segment's largest events: an answer of 1 MB
was all of one partition, so few keys waited, and only one call of a key is under way at a time.
"""

from __future__ import annotations

import logging
from socket import gethostname
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from confluent_kafka import KafkaException

from consumer.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from consumer.settings import KafkaSettings

Config: TypeAlias = "dict[str, str | int | float | bool]"
"""librdkafka's configuration, under its own names."""

LIBRARY_LOG = logging.getLogger("librdkafka")
"""Where librdkafka's own lines go, instead of to standard error."""
LIBRARY_LOG.addHandler(logging.NullHandler())  # in a command without a log they go nowhere


def _by_facility(record: logging.LogRecord) -> bool:
    """Let *record* be one of its facility, such as GETPID, and one level less serious.

    A broker that restarts is a line for each connection that it refuses, every one an error. Such a
    line, FAIL, is left out: what it says comes to `error_cb` as well.
    """
    kind = record.getMessage().partition(" ")[0]
    record.kind = kind
    record.levelno = max(record.levelno - 10, logging.DEBUG)
    return kind != "FAIL"


LIBRARY_LOG.addFilter(_by_facility)

_CONSUMER_ONLY = (
    "session.", "heartbeat.", "fetch.", "queued.", "max.poll.", "group.", "isolation.",
    "check.crcs", "max.partition.fetch.", "coordinator.query.",
)  # fmt: skip
_PRODUCER_ONLY = (
    "linger.", "batch.", "compression.", "queue.buffering.", "message.timeout.", "delivery.",
    "retries", "retry.", "request.timeout.", "partitioner", "sticky.",
)  # fmt: skip


SESSION_TIMEOUT_MS = 45_000
"""How long the group waits for a member that died; librdkafka's default."""

ANSWER_WITHIN_MS = 10_000
"""How long a broker may take; librdkafka's default of a minute is longer than the sessions."""

FETCH_BYTES = 1_000_000
"""The most that an answer of the brokers holds, compressed."""

LEASE_MAX_S = 10.0
"""A coordinator that is away for no longer than most of this is not felt."""

NO_DEAD_LETTERS = r"\.dead-letter$"
"""Topics that no pattern takes in, as librdkafka's `topic.blacklist` takes it."""

T = TypeVar("T")


def make(client: Callable[[Any], T], config: Config, **callbacks: Callable[..., None]) -> T:
    """Return a client with *config*; its own lines go to the log.

    Raises:
        SettingsError: librdkafka refuses a setting; its text names it and shows no secret.
    """
    try:
        return client(config | {"logger": LIBRARY_LOG} | callbacks)
    except KafkaException as error:
        text = error.args[0].str()
        raise SettingsError(
            [f"SEG_KAFKA__CONFIG: librdkafka refuses the settings: {text}"]
        ) from None


def client_config(settings: KafkaSettings) -> Config:
    """Return what every client needs: the brokers, and how to prove who we are."""
    config: Config = {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": gethostname(),  # in Kubernetes the pod's name
        "security.protocol": settings.security_protocol,
        "topic.metadata.propagation.max.ms": 10_000,
    }
    known: Mapping[str, str | Path | SecretStr | None] = {
        "sasl.mechanisms": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password,
        "ssl.ca.location": settings.ssl_ca_file,
        "ssl.certificate.location": settings.ssl_certificate_file,
        "ssl.key.location": settings.ssl_key_file,
        "ssl.key.password": settings.ssl_key_password,
        "sasl.oauthbearer.token.endpoint.url": settings.oauthbearer_token_endpoint_url,
        "sasl.oauthbearer.client.id": settings.oauthbearer_client_id,
        "sasl.oauthbearer.client.secret": settings.oauthbearer_client_secret,
        "sasl.oauthbearer.scope": settings.oauthbearer_scope,
    }
    config |= {name: _text(value) for name, value in known.items() if value is not None}
    if settings.sasl_mechanism == "OAUTHBEARER":
        config["sasl.oauthbearer.method"] = "oidc"
    return config


def consumer_config(settings: KafkaSettings) -> Config:
    """Return the configuration of the group's member.

    `auto.offset.reset` is always `error`: where to start and what an offset out of range means is
    decided by `source`, one at a time and with a text, never by a silent jump.
    """
    poll_interval_ms = round(settings.max_poll_interval_s * 1000)
    config: Config = {
        "group.id": settings.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "max.poll.interval.ms": poll_interval_ms,
        # librdkafka refuses less than the largest message.
        "fetch.max.bytes": max(FETCH_BYTES, int(settings.config.get("message.max.bytes", 0))),
        "fetch.queue.backoff.ms": 20,
        "max.partition.fetch.bytes": 65_536,
        "queued.max.messages.kbytes": 4_096,
        "socket.timeout.ms": ANSWER_WITHIN_MS,
    }
    if settings.group_protocol == "consumer":
        config["group.protocol"] = "consumer"
    else:
        config["partition.assignment.strategy"] = settings.assignment_strategy
        # librdkafka refuses a session that is longer than the poll interval.
        config["session.timeout.ms"] = min(SESSION_TIMEOUT_MS, poll_interval_ms)
    if settings.group_instance_id is not None:
        config["group.instance.id"] = settings.group_instance_id
    passed = _without(settings.config, _PRODUCER_ONLY)
    if any(name.startswith("^") for name in settings.topics):
        # What the operator blacks out comes on top: dead letters must not come back as events.
        others = passed.pop("topic.blacklist", None)
        config["topic.blacklist"] = (
            NO_DEAD_LETTERS if others is None else f"{NO_DEAD_LETTERS},{others}"
        )
    return client_config(settings) | config | passed


def session_s(settings: KafkaSettings) -> float:
    """Return how long the group waits for a member that is silent.

    By KIP-848 the brokers say; this is their default, which their own lower limit is as well.
    """
    return int(consumer_config(settings).get("session.timeout.ms", SESSION_TIMEOUT_MS)) / 1000


def lease_s(session_s: float) -> float:
    """Return how long after an acknowledged commit was sent calls may still start.

    In a third of the session no other member can own what we do: the group has heard of us since.
    """
    return min(LEASE_MAX_S, session_s / 3)


def subscription(settings: KafkaSettings) -> list[str]:
    """Return the topics as the group's protocol takes them.

    By KIP-848 the broker matches a pattern, and it matches the whole name; librdkafka, that does it
    by the classic protocol, is content with the beginning. A pattern means the same by both here.
    """
    if settings.group_protocol != "consumer":
        return list(settings.topics)
    return [f"^({it}).*" if it.startswith("^") else it for it in settings.topics]


def producer_config(settings: KafkaSettings) -> Config:
    """Return the configuration of a producer whose acknowledgement means "stored for good"."""
    config: Config = {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        # A record that was stored compressed must fit again, as a letter and when it is replayed.
        "compression.type": "zstd",
        # The broker decides what is too large, not this side.
        "message.max.bytes": 1_000_000_000,
    }
    return client_config(settings) | config | _without(settings.config, _CONSUMER_ONLY)


def admin_config(settings: KafkaSettings) -> Config:
    """Return the configuration of a client that only asks; a question never makes a topic."""
    passed = _without(settings.config, _CONSUMER_ONLY + _PRODUCER_ONLY)
    quiet: Config = {"allow.auto.create.topics": False, "log_level": 0}
    return client_config(settings) | passed | quiet


def is_cooperative(settings: KafkaSettings) -> bool:
    """Tell whether partitions come and go one by one, not all at once."""
    return (
        settings.group_protocol == "consumer"
        or settings.assignment_strategy == "cooperative-sticky"
    )


def _without(config: Mapping[str, str | int | float | bool], prefixes: tuple[str, ...]) -> Config:
    return {name: value for name, value in config.items() if not name.startswith(prefixes)}


def _text(value: str | Path | SecretStr) -> str:
    return value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
