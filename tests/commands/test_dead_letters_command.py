"""`seg-consumer dead-letters`: look, and send again."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import orjson
import pytest
from rich.console import Console

from consumer.avro.encoder import Encoder
from consumer.commands.letter_tables import letter_lines
from consumer.core.errors import DeadLetterReason
from consumer.core.model import DeadLetter, Partition, Record, Tenure
from consumer.kafka.dead_letter_headers import headers_of
from consumer.kafka.dead_letter_reader import COUNT_HEADER, FROM_HEADER, Wanted, letter_of, revived
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
    record = Record(Tenure(SOURCE), offset, 1_700_000_000_000, b"jane", value, OWN_HEADERS)
    return DeadLetter(record, reason, "price: expected a number, got text", 1, 400)


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
    assert [line["from"] for line in lines] == ["events/1/42", "events/1/41"]  # the newest first
    assert [line["reason"] for line in lines] == ["rejected_by_seg", "bad_number"]
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

    assert done.stdout == "2 match: 2 would be sent again\n"
    assert scene.records("events") == []


def test_replay_sends_each_back_unchanged(scene: Scene) -> None:
    """Same partition, key, value and own headers; ours are gone, and it is marked as a replay."""
    done = seg_consumer("dead-letters", "replay", "--reason", "bad_number", env=scene.env)

    assert done.stdout == "1 match: 1 sent again\n"
    (record,) = scene.records("events")
    assert (record.partition, record.key, record.value) == (SOURCE, b"jane", scene.value)
    place = b"events.dead-letter/0/0"
    assert record.headers == [*OWN_HEADERS, (COUNT_HEADER, b"1"), (FROM_HEADER, place)]


def test_replay_is_bounded(scene: Scene) -> None:
    """No more than the limit go back, and it says how many are left."""
    done = seg_consumer("dead-letters", "replay", "--limit", "1", env=scene.env)

    assert done.stdout == "2 match: 1 sent again, 1 left: run it again\n"
    assert len(scene.records("events")) == 1


def test_a_letter_whose_value_was_cut_is_not_sent(scene: Scene) -> None:
    """It holds only a part of its event; whoever replays hears of it."""
    letter = dead_letter(43, DeadLetterReason.TOO_LARGE, b"a part")
    headers = headers_of(letter, "group", "1.0", cut_from=3_000_000)
    producer = TopicProducer(scene.settings.kafka, "events.dead-letter")
    producer.put(Outgoing(letter.record.key, letter.record.value, headers))
    producer.close()

    done = seg_consumer("dead-letters", "replay", env=scene.env)

    text = "2 match (and 1 were cut to fit and cannot be sent): 2 sent again\n"
    assert done.stdout == text
    assert len(scene.records("events")) == 2


def test_a_second_replay_goes_on_where_the_first_ended(scene: Scene) -> None:
    """What was sent before is left out, over processes; then nothing is left."""
    for _ in range(2):
        seg_consumer("dead-letters", "replay", "--limit", "1", env=scene.env)
    third = seg_consumer("dead-letters", "replay", "--json", env=scene.env)

    assert [record.offset for record in scene.records("events")] == [0, 1]
    assert orjson.loads(third.stdout) == {
        "matching": 2,
        "sent_before": 2,
        "cut": 0,
        "sent": 0,
        "left": 0,
    }


def test_a_replay_may_be_repeated(scene: Scene) -> None:
    """By a word of its own, for who fixed the cause only now."""
    seg_consumer("dead-letters", "replay", env=scene.env)
    done = seg_consumer("dead-letters", "replay", "--again", env=scene.env)

    assert done.stdout == "2 match (2 sent before): 2 sent again\n"
    assert len(scene.records("events")) == 4


def test_a_dry_run_says_how_many_match_and_how_many_go_at_a_time(scene: Scene) -> None:
    """The limit does not hide how many there are."""
    done = seg_consumer("dead-letters", "replay", "--dry-run", "--limit", "1", env=scene.env)

    assert done.stdout == "2 match: 2 would be sent again, 1 at a time\n"


def test_list_sums_up_first(scene: Scene) -> None:
    """By topic and reason; then the newest, and how many more there are. Nothing is cut."""
    done = seg_consumer("dead-letters", "list", "--limit", "1", env=scene.env)
    summary, _, letters = done.stdout.partition("\n\n")

    assert [line.split()[:3] for line in summary.splitlines()[1:]] == [
        ["events.dead-letter", "bad_number", "1"],
        ["events.dead-letter", "rejected_by_seg", "1"],
    ]
    assert "events/1/42" in letters
    assert "events/1/41" not in letters
    assert "price: expected a number, got text" in letters
    assert "1 more: --page 2" in letters


def test_the_second_page_goes_on(scene: Scene) -> None:
    """With the letters that are older."""
    done = seg_consumer(
        "dead-letters", "list", "--json", "--limit", "1", "--page", "2", env=scene.env
    )

    assert orjson.loads(done.stdout)["from"] == "events/1/41"


def test_letters_of_a_pattern_are_found(scene: Scene) -> None:
    """Those of every topic that it takes in."""
    env = scene.env | {"SEG_KAFKA__TOPICS": "^eve"}

    done = seg_consumer("dead-letters", "list", "--json", env=env)

    assert len(done.stdout.splitlines()) == 2


def test_a_topic_without_letters_hides_none_of_anothers(scene: Scene) -> None:
    """Only one of two topics has a dead-letter topic."""
    env = scene.env | {"SEG_KAFKA__TOPICS": "clean,events"}

    done = seg_consumer("dead-letters", "list", "--json", env=env)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_a_topic_that_is_named_and_missing_is_an_error(scene: Scene) -> None:
    """A typing mistake is told, not taken for an empty topic."""
    done = seg_consumer("dead-letters", "list", "--topic", "evnts.dead-letter", env=scene.env)

    assert done.returncode == 1
    assert "the topic evnts.dead-letter does not exist" in done.stderr


def test_since_takes_how_long_ago(scene: Scene) -> None:
    """`1h` is an hour ago; the letters died a moment ago."""
    done = seg_consumer("dead-letters", "list", "--json", "--since", "1h", env=scene.env)
    none = seg_consumer("dead-letters", "list", "--until", "1h", env=scene.env)

    assert len(done.stdout.splitlines()) == 2
    assert none.stdout == "no dead letters\n"


def test_a_wrong_time_says_what_is_expected(scene: Scene) -> None:
    """With an example of each form; exit code 2."""
    done = seg_consumer("dead-letters", "list", "--since", "yesterday", env=scene.env)

    assert done.returncode == 2
    assert "expected 1h, 2d, 2026-11-28 or 2026-11-28T10:00, got 'yesterday'" in done.stderr


def test_show_falls_back_to_bytes(scene: Scene) -> None:
    """What cannot be read is shown in hexadecimal, with the reason."""
    letter = dead_letter(43, DeadLetterReason.BAD_AVRO, b"\xc3\x01rest")
    producer = TopicProducer(scene.settings.kafka, "events.dead-letter")
    producer.put(Outgoing(b"jane", letter.record.value, headers_of(letter, "group", "1.0")))
    producer.close()

    done = seg_consumer("dead-letters", "show", "--offset", "43", env=scene.env)

    shown = orjson.loads(done.stdout)
    assert (shown["event"], shown["hex"]) == (None, b"\xc3\x01rest".hex())
    assert shown["unreadable"]


def test_a_narrow_terminal_gets_two_lines_a_letter() -> None:
    """And loses no name."""
    dead = dead_letter(41, DeadLetterReason.BAD_NUMBER, b"x")
    letter = letter_of(dead.record._replace(headers=headers_of(dead, "g", "1")))
    written = StringIO()
    Console(width=80, file=written).print(letter_lines([letter], 80))

    assert "from events/1/41" in written.getvalue().splitlines()[0]
    assert "bad_number: price: expected a number, got text" in written.getvalue()


def test_a_second_death_is_seen_as_such() -> None:
    """A record that was replayed and dies again says how often it was replayed."""
    first = letter_of(
        dead_letter(41, DeadLetterReason.BAD_NUMBER, b"x").record._replace(
            headers=headers_of(dead_letter(41, DeadLetterReason.BAD_NUMBER, b"x"), "g", "1")
        )
    )
    again = Record(Tenure(SOURCE), 99, None, b"jane", b"x", revived(first).headers)
    second_death = DeadLetter(again, DeadLetterReason.BAD_NUMBER, "", 0, None)

    second = letter_of(again._replace(headers=headers_of(second_death, "g", "1")))

    assert (second.replays, second.source_offset) == (1, 99)
    assert revived(second).headers is not None
    assert (COUNT_HEADER, b"2") in (revived(second).headers or [])


def test_a_letter_without_a_time_is_left_out_by_a_time() -> None:
    """What is asked by time needs one."""
    letter = letter_of(Record(Tenure(Partition("t", 0)), 0, None, None, None, None))

    assert Wanted().includes(letter)
    assert not Wanted(since_ms=0).includes(letter)
    assert not Wanted(until_ms=1e15).includes(letter)
