"""What Kafka's errors mean here: which end the program, and which setting to look at.

An error that waiting may heal is counted and logged; librdkafka goes on by itself. One that it
cannot heal ends the program with a text that names the setting. Such an error comes to `error_cb`,
out of a producer's call, or as a consumer's message with nothing but its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from confluent_kafka import KafkaError, KafkaException

from consumer.core.errors import StartError

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.observe.metrics import Tally

ADVICE: dict[int, str] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "the principal may not read the topic: grant it READ and DESCRIBE on SEG_KAFKA__TOPICS"
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (
        "the principal may not use the group: grant it READ on SEG_KAFKA__GROUP_ID"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "the principal may not write idempotently: grant it WRITE on the dead-letter topic"
    ),
    KafkaError.FENCED_INSTANCE_ID: (
        "another member has the same SEG_KAFKA__GROUP_INSTANCE_ID: each pod needs its own"
    ),
    KafkaError.UNRELEASED_INSTANCE_ID: (
        "another member has the same SEG_KAFKA__GROUP_INSTANCE_ID, or had it and died less than its"
        " session's time-out ago: each pod needs its own"
    ),
    KafkaError.INVALID_GROUP_ID: "the broker refuses SEG_KAFKA__GROUP_ID",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: (
        "other members of the group use another SEG_KAFKA__ASSIGNMENT_STRATEGY"
    ),
    KafkaError.UNSUPPORTED_ASSIGNOR: "the broker does not know the assignor of the group",
}
"""Errors that waiting does not heal, and what to do about each."""

LOOK_AT: dict[int, str] = {
    KafkaError._AUTHENTICATION: (  # noqa: SLF001 - its public name
        "SEG_KAFKA__SASL_USERNAME and SEG_KAFKA__SASL_PASSWORD, or SEG_KAFKA__OAUTHBEARER_*"
    ),
    KafkaError._SSL: (  # noqa: SLF001 - its public name
        "SEG_KAFKA__SSL_CA_FILE, and when the brokers' certificates expire"
    ),
}
"""Settings that may be rotated while the program runs: it tries again until they are right."""

_FATAL = KafkaError._FATAL  # noqa: SLF001 - its public name


class Problems:
    """The errors of one client: logged, counted, or the end of the program."""

    def __init__(self, tally: Tally, log: FilteringBoundLogger) -> None:
        self._tally = tally
        self._log = log
        self._fatal: StartError | None = None

    def note(self, error: KafkaError) -> None:
        """Count and log *error*; remember it if it must end the program.

        This is the client's `error_cb`: it runs inside a poll, where raising is not possible.
        """
        name = error.name()
        labels = (name,)
        self._tally.kafka_errors[labels] = self._tally.kafka_errors.get(labels, 0) + 1
        advice = _advice(error)
        if advice is not None or error.fatal() or error.code() == _FATAL:
            self._fatal = StartError(f"Kafka: {name}: {advice or error.str()}")
        else:
            more = {} if error.code() not in LOOK_AT else {"look_at": LOOK_AT[error.code()]}
            self._log.warning("kafka_error", reason=name, detail=error.str(), **more)

    def raise_fatal(self) -> None:
        """Raise the error that ended the client, if one did.

        Raises:
            StartError: with what to do about it.
        """
        if self._fatal is not None:
            raise self._fatal

    def end(self, error: KafkaException) -> NoReturn:
        """Raise *error*, or StartError where the client cannot go on.

        Raises:
            StartError: the client cannot go on; with what to do about it.
            KafkaException: *error*, where it is something else.
        """
        self.note(error.args[0])
        self.raise_fatal()
        raise error


def _advice(error: KafkaError) -> str | None:
    """Return what to do about *error*, by its code, else by its text."""
    if error.code() != _FATAL:
        return ADVICE.get(error.code())
    text = error.str()
    return next((it for code, it in ADVICE.items() if KafkaError(code).str() in text), None)


def code_of(error: KafkaException) -> str:
    """Return the name of the error that *error* carries, such as `_TIMED_OUT`."""
    cause = error.args[0]
    return cause.name() if isinstance(cause, KafkaError) else type(error).__name__
