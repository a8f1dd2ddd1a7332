"""Dead letters, read back: what they say, which are meant, and their way back.

A replayed record goes to the partition that it came from, with its key, its value and its own
headers as they were, and gains

    seg-replay-count    how often it was replayed; it stays, should the record die again
    seg-replay-from     topic, partition and offset of the letter
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.model import Partition, Record
from consumer.kafka.dead_letter_headers import PREFIX, TRUNCATED
from consumer.kafka.produce import Outgoing
from consumer.kafka.read import read_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.settings import KafkaSettings

COUNT_HEADER = "seg-replay-count"
FROM_HEADER = "seg-replay-from"


class Letter(NamedTuple):
    """One dead letter; what its headers do not tell is None."""

    record: Record
    """As it stands in the dead-letter topic."""
    reason: str | None
    detail: str | None
    source: Partition | None
    """Where the record came from."""
    source_offset: int | None
    timestamp_ms: int | None
    """When the record was appended to its own topic."""
    status: int | None
    attempts: int | None
    replays: int
    """How often it was replayed before it died this time."""
    truncated_from: int | None
    """The bytes that its value had, where it was cut to fit."""


class Wanted(NamedTuple):
    """Which letters are meant; None does not narrow."""

    reasons: frozenset[str] | None = None
    since_ms: float | None = None
    """By the time of the letter."""
    until_ms: float | None = None
    partition: int | None = None
    """Of the record's own topic."""
    offset: int | None = None
    """In the record's own topic."""

    def includes(self, letter: Letter) -> bool:
        """Tell whether *letter* is meant."""
        died_ms = letter.record.timestamp_ms
        if self.reasons is not None and letter.reason not in self.reasons:
            return False
        if self.since_ms is not None and (died_ms is None or died_ms < self.since_ms):
            return False
        if self.until_ms is not None and (died_ms is None or died_ms >= self.until_ms):
            return False
        number = None if letter.source is None else letter.source.number
        if self.partition is not None and number != self.partition:
            return False
        return self.offset is None or letter.source_offset == self.offset


def read_letters(settings: KafkaSettings, topic: str, wanted: Wanted) -> Iterator[Letter]:
    """Yield the letters in *topic* that are *wanted*, up to the end it has now.

    Raises:
        StartError: the topic is missing, may not be read, or the brokers do not answer.
    """
    for record in read_topic(settings, topic):
        letter = letter_of(record)
        if wanted.includes(letter):
            yield letter


def letter_of(record: Record) -> Letter:
    """Return what the headers of a dead-lettered *record* tell; a strange one counts as absent."""
    told = {
        name: value.decode("utf-8", "replace")
        for name, value in record.headers or []
        if value is not None and name.startswith(("seg-dlq-", "seg-replay-"))
    }
    topic, number = told.get(PREFIX + "topic"), _number(told.get(PREFIX + "partition"))
    return Letter(
        record=record,
        reason=told.get(PREFIX + "reason"),
        detail=told.get(PREFIX + "detail"),
        source=None if topic is None or number is None else Partition(topic, number),
        source_offset=_number(told.get(PREFIX + "offset")),
        timestamp_ms=_number(told.get(PREFIX + "timestamp")),
        status=_number(told.get(PREFIX + "status")),
        attempts=_number(told.get(PREFIX + "attempts")),
        replays=_number(told.get(COUNT_HEADER)) or 0,
        truncated_from=_number(told.get(TRUNCATED)),
    )


def revived(letter: Letter) -> Outgoing:
    """Return the record that *letter* was, ready to be read again."""
    record = letter.record
    own = [
        header
        for header in record.headers or []
        if not header[0].startswith(PREFIX) and header[0] not in {COUNT_HEADER, FROM_HEADER}
    ]
    place = f"{record.partition.topic}/{record.partition.number}/{record.offset}"
    ours: list[tuple[str, bytes | None]] = [
        (COUNT_HEADER, str(letter.replays + 1).encode()),
        (FROM_HEADER, place.encode()),
    ]
    return Outgoing(record.key, record.value, own + ours)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
