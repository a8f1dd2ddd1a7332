"""What Kafka's errors mean: the end, or a count and a line."""

from __future__ import annotations

import io

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from consumer.core.errors import StartError
from consumer.core.timing import SystemClock
from consumer.kafka.problems import ADVICE, Problems, code_of
from consumer.observe import logs
from consumer.observe.metrics import Tally


@pytest.fixture(name="tally")
def _tally() -> Tally:
    return Tally()


@pytest.fixture(name="lines")
def _lines() -> structlog.testing.CapturingLogger:
    return structlog.testing.CapturingLogger()


@pytest.fixture(name="problems")
def _problems(tally: Tally, lines: structlog.testing.CapturingLogger) -> Problems:
    return Problems(tally, structlog.wrap_logger(lines, processors=[]))


@pytest.mark.parametrize("code", ADVICE, ids=lambda code: KafkaError(code).name())
def test_what_waiting_does_not_heal_ends_the_program(problems: Problems, code: int) -> None:
    """The text has the error's name and what to do, each time that it is asked."""
    problems.note(KafkaError(code))

    for _ in range(2):
        with pytest.raises(StartError) as error:
            problems.raise_fatal()
        assert str(error.value) == f"Kafka: {KafkaError(code).name()}: {ADVICE[code]}"


@pytest.mark.parametrize("flag", [True, False])
def test_what_librdkafka_calls_fatal_ends_the_program(problems: Problems, *, flag: bool) -> None:
    """It says itself that the client cannot go on; in a message without the flag."""
    problems.note(KafkaError(KafkaError._FATAL, "the producer is fenced", fatal=flag))

    with pytest.raises(StartError, match=r"^Kafka: _FATAL: the producer is fenced$"):
        problems.raise_fatal()


@pytest.mark.parametrize("code", ADVICE, ids=lambda code: KafkaError(code).name())
def test_the_text_of_what_is_fatal_is_enough(problems: Problems, code: int) -> None:
    """A consumer's message has no other code than that it is fatal."""
    problems.note(KafkaError(KafkaError._FATAL, f"Fatal error: {KafkaError(code).str()}"))

    with pytest.raises(StartError) as error:
        problems.raise_fatal()
    assert str(error.value) == f"Kafka: _FATAL: {ADVICE[code]}"


def test_what_a_call_raises_ends_the_program_where_it_is_fatal(problems: Problems) -> None:
    """With what to do about it."""
    code = KafkaError.CLUSTER_AUTHORIZATION_FAILED
    with pytest.raises(StartError, match=r"^Kafka: CLUSTER_AUTHORIZATION_FAILED: the principal"):
        problems.end(KafkaException(KafkaError(code, "no id", fatal=True)))


def test_what_a_call_raises_is_passed_on_where_it_is_not(problems: Problems) -> None:
    """Nobody is to swallow it."""
    with pytest.raises(KafkaException, match="_STATE"):
        problems.end(KafkaException(KafkaError(KafkaError._STATE)))


@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN])
def test_what_waiting_heals_is_counted_and_told(
    problems: Problems, tally: Tally, lines: structlog.testing.CapturingLogger, code: int
) -> None:
    """The program goes on, for librdkafka does."""
    problems.note(KafkaError(code))
    problems.note(KafkaError(code))
    problems.raise_fatal()

    name = KafkaError(code).name()
    assert tally.kafka_errors == {(name,): 2}
    assert [(it.method_name, it.kwargs["event"]) for it in lines.calls] == [
        ("warning", "kafka_error"),
        ("warning", "kafka_error"),
    ]
    assert {it.kwargs["reason"] for it in lines.calls} == {name}


def test_a_flood_of_one_error_is_one_line(tally: Tally) -> None:
    """The client tells 38 a second while all brokers are away; the count has them all."""
    stream = io.StringIO()
    logs.configure(level="info", layout="json", stream=stream, clock=SystemClock())
    problems = Problems(tally, logs.get().bind())
    try:
        for _ in range(500):
            problems.note(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    finally:
        structlog.reset_defaults()

    assert stream.getvalue().count("\n") == 1
    assert tally.kafka_errors == {("_ALL_BROKERS_DOWN",): 500}


def test_the_code_of_an_exception_is_its_name() -> None:
    """Also where the exception holds no error."""
    assert code_of(KafkaException(KafkaError(KafkaError._TIMED_OUT))) == "_TIMED_OUT"
    assert code_of(KafkaException("odd")) == "KafkaException"
