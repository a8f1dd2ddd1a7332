"""Dead letters that their topic does not take: compressed, alone, waiting in sight, or cut."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from consumer.core.model import Partition
from consumer.kafka.dead_letter_headers import PREFIX
from consumer.kafka.dead_letter_reader import letter_of
from consumer.kafka.dead_letters import CUT_TO_BYTES, RETRY_AFTER_S
from consumer.kafka.read import read_topic
from tests.kafka.program import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka.brokers import Embedded, Real
    from tests.kafka.writer import Writer

    Write = Callable[..., Writer]

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60, func_only=True)]

LARGE = secrets.token_bytes(1_100_000)
"""More than a topic of the defaults takes, and nothing makes it smaller."""


def look_later(writer: Writer) -> int:
    """Let the time until the next try pass, and look."""
    writer.clock.ahead_s += RETRY_AFTER_S
    return writer.look()


@pytest.fixture
def real(strict: Real, topic: str) -> Real:
    """Give a real broker with the dead-letter topic, of the broker's defaults."""
    strict.create_topic(f"{topic}.dead-letter", 1)
    return strict


@pytest.mark.real
class TestTooLarge:
    """What a real broker says to a large letter."""

    def test_a_record_that_was_stored_compressed_fits_again(
        self, real: Real, topic: str, write: Write
    ) -> None:
        """Three megabytes of one letter are a few hundred bytes in the log, here as there."""
        writer = write(real, topic)

        writer.put(1, b"k", b"x" * 3_000_000, None)
        writer.wait(1)

        assert writer.tally.dead_letter_write_failures == 0

    def test_it_waits_in_sight_until_the_topic_takes_it(
        self, real: Real, topic: str, write: Write
    ) -> None:
        """The text says which letter, and both ways out; the others go their way meanwhile."""
        writer = write(real, topic)
        large = writer.put(1, b"k", LARGE, None)
        eventually(lambda: writer.look() == 0 and writer.letters.problem is not None)
        small = writer.put(2, b"k", b"small", None)
        eventually(lambda: look_later(writer) == 1)
        eventually(lambda: look_later(writer) + writer.tally.dead_letter_write_failures >= 4)
        problem, pending = writer.letters.problem, writer.letters.pending
        real.configure(f"{topic}.dead-letter", "max.message.bytes", "2000000")
        eventually(lambda: look_later(writer) == 2)

        assert problem == (
            f"the letter of {topic}/0/1 is larger than {topic}.dead-letter takes: raise its"
            " max.message.bytes, or set SEG_DEAD_LETTER__ON_TOO_LARGE to truncate"
        )
        assert pending == 1
        assert writer.stored == [small, large]
        assert writer.letters.problem is None
        assert writer.warnings[0] == {
            "event": "dead_letter_not_stored",
            "reason": "MSG_SIZE_TOO_LARGE",
            "detail": problem,
            "topic": topic,
            "partition": 0,
            "offset": 1,
            "dead_letter_topic": f"{topic}.dead-letter",
        }

    def test_it_is_cut_where_the_operator_says_so(
        self, real: Real, topic: str, write: Write
    ) -> None:
        """Key, headers and place stay; what is missing is said in a header and in the log."""
        writer = write(real, topic, SEG_DEAD_LETTER__ON_TOO_LARGE="truncate")
        letter = writer.put(1, b"k", LARGE, [("own", b"header")])
        eventually(lambda: look_later(writer) == 1)

        [found] = map(letter_of, read_topic(writer.kafka, f"{topic}.dead-letter"))
        assert writer.stored == [letter]
        assert found.record.key == b"k"
        assert found.record.value == LARGE[:CUT_TO_BYTES]
        assert ("own", b"header") in (found.record.headers or [])
        assert (f"{PREFIX}truncated", b"1100000") in (found.record.headers or [])
        assert (found.source, found.source_offset) == (Partition(topic, 0), 1)
        assert found.truncated_from == len(LARGE)
        assert "dead_letter_truncated" in [it["event"] for it in writer.warnings]

    def test_one_whose_headers_are_too_large_cannot_be_cut(
        self, real: Real, topic: str, write: Write
    ) -> None:
        """It waits in sight, as without the choice."""
        writer = write(real, topic, SEG_DEAD_LETTER__ON_TOO_LARGE="truncate")
        writer.put(1, b"k", b"v", [("own", LARGE)])
        eventually(lambda: look_later(writer) + writer.tally.dead_letter_write_failures >= 4)

        assert writer.stored == []
        assert "is larger than" in (writer.letters.problem or "")

    def test_letters_that_are_too_large_together_go_one_by_one(
        self, real: Real, topic: str, write: Write
    ) -> None:
        """The client makes one batch of them, and a topic for small records refuses it whole."""
        real.configure(f"{topic}.dead-letter", "max.message.bytes", "60000")
        writer = write(real, topic)
        for offset in range(20):
            writer.put(offset, b"k", secrets.token_bytes(20_000), None)

        eventually(lambda: look_later(writer) == 20)

        found = [letter_of(it) for it in read_topic(writer.kafka, f"{topic}.dead-letter")]
        assert sorted(it.source_offset or 0 for it in found) == list(range(20))
        assert {len(it.record.value or b"") for it in found} == {20_000}


def test_a_letter_that_is_not_refused_is_never_cut(
    embedded: Embedded, topic: str, write: Write
) -> None:
    """The choice is a last resort."""
    embedded.create_topic(f"{topic}.dead-letter", 1)
    writer = write(embedded, topic, SEG_DEAD_LETTER__ON_TOO_LARGE="truncate")
    writer.put(1, b"k", bytes(50_000), None)
    writer.wait(1)

    [found] = map(letter_of, read_topic(writer.kafka, f"{topic}.dead-letter"))
    assert found.record.value == bytes(50_000)
    assert found.truncated_from is None


def test_what_waits_is_counted_in_bytes(faulty: Embedded, topic: str, write: Write) -> None:
    """Key, value and headers of each record; nothing is left when all are stored."""
    faulty.create_topic(f"{topic}.dead-letter", 1)
    writer = write(faulty, topic)
    writer.put(1, b"key", b"value", [("own", b"1"), ("none", None)])
    writer.put(2, None, None, None)
    waiting = writer.letters.pending_bytes
    writer.wait(2)

    assert waiting == 3 + 5 + 4 + 4
    assert writer.letters.pending_bytes == 0
