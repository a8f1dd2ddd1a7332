"""What the doctor says of a broker that asks who one is."""

from __future__ import annotations

import pytest

from consumer.core.timing import SystemClock
from consumer.doctor import Check, Name, State
from consumer.doctor.kafka import check_kafka
from consumer.settings import load
from tests.security.secured import ADMIN, LIMITED, PASSWORD, Secured

# The limit is the test's: the first start of the broker may have to fetch it.
pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(60, func_only=True)]


def checks(kafka: Secured, name: str, **variables: str) -> dict[Name, Check]:
    """Return what is said of the topic and the group *name*, by SASL within TLS."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": kafka.servers["SASLTLS"],
        "SEG_KAFKA__TOPICS": name,
        "SEG_KAFKA__GROUP_ID": name,
        "SEG_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "SEG_KAFKA__SSL_CA_FILE": str(kafka.authority.certificate),
        "SEG_KAFKA__SASL_MECHANISM": "PLAIN",
        "SEG_KAFKA__SASL_USERNAME": ADMIN,
        "SEG_KAFKA__SASL_PASSWORD": PASSWORD,
        "SEG_DELIVERY__WEBSITE_ID": "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7",
    }
    found = check_kafka(load(env=env | variables), SystemClock())
    return {check.name: check for check in found}


def states(found: dict[Name, Check]) -> list[State]:
    """Return how brokers, TLS, login and topics ended."""
    return [found[name].state for name in (Name.BROKERS, Name.TLS, Name.LOGIN, Name.TOPICS)]


def test_all_is_well(kafka: Secured, name: str) -> None:
    """A real broker that takes our login is asked everything."""
    kafka.kafka.create_topic(name, partitions=3)

    found = checks(kafka, name)

    assert {name for name, it in found.items() if it.state is not State.OK} == {Name.RECORDS}
    assert found[Name.RECORDS].text == "no record is there yet"
    assert found[Name.TOPICS].text == f"{name} (3 partitions)"
    assert found[Name.DEAD_LETTERS].text == f"{name}.dead-letter is made at the start"


def test_a_wrong_password(kafka: Secured, name: str) -> None:
    """Everything up to the login is fine, and nothing after it is asked."""
    found = checks(kafka, name, SEG_KAFKA__SASL_PASSWORD="wrong")

    assert states(found) == [State.OK, State.OK, State.FAILED, State.SKIPPED]


def test_an_unknown_authority(kafka: Secured, name: str, stranger_file: str) -> None:
    """Somebody answers, but not who we trust."""
    found = checks(kafka, name, SEG_KAFKA__SSL_CA_FILE=stranger_file)

    assert states(found) == [State.OK, State.FAILED, State.SKIPPED, State.SKIPPED]


def test_missing_rights(kafka: Secured, name: str) -> None:
    """Topic, group and dead-letter topic each say what to grant."""
    kafka.kafka.create_topic(name, partitions=1)

    found = checks(kafka, name, SEG_KAFKA__SASL_USERNAME=LIMITED)

    assert found[Name.LOGIN].state is State.OK
    for missing in (Name.TOPICS, Name.GROUP, Name.DEAD_LETTERS):
        assert found[missing].state is State.FAILED
        assert "grant the principal" in found[missing].text


def test_a_dead_letter_topic_for_smaller_records(kafka: Secured, name: str) -> None:
    """A record that the source takes might not fit: somebody should know before it does not."""
    kafka.kafka.create_topic(name, partitions=1, config={"max.message.bytes": "2000000"})
    kafka.kafka.create_topic(f"{name}.dead-letter", partitions=1)

    found = checks(kafka, name)[Name.DEAD_LETTERS]

    assert found.state is State.WARNING
    assert f"Raise max.message.bytes of {name}.dead-letter to" in found.text


def test_a_dead_letter_topic_that_is_compacted(kafka: Secured, name: str) -> None:
    """It would lose letters, and the program does not start."""
    kafka.kafka.create_topic(name, partitions=1)
    kafka.kafka.create_topic(
        f"{name}.dead-letter", partitions=1, config={"cleanup.policy": "compact"}
    )

    found = checks(kafka, name)[Name.DEAD_LETTERS]

    assert found.state is State.FAILED
    assert "Set its cleanup.policy to delete" in found.text
