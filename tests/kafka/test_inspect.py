"""Questions from outside the group while a broker is away or has just been."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from consumer.core.timing import SystemClock
from consumer.kafka import inspect
from consumer.kafka.connectivity import HUNG_UP_S, SURE_AFTER_S, UnreachableError
from consumer.kafka.inspect import Cluster
from consumer.settings import load
from tests.kafka.member import environment, settings_for
from tests.kafka.stranger import stranger

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.kafka.connectivity import Cause
    from tests.kafka.brokers import Embedded

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

CONTROLLER = 1
"""Of the embedded brokers."""


def test_a_controller_that_was_away_when_the_client_came_is_not_waited_for_in_vain(
    faulty: Embedded, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be back, and all may be well: librdkafka waits, and a start would fail."""
    monkeypatch.setattr(inspect, "ATTEMPT_S", 1.0)
    faulty.create_topic(topic, 3)
    cluster = Cluster(settings_for(faulty, topic).kafka, SystemClock())
    faulty.broker.call("set_down", CONTROLLER)
    cluster.reach(5.0)
    faulty.broker.call("set_up", CONTROLLER)

    found = cluster.topics([topic])[topic]

    assert (found.state, found.partitions) == ("there", 3)


def test_a_slow_broker_is_waited_for(faulty: Embedded, topic: str) -> None:
    """It keeps silent at first, as one does that is spoken to in the wrong protocol."""
    faulty.create_topic(topic, 3)
    cluster = Cluster(settings_for(faulty, topic).kafka, SystemClock())
    faulty.broker.call("set_rtt", round(1.5 * SURE_AFTER_S * 1000), -1)

    assert topic in cluster.reach(20.0)


def refusal(bootstrap: str, faulty: Embedded) -> tuple[float, str]:
    """Return after how long a start would end that may take eight seconds, and what is said."""
    variables = environment(faulty, "events", SEG_KAFKA__BOOTSTRAP_SERVERS=bootstrap)
    clock = SystemClock()
    start_s = clock.monotonic_s()
    with pytest.raises(UnreachableError) as caught:
        Cluster(load(env=variables).kafka, clock).reach(HUNG_UP_S + 3.0)
    return clock.monotonic_s() - start_s, str(caught.value)


def test_who_hangs_up_is_asked_again_for_a_while(faulty: Embedded) -> None:
    """A proxy hangs up while the broker behind it restarts; in the end it is the protocol."""
    with stranger(socket.socket.close) as bootstrap:
        seconds, text = refusal(bootstrap, faulty)

    assert seconds >= HUNG_UP_S
    assert "do not take PLAINTEXT: they accept the connection and then hang up. Check" in text


def test_who_keeps_silent_is_waited_for_to_the_end(faulty: Embedded) -> None:
    """It may be a broker that is just slow."""
    met: list[socket.socket] = []
    with stranger(met.append) as bootstrap:
        seconds, text = refusal(bootstrap, faulty)
    for connection in met:
        connection.close()

    assert seconds >= HUNG_UP_S + 3.0
    assert "they accept the connection and then keep silent. Check SEG_KAFKA__SECURITY" in text


WEB = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


def answer(connection: socket.socket) -> None:
    """Answer as a web server whatever is asked."""
    with connection:
        connection.recv(4096)
        connection.sendall(WEB)


def answer_a_line(connection: socket.socket) -> None:
    """Answer as a web server that reads a whole line first, which Kafka's client never ends."""

    def serve() -> None:
        with connection, contextlib.suppress(OSError):
            if connection.recv(4096).endswith(b"\n"):
                connection.sendall(WEB)
            connection.recv(4096)

    threading.Thread(target=serve, daemon=True).start()


@pytest.mark.parametrize("meet", [answer, answer_a_line])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_web_server_is_called_one(
    faulty: Embedded, meet: Callable[[socket.socket], None], protocol: str
) -> None:
    """The client itself says that its buffer is too small, or nothing."""
    with stranger(meet) as bootstrap:
        variables = environment(
            faulty,
            "events",
            SEG_KAFKA__BOOTSTRAP_SERVERS=bootstrap,
            SEG_KAFKA__SECURITY_PROTOCOL=protocol,
        )
        with pytest.raises(UnreachableError) as caught:
            Cluster(load(env=variables).kafka, SystemClock()).reach(HUNG_UP_S)

    assert str(caught.value) == (
        f"an HTTP service answers at SEG_KAFKA__BOOTSTRAP_SERVERS ({bootstrap}), not Kafka: check"
        " the port"
    )


def test_the_cause_is_told_at_once_and_once(faulty: Embedded) -> None:
    """Why each address does not answer; the same with another number of seconds is no news."""
    servers = "kafka.invalid:9092,127.0.0.1:1"
    variables = environment(faulty, "events", SEG_KAFKA__BOOTSTRAP_SERVERS=servers)
    clock = SystemClock()
    start_s, told_s = clock.monotonic_s(), []
    causes: list[Cause] = []

    def tell(cause: Cause) -> None:
        causes.append(cause)
        told_s.append(clock.monotonic_s() - start_s)

    with pytest.raises(UnreachableError) as caught:
        Cluster(load(env=variables).kafka, clock).reach(4.0, tell)

    assert told_s[0] < 2 * SURE_AFTER_S
    assert len(causes) <= 2  # one address may be told before the other
    for text in (causes[-1].text, str(caught.value)):
        assert "kafka.invalid:9092 does not resolve: " in text
        assert "127.0.0.1:1: Connection refused" in text
