"""What the program must be permitted: what is missing is named at the start, all at once."""

from __future__ import annotations

import pytest
import structlog
from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, ResourceType

from consumer.core.errors import StartError
from consumer.core.timing import SystemClock
from consumer.kafka.problems import Problems
from consumer.kafka.start import check_start
from consumer.observe.metrics import Tally
from consumer.settings import Settings, load
from tests.security.secured import LIMITED, PASSWORD, Secured

# The limit is the test's: the first start of the broker may have to fetch it.
pytestmark = [pytest.mark.broker, pytest.mark.real, pytest.mark.timeout(60, func_only=True)]

READ, WRITE, CREATE = AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP


def limited(kafka: Secured, name: str, **variables: str) -> Settings:
    """Return the settings of the limited user for the topic and the group *name*."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": kafka.servers["SASL"],
        "SEG_KAFKA__TOPICS": name,
        "SEG_KAFKA__GROUP_ID": name,
        "SEG_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SEG_KAFKA__SASL_MECHANISM": "PLAIN",
        "SEG_KAFKA__SASL_USERNAME": LIMITED,
        "SEG_KAFKA__SASL_PASSWORD": PASSWORD,
        "SEG_DELIVERY__WEBSITE_ID": "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7",
    }
    return load(env=env | variables)


def check(settings: Settings) -> None:
    """Check as the program does before it reads."""
    log = structlog.wrap_logger(structlog.testing.CapturingLogger(), processors=[])
    check_start(settings.kafka, settings.dead_letter, SystemClock(), log)


def refusal(settings: Settings) -> list[str]:
    """Return the problems that the check names."""
    with pytest.raises(StartError) as caught:
        check(settings)
    return str(caught.value).split("; ")


def test_what_the_program_needs_is_enough(kafka: Secured, name: str) -> None:
    """READ on the topic and the group, CREATE and WRITE on the dead-letter topic: no more."""
    kafka.kafka.create_topic(name, partitions=1)
    kafka.allow(TOPIC, name, READ)
    kafka.allow(GROUP, name, READ)
    kafka.allow(TOPIC, f"{name}.dead-letter", CREATE, WRITE)

    check(limited(kafka, name))

    assert f"{name}.dead-letter" in kafka.admin.list_topics(timeout=20).topics


def test_everything_that_is_missing_is_told_at_once(kafka: Secured, name: str) -> None:
    """The topic, the group and the dead-letter topic each have their sentence and setting."""
    kafka.kafka.create_topic(name, partitions=1)

    topic, group, letter_topic = refusal(limited(kafka, name))

    assert topic.startswith(f"the topic {name} cannot be read: grant the principal READ")
    assert "SEG_KAFKA__TOPICS" in topic
    assert group.startswith(f"the group {name} cannot be joined: grant the principal READ")
    assert "SEG_KAFKA__GROUP_ID" in group
    assert letter_topic.startswith(f"the dead-letter topic {name}.dead-letter cannot be written")
    assert "SEG_DEAD_LETTER__TOPIC" in letter_topic


def test_to_see_a_topic_is_not_to_read_it(kafka: Secured, name: str) -> None:
    """DESCRIBE alone on the topic, and on the group, is found out before the first record."""
    kafka.kafka.create_topic(name, partitions=1)
    kafka.allow(TOPIC, name, AclOperation.DESCRIBE)
    kafka.allow(GROUP, name, AclOperation.DESCRIBE)
    kafka.allow(TOPIC, f"{name}.dead-letter", CREATE, WRITE)

    topic, group = refusal(limited(kafka, name))

    assert "cannot be read" in topic
    assert "cannot be joined" in group


def test_a_dead_letter_topic_that_cannot_be_made(kafka: Secured, name: str) -> None:
    """Without CREATE the text says what to grant, or which setting makes do without it."""
    kafka.kafka.create_topic(name, partitions=1)
    kafka.allow(TOPIC, name, READ)
    kafka.allow(GROUP, name, READ)
    kafka.allow(TOPIC, f"{name}.dead-letter", WRITE)

    [letter_topic] = refusal(limited(kafka, name))

    assert "cannot be made: grant the principal CREATE" in letter_topic
    assert "SEG_DEAD_LETTER__CREATE" in letter_topic


def test_a_missing_topic_is_not_made_by_asking_for_it(kafka: Secured, name: str) -> None:
    """The check names the setting, and leaves no topic behind."""
    kafka.allow(TOPIC, name, READ)
    kafka.allow(GROUP, name, READ)
    kafka.allow(TOPIC, f"{name}.dead-letter", CREATE, WRITE)

    [topic] = refusal(limited(kafka, name))

    assert topic == f"the topic {name} does not exist: check SEG_KAFKA__TOPICS"
    assert name not in kafka.admin.list_topics(timeout=20).topics


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "SEG_KAFKA__TOPICS"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "SEG_KAFKA__GROUP_ID"),
    ],
)
def test_a_right_that_is_taken_away_later_ends_the_program(code: int, setting: str) -> None:
    """What the brokers refuse while it runs is named as well."""
    problems = Problems(Tally(), structlog.wrap_logger(structlog.testing.CapturingLogger()))

    problems.note(KafkaError(code))

    with pytest.raises(StartError, match=setting):
        problems.raise_fatal()


def test_a_login_that_fails_later_is_tried_again_and_named() -> None:
    """A password may just be rotated: the line in the log says which setting that is."""
    log = structlog.testing.CapturingLogger()
    problems = Problems(Tally(), structlog.wrap_logger(log, processors=[]))

    problems.note(KafkaError(KafkaError._AUTHENTICATION))
    problems.raise_fatal()

    [line] = log.calls
    assert "SEG_KAFKA__SASL_PASSWORD" in line.kwargs["look_at"]
