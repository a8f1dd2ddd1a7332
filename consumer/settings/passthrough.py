"""What may be passed through to librdkafka, and what may not: it would break the promise.

The names are librdkafka's own, https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from consumer.core.model import Value
from consumer.settings.kinds import Expected

_OBJECT = "a JSON object of librdkafka's settings"

Scalar = str | int | float | bool

_OWN_SETTING = {
    "bootstrap.servers": "bootstrap_servers",
    "metadata.broker.list": "bootstrap_servers",
    "group.id": "group_id",
    "group.protocol": "group_protocol",
    "group.instance.id": "group_instance_id",
    "partition.assignment.strategy": "assignment_strategy",
    "auto.offset.reset": "auto_offset_reset",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_username",
    "sasl.password": "sasl_password",
    "sasl.oauthbearer.token.endpoint.url": "oauthbearer_token_endpoint_url",
    "sasl.oauthbearer.client.id": "oauthbearer_client_id",
    "sasl.oauthbearer.client.credentials.client.id": "oauthbearer_client_id",
    "sasl.oauthbearer.client.secret": "oauthbearer_client_secret",
    "sasl.oauthbearer.client.credentials.client.secret": "oauthbearer_client_secret",
    "sasl.oauthbearer.scope": "oauthbearer_scope",
    "ssl.ca.location": "ssl_ca_file",
    "ssl.certificate.location": "ssl_certificate_file",
    "ssl.key.location": "ssl_key_file",
    "ssl.key.password": "ssl_key_password",
    "max.poll.interval.ms": "max_poll_interval_s",
}

_COMMITS = "an offset is committed only when all before it are finished"
_ACKNOWLEDGED = "a dead letter is stored only when all replicas have it"
_BREAKS_THE_PROMISE = {
    "enable.auto.commit": _COMMITS,
    "auto.commit.enable": _COMMITS,
    "auto.commit.interval.ms": _COMMITS,
    "enable.auto.offset.store": _COMMITS,
    "offset.store.method": _COMMITS,
    "enable.partition.eof": "the end of a partition is no event here",
    "acks": _ACKNOWLEDGED,
    "request.required.acks": _ACKNOWLEDGED,
    "enable.idempotence": _ACKNOWLEDGED,
    "transactional.id": "nothing is written in transactions",
    "on_commit": "the program sets its callbacks itself",
    "logger": "the program sets its callbacks itself",
}
_OF_THE_CLASSIC_PROTOCOL = ("session.timeout.ms", "heartbeat.interval.ms")  # KIP-848

_SECRET = re.compile(r"password|passphrase|secret|\.pem$|\.jaas\.|oauthbearer\.config")


def _refusal(name: str, *, group_protocol: object) -> str | None:
    """Return why *name* may not be passed through, or None where it may."""
    if name in _OWN_SETTING:
        return f"use `{_OWN_SETTING[name]}` for it"
    if name.endswith("_cb"):
        return "the program sets its callbacks itself"
    if group_protocol == "consumer" and name in _OF_THE_CLASSIC_PROTOCOL:
        return "the broker decides it where `group_protocol` is consumer"
    return _BREAKS_THE_PROMISE.get(name)


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        # The text may hold a password: nothing of it is shown.
        raise ValueError(f"expected {_OBJECT}, got text that is not JSON") from None


def _check(value: object, info: ValidationInfo) -> object:
    entries = _parsed(value)
    if not isinstance(entries, dict):
        raise ValueError(f"expected {_OBJECT}, got {type(entries).__name__}")  # noqa: TRY004 - pydantic's
    problems = []
    for name, entry in entries.items():
        if not isinstance(entry, Scalar):
            kind = type(entry).__name__
            problems.append(f"expected text, a number, true or false for {name}, got {kind}")
        elif why := _refusal(name, group_protocol=info.data.get("group_protocol")):
            problems.append(f"{name} cannot be passed through: {why}")
    if problems:
        raise ValueError("\n".join(problems))
    return entries


Passthrough = Annotated[
    Mapping[str, Scalar],
    BeforeValidator(_check),
    Expected(_OBJECT),
]


def masked(config: Mapping[str, Scalar]) -> dict[str, Value]:
    """Return *config* with the values left out that may be secrets."""
    return {name: "***" if _SECRET.search(name) else value for name, value in config.items()}
