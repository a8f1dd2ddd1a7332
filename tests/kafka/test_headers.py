"""What the headers of a dead letter say."""

from __future__ import annotations

from consumer.core.errors import DeadLetterReason
from consumer.core.model import DeadLetter, Headers, Partition, Record, Tenure
from consumer.kafka.dead_letter_headers import PREFIX, headers_of


def letter(headers: Headers | None = None, status: int | None = 422) -> DeadLetter:
    """Return a letter whose record has *headers*; Seg's last answer was *status*."""
    record = Record(
        Tenure(Partition("events", 3)), 41, 1_700_000_000_000, b"jane", b"value", headers
    )
    return DeadLetter(record, DeadLetterReason.REJECTED_BY_SEG, "expected a price", 2, status)


OURS = [
    ("seg-dlq-reason", b"rejected_by_seg"),
    ("seg-dlq-detail", b"expected a price"),
    ("seg-dlq-topic", b"events"),
    ("seg-dlq-partition", b"3"),
    ("seg-dlq-offset", b"41"),
    ("seg-dlq-timestamp", b"1700000000000"),
    ("seg-dlq-attempts", b"2"),
    ("seg-dlq-group", b"g"),
    ("seg-dlq-version", b"1.2.3"),
    ("seg-dlq-status", b"422"),
]


def test_they_say_where_it_came_from_and_why_it_died() -> None:
    """Numbers are decimal text."""
    assert headers_of(letter(), "g", "1.2.3") == OURS


def test_what_is_not_known_is_left_out() -> None:
    """A record that Seg never saw has no status, one without a log timestamp none of that."""
    it = letter(status=None)
    it = it._replace(record=it.record._replace(timestamp_ms=None))

    names = [name for name, _ in headers_of(it, "g", "1.2.3")]

    assert names == [
        name for name, _ in OURS if name not in ("seg-dlq-status", "seg-dlq-timestamp")
    ]


def test_the_record_s_own_come_first_and_unchanged() -> None:
    """Names may repeat, values may be null or any bytes, and the order is theirs."""
    own: Headers = [("b", b"\xff\x00"), ("a", None), ("a", b""), ("b", b"2")]

    assert headers_of(letter(own), "g", "1.2.3") == own + OURS


def test_those_of_an_earlier_death_are_replaced() -> None:
    """All of them, also one that this death has not; a name that only looks alike stays."""
    own: Headers = [("seg-dlq-reason", b"bad_avro"), ("seg-dlq-old", b"x"), ("seg-dlqx", b"y")]

    assert headers_of(letter(own), "g", "1.2.3") == [("seg-dlqx", b"y"), *OURS]


def test_nothing_of_the_event_is_in_them() -> None:
    """Neither the key nor the value: both may be somebody's name."""
    ours = [value for name, value in headers_of(letter(), "g", "1") if name.startswith(PREFIX)]

    assert not any(b"jane" in (value or b"") or b"value" in (value or b"") for value in ours)
