"""What is checked before the first record is read."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from confluent_kafka.admin import ConfigResource, ResourceType

from consumer.core.errors import StartError
from consumer.core.timing import SystemClock
from consumer.kafka.start import check_start
from tests.kafka.brokers import LIMIT_S, Broker, Embedded, Real, topics_of
from tests.kafka.member import settings_for
from tests.kafka.program import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = pytest.mark.timeout(60, func_only=True)


TASKS = Path("/proc/self/task")


def library_threads() -> int:
    """Return how many threads librdkafka has in this process."""
    return sum(task.read_text().startswith("rdk:") for task in TASKS.glob("*/comm"))


def check(broker: Broker, topics: str, **variables: str) -> list[Mapping[str, object]]:
    """Check the start of a program that reads *topics*; return the warnings."""
    settings = settings_for(broker, topics, **variables)
    lines = structlog.testing.CapturingLogger()
    log = structlog.wrap_logger(lines, processors=[])
    check_start(settings.kafka, settings.dead_letter, SystemClock(), log)
    return [it.kwargs for it in lines.calls if it.method_name == "warning"]


def configure(broker: Real, topic: str, name: str, value: str) -> None:
    """Set one setting of a topic, and return when the broker tells of it."""
    broker.configure(topic, name, value)
    asked = ConfigResource(ResourceType.TOPIC, topic)
    eventually(
        lambda: broker.admin.describe_configs([asked])[asked].result(LIMIT_S)[name].value == value
    )


def test_a_missing_topic_is_named(broker: Broker, topic: str) -> None:
    """With the setting to look at; the first one is told."""
    with pytest.raises(StartError, match=f"^the topic {topic} does not exist: check SEG_KAFKA__T"):
        check(broker, topic)

    assert topic not in topics_of(broker)


@pytest.mark.skipif(not TASKS.is_dir(), reason="only Linux shows the threads of a library")
def test_who_asked_is_gone_when_the_start_is_checked(embedded: Embedded, topic: str) -> None:
    """Also where the brokers refuse an answer, as the embedded one does that about the group."""
    embedded.create_topic(topic, 1)
    before = library_threads()
    gc.disable()
    try:
        check(embedded, topic)
        assert library_threads() == before
    finally:
        gc.enable()


class TestDeadLetterTopic:
    """Where letters go has to be there first."""

    def test_without_leave_to_make_it_it_must_exist(self, broker: Broker, topic: str) -> None:
        """Both ways out are in the text."""
        broker.create_topic(topic, 1)

        with pytest.raises(StartError) as error:
            check(broker, topic, SEG_DEAD_LETTER__CREATE="false")

        assert str(error.value) == (
            f"the dead-letter topic {topic}.dead-letter does not exist: create it, or set "
            "SEG_DEAD_LETTER__CREATE to true"
        )
        assert topics_of(broker) & {f"{topic}.dead-letter"} == set()

    def test_one_that_exists_is_enough(self, broker: Broker, topic: str) -> None:
        """Also where the program may not make one; several topics may share it."""
        for name in (topic, f"{topic}-b", f"{topic}-letters"):
            broker.create_topic(name, 1)

        check(
            broker,
            f"{topic},{topic}-b",
            SEG_DEAD_LETTER__TOPIC=f"{topic}-letters",
            SEG_DEAD_LETTER__CREATE="false",
        )

    def test_it_is_made_for_every_topic(self, broker: Broker, topic: str) -> None:
        """Topics that a pattern takes in included, and twice is no error."""
        for name in (topic, f"{topic}-b"):
            broker.create_topic(name, 1)

        for _ in range(2):
            check(broker, f"^{topic}")

        if isinstance(broker, Embedded):
            pytest.skip("the embedded broker makes a topic when it is written to")
        made = {name for name in topics_of(broker) if name.startswith(topic)}
        assert made == {topic, f"{topic}-b", f"{topic}.dead-letter", f"{topic}-b.dead-letter"}

    def test_a_letter_of_the_largest_record_fits(self, broker: Broker, topic: str) -> None:
        """The topic takes as large a record as its source does, and the headers on top."""
        if not isinstance(broker, Real):
            pytest.skip("the embedded broker has no bound on a record")
        broker.create_topic(topic, 1)
        broker.configure(topic, "max.message.bytes", "2000000")

        check(broker, topic)

        resource = ConfigResource(ResourceType.TOPIC, f"{topic}.dead-letter")
        found = broker.admin.describe_configs([resource])[resource].result(LIMIT_S)
        assert int(found["max.message.bytes"].value or "0") == 2 * 2_000_000 + 65_536
        assert found["cleanup.policy"].value == "delete"

    @pytest.mark.parametrize("policy", ["compact", "compact,delete"])
    def test_one_that_is_compacted_is_refused(
        self, broker: Broker, topic: str, policy: str
    ) -> None:
        """It would refuse letters without a key, and lose all but one of each key."""
        if not isinstance(broker, Real):
            pytest.skip("the embedded broker has no configuration")
        for name in (topic, f"{topic}.dead-letter"):
            broker.create_topic(name, 1)
        configure(broker, f"{topic}.dead-letter", "cleanup.policy", policy)

        with pytest.raises(StartError, match=r"is compacted: .* Set its cleanup.policy to delete"):
            check(broker, topic)

    def test_one_for_smaller_records_is_said(self, broker: Broker, topic: str) -> None:
        """Most letters fit, so the program starts; of several sources the largest counts."""
        if not isinstance(broker, Real):
            pytest.skip("the embedded broker has no configuration")
        for name in (topic, f"{topic}-b", f"{topic}-letters"):
            broker.create_topic(name, 1)
        configure(broker, topic, "max.message.bytes", "2000000")

        lines = check(broker, f"{topic},{topic}-b", SEG_DEAD_LETTER__TOPIC=f"{topic}-letters")

        assert [line["event"] for line in lines] == ["dead_letter_topic_too_small"]
        assert f"{topic} takes 2000000: a large letter would not fit" in str(lines[0]["reason"])
        assert f"Raise max.message.bytes of {topic}-letters to 4065536" in str(lines[0]["reason"])

    @pytest.mark.parametrize("there", [["{0}", "{0}-letters"], ["{0}"], []])
    @pytest.mark.parametrize("name", ["{0}-letters", "{0}-letters.dead"])
    def test_one_that_would_be_read_again_is_refused(
        self, broker: Broker, topic: str, name: str, there: list[str]
    ) -> None:
        """A letter that comes back as an event would die for ever; also before it exists."""
        letter_topic = name.format(topic)
        for existing in there:
            broker.create_topic(existing.format(topic), 1)

        with pytest.raises(
            StartError, match=f"^the dead-letter topic {letter_topic} is one that SEG_KA"
        ):
            check(broker, f"^{topic}", SEG_DEAD_LETTER__TOPIC=letter_topic)

        assert (letter_topic in topics_of(broker)) == (
            letter_topic in [it.format(topic) for it in there]
        )


def test_a_pattern_that_matches_nothing_is_said(broker: Broker, topic: str) -> None:
    """The topic may come later, so the program starts."""
    [line] = check(broker, f"^{topic}")

    assert line["event"] == "no_topic_matches"
    assert (line["topics"], line["look_at"]) == ((f"^{topic}",), "SEG_KAFKA__TOPICS")


def test_a_pattern_that_is_none_is_said_in_a_sentence(broker: Broker, topic: str) -> None:
    """Not with a stack."""
    with pytest.raises(StartError, match=r"^SEG_KAFKA__TOPICS: expected a regular expression aft"):
        check(broker, f"^{topic}(")
