"""Topics that a pattern takes in while the program runs, and where their dead letters go.

The brokers make no topic of their own accord here, as in production: what is there was made.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

import orjson
import pytest
from confluent_kafka.admin import ConfigResource, ResourceType

from consumer.kafka import dead_letter_topics
from consumer.kafka.dead_letter_topics import LOOK_AGAIN_S, THREAD
from consumer.kafka.produce import TopicProducer
from consumer.kafka.read import read_topic
from consumer.kafka.rights import Limits, Topic, room_for
from consumer.sandbox import Sandbox
from tests.kafka.brokers import LIMIT_S, topics_of
from tests.kafka.conftest import SOAK
from tests.kafka.member import CONSUMER, COOPERATIVE, settings_for
from tests.kafka.program import conserved, eventually, pause, total
from tests.kafka.scene import Scene, Written, options, record_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kafka.brokers import Embedded, Real
    from tests.kafka.writer import Writer

    Write = Callable[..., Writer]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60, func_only=True)]


SLOW = "SEG_TEST_SOAK=1 runs it: the broker looks for new topics every ten seconds"


@pytest.mark.real
class TestLetters:
    """What dies in a topic that the program did not know when it started."""

    def test_waits_until_its_topic_is_made(self, strict: Real, topic: str, write: Write) -> None:
        """The topic is like one that is made at the start; nothing counts as a failure."""
        strict.create_topic(topic, 1)
        strict.configure(topic, "max.message.bytes", "2000000")
        writer = write(strict, topic, SEG_KAFKA__TOPICS=f"^{topic}")

        letters = [writer.put(offset, b"k", b"%d" % offset, None) for offset in range(3)]
        at_once = (writer.letters.pending, writer.look())
        writer.wait(3)

        letter_topic = f"{topic}.dead-letter"
        resource = ConfigResource(ResourceType.TOPIC, letter_topic)
        found = strict.admin.describe_configs([resource])[resource].result(LIMIT_S)
        assert at_once == (3, 0)
        assert writer.stored == letters
        assert writer.letters.pending == 0
        assert writer.tally.dead_letter_write_failures == 0
        assert [it.value for it in read_topic(writer.kafka, letter_topic)] == [b"0", b"1", b"2"]
        assert int(found["max.message.bytes"].value or "0") == room_for(2_000_000)

    def test_has_a_topic_before_it_is_needed(self, strict: Real, topic: str, write: Write) -> None:
        """What is assigned is enough."""
        strict.create_topic(topic, 1)
        writer = write(strict, topic, SEG_KAFKA__TOPICS=f"^{topic}")

        writer.letters.expect([topic])
        eventually(lambda: f"{topic}.dead-letter" in topics_of(strict))

        assert writer.letters.pending == 0

    def test_waits_for_the_operator_where_none_may_be_made(
        self, strict: Real, topic: str, write: Write
    ) -> None:
        """It is said in the sentence that would end a start, and counted, until it is there.

        The others' letters go their way: a new topic is no reason to end the program.
        """
        for name in (topic, f"{topic}-old", f"{topic}-old.dead-letter"):
            strict.create_topic(name, 1)
        writer = write(
            strict, topic, SEG_KAFKA__TOPICS=f"^{topic}", SEG_DEAD_LETTER__CREATE="false"
        )
        letter = writer.put(7, b"k", b"v", None)
        eventually(lambda: writer.look() == 0 and bool(writer.warnings))
        writer.topic = f"{topic}-old"
        other = writer.put(8, b"k", b"v", None)
        writer.wait(1)
        stored, pending = list(writer.stored), writer.letters.pending
        writer.clock.ahead_s += LOOK_AGAIN_S
        eventually(lambda: writer.look() == 1 and len(writer.warnings) == 2)
        failures = writer.tally.dead_letter_write_failures
        strict.create_topic(f"{topic}.dead-letter", 1)
        writer.clock.ahead_s += LOOK_AGAIN_S
        writer.wait(2)

        assert stored == [other]
        assert pending == 1
        assert (
            writer.warnings
            == [
                {
                    "event": "dead_letter_topic_not_usable",
                    "reason": f"the dead-letter topic {topic}.dead-letter does not exist: create"
                    " it, or set SEG_DEAD_LETTER__CREATE to true",
                    "topic": f"{topic}.dead-letter",
                }
            ]
            * 2
        )
        assert failures == 2
        assert writer.stored == [other, letter]


def test_brokers_that_are_away_hold_nobody_up(faulty: Embedded, topic: str, write: Write) -> None:
    """The question waits in a thread; the letter is stored once they are back."""
    faulty.create_topic(f"{topic}.dead-letter", 1)
    writer = write(faulty, topic, SEG_KAFKA__TOPICS=f"^{topic}")
    faulty.broker.call("set_down", -1)
    start_s = writer.clock.monotonic_s()
    letter = writer.put(7, b"k", b"v", None)
    for _ in range(100):
        writer.letters.expect([topic])
        writer.look()
        writer.clock.ahead_s += LOOK_AGAIN_S
    threads = [it for it in threading.enumerate() if it.name == THREAD]
    writer.clock.ahead_s = 0.0
    seconds = writer.clock.monotonic_s() - start_s
    pending = writer.letters.pending
    faulty.broker.call("set_up", -1)
    writer.wait(1)

    assert seconds < 2.0
    assert len(threads) == 1
    assert writer.tally.dead_letter_write_failures == 0
    assert pending == 1
    assert writer.stored == [letter]


def test_topics_with_a_name_were_seen_to_at_the_start(
    faulty: Embedded, topic: str, write: Write
) -> None:
    """Nobody asks again: there is no thread, and the letter goes its way."""
    writer = write(faulty, topic)

    writer.letters.expect([topic])
    writer.put(7, b"k", b"v", None)

    assert THREAD not in {it.name for it in threading.enumerate()}
    writer.wait(1)


def test_a_look_uses_the_password_that_is_in_force(
    embedded: Embedded, topic: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was rotated since the start, for the look logs in anew."""
    cluster = Mock()
    cluster.return_value.topics.return_value = {f"{topic}.dead-letter": Topic("there", 1, None)}
    cluster.return_value.limits.return_value = Limits(None, compacted=None)
    monkeypatch.setattr(dead_letter_topics, "Cluster", cluster)
    writer = write(embedded, topic, SEG_KAFKA__TOPICS=f"^{topic}")

    writer.letters.set_credentials("jane", "new-password")
    writer.put(7, b"k", b"v", None)
    writer.wait(1)

    assert "'jane', 'new-password'" in str(cluster.mock_calls)


@pytest.mark.real
@pytest.mark.parametrize(
    "protocol",
    [
        pytest.param(COOPERATIVE, id="coop"),
        pytest.param(CONSUMER, id="kip848", marks=pytest.mark.skipif(not SOAK, reason=SLOW)),
    ],
)
def test_a_topic_that_appears_is_read_and_its_letters_have_a_place(
    strict: Real, topic: str, tmp_path: Path, protocol: dict[str, str]
) -> None:
    """Without a restart, and before anything dies in it."""
    late = f"{topic}-late"
    with Sandbox.start(options(tmp_path, faults=())) as sandbox:
        scene = Scene(strict, topic, tmp_path, sandbox)
        passed = orjson.dumps({"topic.metadata.refresh.interval.ms": 300}).decode()
        program = scene.start(SEG_KAFKA__TOPICS=f"^{topic}", SEG_KAFKA__CONFIG=passed, **protocol)
        try:
            scene.wait_for_members()
            strict.create_topic(late, 2)
            eventually(lambda: f"{late}.dead-letter" in topics_of(strict))
            kafka = settings_for(strict, late).kafka
            producer = TopicProducer(kafka, late)
            for kind in ("poison", "call"):
                producer.put(record_of(Written(kind, "u-1", "1-1")))
            producer.close()
            eventually(lambda: total(program.scrape(), "records_dead_lettered_total") == 1)
            eventually(lambda: total(program.scrape(), "calls_delivered_total") == 1)
            pause(0.5)
            scrape = program.scrape()

            assert [it.key for it in read_topic(kafka, f"{late}.dead-letter")] == [b"u-1"]
            assert total(scrape, "records_received_total") == 2
            assert conserved(scrape)
            assert program.lines("dead_letter_not_stored") == []
            assert program.stop() == 0
        finally:
            scene.close()
