"""The dead-letter topic: what went in comes out, and nothing counts before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from confluent_kafka import KafkaError

from consumer.core.errors import StartError
from consumer.core.model import Partition
from consumer.kafka.dead_letter_headers import PREFIX
from consumer.kafka.dead_letter_reader import (
    COUNT_HEADER,
    FROM_HEADER,
    Wanted,
    read_letters,
    revived,
)
from consumer.kafka.dead_letters import RETRY_AFTER_S
from consumer.kafka.produce import TopicProducer
from consumer.kafka.read import read_topic
from tests.kafka.member import until
from tests.kafka.program import eventually, pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Headers
    from tests.kafka.brokers import Broker, Embedded
    from tests.kafka.member import Member
    from tests.kafka.writer import Writer

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = pytest.mark.timeout(60, func_only=True)


def test_a_record_is_kept_byte_for_byte(
    broker: Broker, topic: str, write: Callable[..., Writer]
) -> None:
    """Key, value and its own headers; ours come on top."""
    broker.create_topic(f"{topic}.dead-letter", 1)
    own: Headers = [("a", b"\x00\xff"), ("a", None), ("seg-dlq-reason", b"old")]
    writer = write(broker, topic)
    letters = [
        writer.put(41, b"\xffkey", b"\x00Obj\x01", own),
        writer.put(42, None, b"", None),
        writer.put(43, b"", None, []),
    ]
    writer.wait(3)

    found = list(read_topic(writer.kafka, f"{topic}.dead-letter"))

    assert writer.stored == letters
    assert writer.letters.pending == 0
    assert [(it.key, it.value) for it in found] == [
        (b"\xffkey", b"\x00Obj\x01"),
        (None, b""),
        (b"", None),
    ]
    headers = found[0].headers or []
    assert headers[:2] == [("a", b"\x00\xff"), ("a", None)]
    assert dict(headers[2:]) == {
        f"{PREFIX}reason": b"bad_avro",
        f"{PREFIX}detail": b"expected Avro",
        f"{PREFIX}topic": topic.encode(),
        f"{PREFIX}partition": b"0",
        f"{PREFIX}offset": b"41",
        f"{PREFIX}timestamp": b"1700000000000",
        f"{PREFIX}attempts": b"0",
        f"{PREFIX}group": f"group-of-{topic}".encode(),
        f"{PREFIX}version": b"1.2.3",
    }


def test_a_replay_is_the_record_that_died(
    broker: Broker, topic: str, write: Callable[..., Writer], join: Callable[..., Member]
) -> None:
    """In its own partition, with key, value and own headers byte for byte, and marked as one."""
    broker.create_topic(topic, 3)
    broker.create_topic(f"{topic}.dead-letter", 1)
    own: Headers = [("a", b"\x00\xff"), ("a", None), ("seg-replay-count", b"2"), ("b", b"")]
    writer = write(broker, topic)
    writer.put(41, b"\xffkey", b"\x00Obj\x01", own)
    writer.put(42, None, b"", None)
    writer.wait(2)

    producer = TopicProducer(writer.kafka, topic)
    for letter in read_letters(writer.kafka, f"{topic}.dead-letter", Wanted()):
        assert letter.source is not None
        producer.put(revived(letter), letter.source.number)
    producer.close()
    member = join(broker, topic)
    until(lambda: len(member.records) == 2, member)

    first, second = member.records
    place = f"{topic}.dead-letter/0".encode()
    assert {it.partition for it in member.records} == {Partition(topic, 0)}
    assert (first.key, first.value) == (b"\xffkey", b"\x00Obj\x01")
    assert first.headers == [
        ("a", b"\x00\xff"),
        ("a", None),
        ("b", b""),
        (COUNT_HEADER, b"3"),
        (FROM_HEADER, place + b"/0"),
    ]
    assert (second.key, second.value) == (None, b"")
    assert second.headers == [(COUNT_HEADER, b"1"), (FROM_HEADER, place + b"/1")]


def test_one_topic_may_serve_all(broker: Broker, topic: str, write: Callable[..., Writer]) -> None:
    """The operator's name goes before the topic's own."""
    broker.create_topic(f"{topic}-letters", 1)
    writer = write(broker, topic, SEG_DEAD_LETTER__TOPIC=f"{topic}-letters")
    writer.put(1, b"k", b"v", None)
    writer.wait(1)

    assert len(list(read_topic(writer.kafka, f"{topic}-letters"))) == 1


def test_nothing_counts_before_the_broker_has_it(
    faulty: Embedded, topic: str, write: Callable[..., Writer]
) -> None:
    """While no broker is there letters wait; then they are stored, once and in order."""
    faulty.create_topic(f"{topic}.dead-letter", 1)
    writer = write(faulty, topic)
    writer.put(0, None, b"0", None)
    writer.wait(1)
    faulty.broker.call("set_down", -1)
    for number in range(1, 50):
        writer.put(number, None, b"%d" % number, None)
    for _ in range(10):
        writer.look()
        pause(0.05)
    while_down = (len(writer.stored), writer.letters.pending)
    faulty.broker.call("set_up", -1)
    writer.wait(50)

    found = [it.value for it in read_topic(writer.kafka, f"{topic}.dead-letter")]
    assert while_down == (1, 49)
    assert found == [b"%d" % number for number in range(50)]


def test_more_letters_than_the_client_takes_wait_for_their_turn(
    faulty: Embedded, topic: str, write: Callable[..., Writer]
) -> None:
    """Its queue is bounded; what does not fit is tried again, and stored once."""
    faulty.create_topic(f"{topic}.dead-letter", 1)
    passed = orjson.dumps(faulty.config | {"queue.buffering.max.messages": 10}).decode()
    writer = write(faulty, topic, SEG_KAFKA__CONFIG=passed)
    for number in range(30):
        writer.put(number, None, b"%d" % number, None)
    pending = writer.letters.pending

    def done() -> bool:
        writer.clock.ahead_s += RETRY_AFTER_S
        return writer.look() >= 30

    eventually(done)

    found = [it.value for it in read_topic(writer.kafka, f"{topic}.dead-letter")]
    assert pending == 30
    assert writer.tally.dead_letter_write_failures >= 20
    assert sorted(int(it or b"") for it in found) == list(range(30))


@pytest.mark.parametrize(
    ("name", "code"),
    [("MSG_SIZE_TOO_LARGE", 10), ("INVALID_REQUIRED_ACKS", 21)],
)
def test_a_refused_letter_is_tried_again(
    faulty: Embedded, topic: str, write: Callable[..., Writer], name: str, code: int
) -> None:
    """Counted, kept, and written once the broker has come to its senses."""
    faulty.create_topic(f"{topic}.dead-letter", 1)
    writer = write(faulty, topic)
    faulty.broker.call("push_errors", "Produce", code)
    letter = writer.put(7, b"k", b"v", None)

    def refused() -> bool:
        writer.look()
        return writer.tally.dead_letter_write_failures == 1

    eventually(refused)
    for _ in range(10):
        writer.look()
        pause(0.03)
    pending, at_once = writer.letters.pending, writer.look()
    writer.clock.ahead_s += RETRY_AFTER_S
    writer.wait(1)

    assert (pending, at_once) == (1, 0), name
    assert writer.stored == [letter]
    assert [it.value for it in read_topic(writer.kafka, f"{topic}.dead-letter")] == [b"v"]


def test_a_producer_that_cannot_go_on_ends_the_program(
    faulty: Embedded, topic: str, write: Callable[..., Writer]
) -> None:
    """With the right to grant: waiting would not help."""
    denied = [KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 20
    faulty.broker.call("push_errors", "InitProducerId", *denied)
    writer = write(faulty, topic)
    writer.put(7, b"k", b"v", None)

    with pytest.raises(StartError, match=r"^Kafka: .*the principal may not write idempotently"):
        writer.wait(1)


def test_a_close_waits_for_what_is_under_way(
    broker: Broker, topic: str, write: Callable[..., Writer]
) -> None:
    """A letter that was just put is in the topic afterwards."""
    broker.create_topic(f"{topic}.dead-letter", 1)
    writer = write(broker, topic)
    writer.put(7, b"k", b"v", None)

    writer.letters.close()

    assert [it.value for it in read_topic(writer.kafka, f"{topic}.dead-letter")] == [b"v"]
