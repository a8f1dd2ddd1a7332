"""A password of Kafka's that changes while the program runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from consumer.avro.encoder import Encoder
from consumer.kafka.produce import TopicProducer
from consumer.sandbox import Options, Sandbox
from consumer.settings import load
from tests.rotating import consume, events
from tests.security.secured import LIMITED, Secured

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_real.cluster import RealKafka

# The limit is the test's: the first start of the broker may have to fetch it.
pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(60, func_only=True)]

MECHANISM = "SCRAM-SHA-512"
WEBSITE_ID = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"
EVENTS = 20


def produce(kafka: RealKafka, topic: str) -> None:
    """Write the events, by the listener that asks for no password."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": kafka._admin_bootstrap,
        "SEG_KAFKA__TOPICS": topic,
        "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
    }
    producer = TopicProducer(load(env=env).kafka, topic)
    for record in events(EVENTS, Encoder()):
        producer.put(record)
    producer.close()


def test_a_rotated_password_loses_no_event(kafka: Secured, name: str, tmp_path: Path) -> None:
    """The broker refuses the old one when the login is due again; the new file lets us back in.

    All events are read under the new password, and none is delivered twice.
    """
    kafka.kafka.create_topic(name, partitions=2)
    kafka.kafka.create_topic(f"{name}.dead-letter", partitions=1)
    kafka.allow(ResourceType.TOPIC, name, AclOperation.READ)
    kafka.allow(ResourceType.TOPIC, f"{name}.dead-letter", AclOperation.WRITE)
    kafka.allow(ResourceType.GROUP, name, AclOperation.READ)
    kafka.set_password(LIMITED, "old-password", MECHANISM)
    password = tmp_path / "SEG_KAFKA__SASL_PASSWORD"
    password.write_text("old-password")
    (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(WEBSITE_ID)

    with Sandbox.start(Options(website_id=WEBSITE_ID)) as sandbox:
        env = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": kafka.servers["SASL"],
            "SEG_KAFKA__TOPICS": name,
            "SEG_KAFKA__GROUP_ID": name,
            "SEG_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "SEG_KAFKA__SASL_MECHANISM": MECHANISM,
            "SEG_KAFKA__SASL_USERNAME": LIMITED,
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
        consume(
            env,
            tmp_path,
            [
                (
                    lambda tally: tally.assigned_partitions == 2,
                    lambda: kafka.set_password(LIMITED, "new-password", MECHANISM),
                ),
                (
                    lambda tally: ("_AUTHENTICATION",) in tally.kafka_errors,
                    lambda: produce(kafka.kafka, name),
                ),
                (lambda _tally: True, lambda: password.write_text("new-password")),
                (lambda tally: tally.outcomes >= EVENTS, None),
            ],
        )
        summary = sandbox.summary()

    assert (summary["accepted"], summary["doubles"]) == (EVENTS, 0)
