"""From settings to librdkafka's configuration: what the promise rests on stands here."""

from __future__ import annotations

import json
import logging
from socket import gethostname
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer

from consumer.core.errors import SettingsError
from consumer.kafka.config import (
    LIBRARY_LOG,
    client_config,
    consumer_config,
    is_cooperative,
    lease_s,
    make,
    producer_config,
    session_s,
)
from consumer.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.settings import KafkaSettings

NEEDED = {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "SEG_KAFKA__TOPICS": "events",
    "SEG_DELIVERY__WEBSITE_ID": "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7",
}
PASSED = {
    "session.timeout.ms": 6000,
    "fetch.wait.max.ms": 50,
    "linger.ms": 20,
    "compression.type": "lz4",
    "client.rack": "a",
}


def kafka(**variables: str) -> KafkaSettings:
    """Return the settings of the Kafka side; the names of *variables* go without their prefix."""
    return load(env=NEEDED | {f"SEG_KAFKA__{k}": value for k, value in variables.items()}).kafka


def test_lines_of_the_library_are_of_a_kind_and_less_serious() -> None:
    """Five killed brokers are eighty refused connections, and each was an error of its own."""
    text = "GETPID [host#producer-1] [thrd:main]: Failed to acquire a producer id"
    line = logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, None, None)

    assert LIBRARY_LOG.filter(line)
    assert (line.levelno, getattr(line, "kind", None)) == (logging.WARNING, "GETPID")


def test_what_the_library_tells_twice_is_one_line() -> None:
    """A failed connection comes to `error_cb` with the same words."""
    text = "FAIL [host#consumer-1] [thrd:a:9092/1]: a:9092/1: Connect failed: Connection refused"
    line = logging.LogRecord("librdkafka", logging.ERROR, "", 0, text, None, None)

    assert not LIBRARY_LOG.filter(line)


@pytest.mark.parametrize(("session_ms", "seconds"), [(45_000, 10.0), (6_000, 2.0)])
def test_lease_is_a_third_of_the_session_at_most(session_ms: int, seconds: float) -> None:
    """Well before the group gives up on a silent member that member starts nothing more."""
    settings = kafka(CONFIG=f'{{"session.timeout.ms": {session_ms}}}')

    assert lease_s(session_s(settings)) == seconds


class TestConsumer:
    """The member of the group."""

    def test_only_the_program_commits_and_nothing_jumps(self) -> None:
        """No offset is stored or committed by itself, and none is reset by itself."""
        config = consumer_config(kafka(GROUP_ID="g", ON_OFFSET_OUT_OF_RANGE="latest"))

        assert config == {
            "bootstrap.servers": "127.0.0.1:1",
            "client.id": gethostname(),
            "security.protocol": "PLAINTEXT",
            "topic.metadata.propagation.max.ms": 10_000,
            "group.id": "g",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "max.poll.interval.ms": 300_000,
            "fetch.max.bytes": 1_000_000,
            "fetch.queue.backoff.ms": 20,
            "max.partition.fetch.bytes": 65_536,
            "queued.max.messages.kbytes": 4_096,
            "socket.timeout.ms": 10_000,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 45_000,
        }

    def test_the_consumer_protocol_leaves_the_classic_settings_out(self) -> None:
        """The broker decides what they decided (KIP-848), and librdkafka refuses them there."""
        config = consumer_config(kafka(GROUP_PROTOCOL="consumer", GROUP_INSTANCE_ID="pod-1"))

        assert config["group.protocol"] == "consumer"
        assert config["group.instance.id"] == "pod-1"
        assert not config.keys() & {
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "partition.assignment.strategy",
        }

    def test_what_is_a_producer_s_is_not_passed(self) -> None:
        """What is passed through goes to the clients that know it, and wins."""
        config = consumer_config(kafka(CONFIG=json.dumps(PASSED)))

        assert {name: config[name] for name in PASSED.keys() & config.keys()} == {
            "session.timeout.ms": 6000,
            "fetch.wait.max.ms": 50,
            "client.rack": "a",
        }

    def test_larger_messages_are_fetched_where_they_may_be_written(self) -> None:
        """An answer of the brokers is no smaller than a message may be: librdkafka would refuse."""
        config = consumer_config(kafka(CONFIG='{"message.max.bytes": 5000000}'))

        assert config["fetch.max.bytes"] == 5_000_000
        make(Consumer, config).close()

    @pytest.mark.parametrize("protocol", ["classic", "consumer"])
    @pytest.mark.parametrize("seconds", ["1", "30", "300"])
    def test_every_poll_interval_that_the_settings_take_makes_a_client(
        self, protocol: str, seconds: str
    ) -> None:
        """A session is never longer than it: librdkafka would refuse."""
        settings = kafka(
            MAX_POLL_INTERVAL_S=seconds, DRAIN_TIMEOUT_S="0.5", GROUP_PROTOCOL=protocol
        )
        config = consumer_config(settings)

        make(Consumer, config).close()

        assert config["max.poll.interval.ms"] == int(seconds) * 1000

    @pytest.mark.parametrize(
        ("topics", "passed", "expected"),
        [
            ("events", {}, None),
            ("^events", {}, r"\.dead-letter$"),
            ("^events", {"topic.blacklist": "^a,^b"}, r"\.dead-letter$,^a,^b"),
        ],
    )
    def test_a_pattern_takes_in_no_dead_letters(
        self, topics: str, passed: dict[str, str], expected: str | None
    ) -> None:
        """Whatever else the operator leaves out."""
        config = consumer_config(kafka(TOPICS=topics, CONFIG=json.dumps(passed)))

        assert config.get("topic.blacklist") == expected

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({}, True),
            ({"ASSIGNMENT_STRATEGY": "range"}, False),
            ({"ASSIGNMENT_STRATEGY": "roundrobin"}, False),
            ({"ASSIGNMENT_STRATEGY": "range", "GROUP_PROTOCOL": "consumer"}, True),
        ],
    )
    def test_which_protocols_are_cooperative(
        self, variables: dict[str, str], *, expected: bool
    ) -> None:
        """The consumer protocol always is, whatever the classic one's strategy says."""
        assert is_cooperative(kafka(**variables)) is expected


def test_a_client_is_known_by_its_host() -> None:
    """The brokers' logs, quotas and group descriptions tell one pod from another."""
    assert client_config(kafka())["client.id"] == gethostname()


class TestProducer:
    """The writer of dead letters."""

    def test_an_acknowledgement_means_that_all_replicas_have_it_once(self) -> None:
        """Idempotent and acknowledged by all; what is too large is the broker's to say."""
        config = producer_config(kafka(CONFIG=json.dumps(PASSED)))

        assert config == {
            "bootstrap.servers": "127.0.0.1:1",
            "client.id": gethostname(),
            "security.protocol": "PLAINTEXT",
            "topic.metadata.propagation.max.ms": 10_000,
            "enable.idempotence": True,
            "acks": "all",
            "message.max.bytes": 1_000_000_000,
            "linger.ms": 20,
            "compression.type": "lz4",
            "client.rack": "a",
        }


class TestSecurity:
    """How every client proves who it is."""

    def test_sasl_plain(self) -> None:
        """User name and password."""
        config = client_config(
            kafka(
                SECURITY_PROTOCOL="SASL_SSL",
                SASL_MECHANISM="SCRAM-SHA-512",
                SASL_USERNAME="jane",
                SASL_PASSWORD="hunter2",
            )
        )

        assert config["security.protocol"] == "SASL_SSL"
        assert config["sasl.mechanisms"] == "SCRAM-SHA-512"
        assert config["sasl.username"] == "jane"
        assert config["sasl.password"] == "hunter2"

    def test_oauthbearer_fetches_its_token_itself(self) -> None:
        """By OIDC client credentials; librdkafka's default would wait for a callback."""
        config = client_config(
            kafka(
                SECURITY_PROTOCOL="SASL_SSL",
                SASL_MECHANISM="OAUTHBEARER",
                OAUTHBEARER_TOKEN_ENDPOINT_URL="https://id.example/token",
                OAUTHBEARER_CLIENT_ID="jane",
                OAUTHBEARER_CLIENT_SECRET="hunter2",
            )
        )

        assert config["sasl.oauthbearer.method"] == "oidc"
        assert config["sasl.oauthbearer.client.secret"] == "hunter2"


class TestRefusal:
    """What librdkafka does not take."""

    @pytest.mark.parametrize("config", [consumer_config, producer_config])
    @pytest.mark.parametrize(
        ("passed", "text"),
        [
            ({"no.such.setting": 1}, 'No such configuration property: "no.such.setting"'),
            (
                {"socket.timeout.ms": "soon"},
                'Invalid value for configuration property "socket.timeout.ms"',
            ),
        ],
    )
    def test_is_said_in_a_sentence(
        self,
        config: Callable[[KafkaSettings], dict[str, str | int | float | bool]],
        passed: dict[str, str],
        text: str,
    ) -> None:
        """A settings error that names the setting."""
        kind: type[Consumer | Producer] = Consumer if config is consumer_config else Producer
        with pytest.raises(SettingsError) as error:
            make(kind, config(kafka(CONFIG=json.dumps(passed))))

        assert error.value.problems == (
            f"SEG_KAFKA__CONFIG: librdkafka refuses the settings: {text}",
        )

    def test_a_session_that_is_longer_than_the_poll_interval(self) -> None:
        """Two settings that contradict each other are named, not silently changed."""
        passed = json.dumps({"session.timeout.ms": 60_000})
        with pytest.raises(SettingsError, match=r"max\.poll\.interval\.ms.*session\.timeout\.ms"):
            make(Consumer, consumer_config(kafka(MAX_POLL_INTERVAL_S="50", CONFIG=passed)))

    @pytest.mark.parametrize(
        "passed",
        [
            {"ssl.key.pem": "hunter2"},
            {"ssl.keystore.password": "hunter2", "ssl.keystore.location": "/nowhere"},
            {"sasl.oauthbearer.config": "hunter2", "session.timeout.ms": "x"},
        ],
    )
    def test_shows_no_secret(self, passed: dict[str, str]) -> None:
        """Whatever is wrong with it or beside it."""
        settings = kafka(SECURITY_PROTOCOL="SSL", CONFIG=json.dumps(passed))
        with pytest.raises(SettingsError) as error:
            make(Consumer, consumer_config(settings))

        assert "hunter2" not in str(error.value)
