"""`seg-consumer dead-letters`: look, and send again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.avro.encoder import Encoder
from consumer.core.errors import DeadLetterReason
from consumer.core.ledger import Ledger
from consumer.core.model import DeadLetter, Partition, Record
from consumer.kafka.dead_letter_reader import COUNT_HEADER, FROM_HEADER, Wanted, letter_of, revived
from consumer.kafka.dead_letters import headers_of
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.read import read_topic
from consumer.settings import Settings, load
from tests.commands.test_cli import WEBSITE_ID, seg_consumer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.broker

SOURCE = Partition("events", 1)
OWN_HEADERS: list[tuple[str, bytes | None]] = [("trace", b"7"), ("trace", None)]


def dead_letter(offset: int, reason: DeadLetterReason, value: bytes) -> DeadLetter:
    """Return a letter from partition 1 of `events`, with headers of its own."""
    record = Record(SOURCE, offset, 1_700_000_000_000, b"jane", value, OWN_HEADERS)
    return DeadLetter(record, Ledger(), reason, "price: expected a number, got text", 1, 400)


class Scene:
    """A broker with a topic and two dead letters of it."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        broker.create_topic("events", 3)
        broker.create_topic("events.dead-letter", 1)
        self.env = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "events",
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
        }
        self.settings: Settings = load(env=self.env | {"SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID})
        self.value = Encoder()({"type": "page", "name": "Home", "userId": "jane"})
        letters = (
            dead_letter(41, DeadLetterReason.BAD_NUMBER, self.value),
            dead_letter(42, DeadLetterReason.REJECTED_BY_SEG, self.value),
        )
        producer = TopicProducer(self.settings.kafka, "events.dead-letter")
        for letter in letters:
            headers = headers_of(letter, "group", "1.0")
            producer.put(Outgoing(letter.record.key, letter.record.value, headers))
        producer.close()

    def records(self, topic: str) -> list[Record]:
        """Return what is in *topic* now."""
        return list(read_topic(self.settings.kafka, topic))


@pytest.fixture(name="scene")
def _scene() -> Iterator[Scene]:
    with EmbeddedBroker() as broker:
        yield Scene(broker)


def test_list_tells_where_from_and_why(scene: Scene) -> None:
    """Each letter is one line of facts; what is in the event is not among them."""
    done = seg_consumer("dead-letters", "list", "--json", env=scene.env)

    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [line["from"] for line in lines] == ["events/1/41", "events/1/42"]
    assert [line["reason"] for line in lines] == ["bad_number", "rejected_by_seg"]
    assert "Home" not in done.stdout
    assert "jane" not in done.stdout


def test_list_narrows_by_reason_and_offset(scene: Scene) -> None:
    """Each option leaves out what it does not mean."""
    by_reason = seg_consumer(
        "dead-letters", "list", "--json", "--reason", "bad_number", env=scene.env
    )
    by_offset = seg_consumer("dead-letters", "list", "--json", "--offset", "42", env=scene.env)

    assert orjson.loads(by_reason.stdout)["from"] == "events/1/41"
    assert orjson.loads(by_offset.stdout)["from"] == "events/1/42"


def test_show_decodes_the_event(scene: Scene) -> None:
    """One letter, whole, for eyes that may see it."""
    done = seg_consumer("dead-letters", "show", "--offset", "41", env=scene.env)

    assert orjson.loads(done.stdout)["event"]["name"] == "Home"


def test_show_says_so_where_there_is_none(scene: Scene) -> None:
    """A selection that means nothing is an error with a next step."""
    done = seg_consumer("dead-letters", "show", "--offset", "7", env=scene.env)

    assert done.returncode == 1
    assert "no dead letter is like that" in done.stderr


def test_a_dry_run_sends_nothing(scene: Scene) -> None:
    """It counts, and the source topic stays as it was."""
    done = seg_consumer("dead-letters", "replay", "--dry-run", env=scene.env)

    assert done.stdout == "2 dead letters would be sent again\n"
    assert scene.records("events") == []


def test_replay_sends_each_back_unchanged(scene: Scene) -> None:
    """Same partition, key, value and own headers; ours are gone, and it is marked as a replay."""
    done = seg_consumer("dead-letters", "replay", "--reason", "bad_number", env=scene.env)

    assert done.stdout == "1 dead letters were sent again\n"
    (record,) = scene.records("events")
    assert (record.partition, record.key, record.value) == (SOURCE, b"jane", scene.value)
    place = b"events.dead-letter/0/0"
    assert record.headers == [*OWN_HEADERS, (COUNT_HEADER, b"1"), (FROM_HEADER, place)]


def test_replay_is_bounded(scene: Scene) -> None:
    """No more than the limit go back."""
    seg_consumer("dead-letters", "replay", "--limit", "1", env=scene.env)

    assert len(scene.records("events")) == 1


def test_a_second_death_is_seen_as_such() -> None:
    """A record that was replayed and dies again says how often it was replayed."""
    first = letter_of(
        dead_letter(41, DeadLetterReason.BAD_NUMBER, b"x").record._replace(
            headers=headers_of(dead_letter(41, DeadLetterReason.BAD_NUMBER, b"x"), "g", "1")
        )
    )
    again = Record(SOURCE, 99, None, b"jane", b"x", revived(first).headers)
    second_death = DeadLetter(again, Ledger(), DeadLetterReason.BAD_NUMBER, "", 0, None)

    second = letter_of(again._replace(headers=headers_of(second_death, "g", "1")))

    assert (second.replays, second.source_offset) == (1, 99)
    assert revived(second).headers is not None
    assert (COUNT_HEADER, b"2") in (revived(second).headers or [])


def test_a_letter_without_a_time_is_left_out_by_a_time() -> None:
    """What is asked by time needs one."""
    letter = letter_of(Record(Partition("t", 0), 0, None, None, None, None))

    assert Wanted().includes(letter)
    assert not Wanted(since_ms=0).includes(letter)
    assert not Wanted(until_ms=1e15).includes(letter)
