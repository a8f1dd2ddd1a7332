"""Whether the brokers let us in; where they do not, which setting to look at.

librdkafka retries for ever and a request to it just times out: the reason comes by `error_cb`, and
not all of it. What is missing is looked up here: why a certificate is refused, and whether anything
listens at the address.
"""

from __future__ import annotations

import re
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from consumer.core.errors import StartError
from consumer.kafka.probe import addresses, is_web, listens, objection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from confluent_kafka.admin import AdminClient, TopicMetadata

    from consumer.core.timing import Clock
    from consumer.settings import KafkaSettings

SURE_AFTER_S: Final = 1.0
"""A login or certificate that is still refused after this time is wrong."""
HUNG_UP_S: Final = 5.0
"""Brokers that hang up for longer speak another protocol. A proxy hangs up, too, while its broker
restarts."""

_ASK_S: Final = 0.5
_ASK_MAX_S: Final = 4.0
"""Each request waits longer than the last, up to this: a slow broker answers late."""
_HTTP: Final = str(int.from_bytes(b"HTTP"))
"""What librdkafka takes the first bytes of an HTTP answer for: the size of one of Kafka's."""
_FAILED: Final = re.compile(
    r"(?:Failed to resolve '(?P<name>[^']+)'|Connect to \S+?#(?P<address>\S+) failed):"
    r" (?P<why>.+?)(?: \(after .*)?$"
)


class Stage(StrEnum):
    """How far a connection comes."""

    BROKERS = "brokers"
    TLS = "tls"
    LOGIN = "login"


class UnreachableError(StartError):
    """The brokers do not let us in; *stage* is what failed, all before it is fine."""

    def __init__(self, stage: Stage, text: str) -> None:
        self.stage = stage
        super().__init__(text)


class Cause(NamedTuple):
    """Why it failed, and what to do."""

    stage: Stage
    text: str
    sure_after_s: float = SURE_AFTER_S
    """How long it must last to be the cause; brokers that are slow or restart look alike."""


def reach(
    admin: AdminClient,
    errors: list[KafkaError],
    settings: KafkaSettings,
    *,
    timeout_s: float,
    clock: Clock,
    tell: Callable[[Cause], None] = lambda _cause: None,
) -> Mapping[str, TopicMetadata]:
    """Return the topics that the principal may see.

    *errors* is the list that the `error_cb` of *admin* appends to. *tell* hears the cause as soon
    as there is one, and each that follows.

    Raises:
        UnreachableError: none does within *timeout_s*, or none will ever let us in.
    """
    start_s = clock.monotonic_s()
    ask_s = _ASK_S
    told = ""
    while True:
        try:
            return admin.list_topics(timeout=ask_s).topics
        except KafkaException:
            admin.poll(_ASK_S)
            waited_s = clock.monotonic_s() - start_s
        if errors or waited_s >= min(SURE_AFTER_S, timeout_s):
            cause = cause_of(errors, settings, waited_s)
            if waited_s >= min(cause.sure_after_s, timeout_s):
                raise UnreachableError(cause.stage, cause.text)
            if (said := re.sub(r"\d+", "", cause.text)) != told:
                tell(cause)
                told = said
        ask_s = min(2 * ask_s, _ASK_MAX_S, max(_ASK_S, start_s + timeout_s - clock.monotonic_s()))


def cause_of(errors: Sequence[KafkaError], settings: KafkaSettings, waited_s: float) -> Cause:
    """Return the cause of *errors*, all that the client reported in *waited_s*."""
    texts = [error.str() for error in errors]
    for error, text in zip(errors, texts, strict=True):
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - its public name
            return _login(text, settings)
    if any(f"response size {_HTTP} " in text for text in texts):
        return _web(settings)
    if (cause := _of_tls(texts, settings)) is not None:
        return cause
    if any("ailed" in text for text in texts) or not listens(settings):
        return _away(settings, waited_s, texts)
    if is_web(settings):
        return _web(settings)
    # librdkafka reports each closed connection as a broker down, and silence not at all.
    do, sure_after_s = ("hang up", HUNG_UP_S) if texts else ("keep silent", inf)
    return _other_protocol(settings, f"they accept the connection and then {do}", sure_after_s)


def _of_tls(texts: Sequence[str], settings: KafkaSettings) -> Cause | None:
    """Return what a handshake failed of; None where none did."""
    for text in texts:
        if "wrong version number" in text and is_web(settings):
            return _web(settings)
        if "PLAINTEXT broker listener" in text:
            return _other_protocol(settings, "the brokers do not speak TLS there")
        if "verify failed" in text:
            return _certificate(settings)
        if "alert" in text:
            return Cause(
                Stage.TLS,
                "the brokers refuse the client's certificate, or miss one: check that"
                " SEG_KAFKA__SSL_CERTIFICATE_FILE and SEG_KAFKA__SSL_KEY_FILE are set, not expired"
                f" and by an authority that the brokers know ({text})",
            )
    return None


def _login(text: str, settings: KafkaSettings) -> Cause:
    if "mechanism" in text and "supported" in text:
        look_at = "SEG_KAFKA__SASL_MECHANISM"
    elif settings.sasl_mechanism == "OAUTHBEARER":
        look_at = (
            "SEG_KAFKA__OAUTHBEARER_TOKEN_ENDPOINT_URL, SEG_KAFKA__OAUTHBEARER_CLIENT_ID,"
            " SEG_KAFKA__OAUTHBEARER_CLIENT_SECRET and SEG_KAFKA__OAUTHBEARER_SCOPE"
        )
    else:
        look_at = "SEG_KAFKA__SASL_USERNAME and SEG_KAFKA__SASL_PASSWORD"
    return Cause(Stage.LOGIN, f"the login to Kafka fails: check {look_at} ({text})")


def _other_protocol(
    settings: KafkaSettings, what: str, sure_after_s: float = SURE_AFTER_S
) -> Cause:
    protocol = settings.security_protocol
    return Cause(
        Stage.TLS,
        f"the brokers of SEG_KAFKA__BOOTSTRAP_SERVERS ({settings.bootstrap_servers}) do not take"
        f" {protocol}: {what}. Check SEG_KAFKA__SECURITY_PROTOCOL and the port.",
        sure_after_s,
    )


def _web(settings: KafkaSettings) -> Cause:
    return Cause(
        Stage.BROKERS,
        "an HTTP service answers at SEG_KAFKA__BOOTSTRAP_SERVERS"
        f" ({settings.bootstrap_servers}), not Kafka: check the port",
    )


def _away(settings: KafkaSettings, waited_s: float, texts: Sequence[str]) -> Cause:
    """Return that nobody answers, and why each address does not as far as *texts* tell."""
    whys: dict[str, None] = {}
    for found in filter(None, map(_FAILED.search, texts)):
        if found["name"] is not None:
            whys[f"{found['name']} does not resolve: {found['why']}"] = None
        else:
            whys[f"{found['address']}: {found['why']}"] = None
    text = "; ".join(whys) or next((text for text in texts if "ailed" in text), "")
    return Cause(
        Stage.BROKERS,
        f"no broker of SEG_KAFKA__BOOTSTRAP_SERVERS ({settings.bootstrap_servers}) answered within"
        f" {waited_s:.0f} s: check the address, and that the brokers run and can be reached from"
        " here" + (f" ({text})" if text else ""),
        inf,
    )


def _certificate(settings: KafkaSettings) -> Cause:
    """Ask the broker for its certificate again: librdkafka does not tell what is wrong with it."""
    whys = (objection(address, settings) for address in addresses(settings))
    why = next((why for why in whys if why is not None), "it is not trusted")
    if "expired" in why:
        advice = "have it renewed; no setting here helps"
    elif "match" in why:
        advice = "SEG_KAFKA__BOOTSTRAP_SERVERS must use a name that is in it"
    else:
        advice = "SEG_KAFKA__SSL_CA_FILE must hold the authority that vouches for the brokers"
    return Cause(Stage.TLS, f"the brokers' certificate is refused, {why}: {advice}")
