"""The headers that tell of a dead letter where it is from, and why it died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.core.model import DeadLetter, Headers

PREFIX: Final = "seg-dlq-"
"""What the name of every header begins with that is ours."""
TRUNCATED: Final = PREFIX + "truncated"
"""The header of a letter whose value was cut: the bytes that it had."""


def headers_of(
    letter: DeadLetter, group_id: str, version: str, cut_from: int | None = None
) -> Headers:
    """Return the record's own headers and ours; ours replace those of an earlier death.

    *cut_from*: how many bytes the value had; None where it is whole.
    """
    record = letter.record
    facts: dict[str, object | None] = {
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": record.partition.topic,
        "partition": record.partition.number,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "attempts": letter.attempts,
        "group": group_id,
        "version": version,
        "status": letter.status,
        "truncated": cut_from,
    }
    kept = [header for header in record.headers or [] if not header[0].startswith(PREFIX)]
    ours: Headers = [
        (PREFIX + name, str(fact).encode()) for name, fact in facts.items() if fact is not None
    ]
    return kept + ours
