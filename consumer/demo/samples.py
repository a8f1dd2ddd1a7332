"""What the demo sends: every example of the seed, and one of each thing that goes nowhere.

Segment calls are in `sample.jsonl`. Records that JSON cannot express, damaged Avro, are made here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import key_of, read_call
from consumer.core.errors import PoisonError
from consumer.core.model import Object
from consumer.kafka.produce import Outgoing
from consumer.sandbox import Fault, Match

if TYPE_CHECKING:
    from collections.abc import Iterable


SAMPLE = Path(__file__).with_name("sample.jsonl")

FAULTS = (
    Fault(status=501, match=Match(message_id="sample-unsupported-by-seg")),
    Fault(status=400, match=Match(message_id="sample-rejected-by-seg")),
    Fault(status=500, match=Match(message_id="sample-always-500")),
)
"""The faults that the demo's Seg has."""

INDEX_HEADER = "demo-index"
"""The header that identifies a sample in the dead-letter topic."""

TOO_LARGE_BYTES = (1 << 20) + 1


class Sample(NamedTuple):
    """One record that goes in, and what to call it."""

    about: str
    message_id: str | None
    record: Outgoing
    call: Object | None = None
    """The Segment call; None where the record holds none."""


class Rejected(NamedTuple):
    """A line that no topic would ever hold: it is no Segment call."""

    number: int
    """The line's number in its file."""
    error: PoisonError


def samples(
    lines: Iterable[tuple[int, bytes]],
    rejected: list[Rejected] | None = None,
    prefix: str = "demo",
) -> list[Sample]:
    """Return the record of each Segment call in *lines*, which are numbered.

    A call without a messageId is given one that begins with *prefix*, so that it can be followed.
    What is no call is added to *rejected*.

    Raises:
        PoisonError: a line is no call, and *rejected* is None.
    """
    encode = Encoder()
    found: list[Sample] = []
    for number, line in lines:
        try:
            call = read_call(line)
            given = call.get("messageId")
            message_id = given if isinstance(given, str) and given else f"{prefix}-{number}"
            call["messageId"] = message_id
            sample = _sample(len(found), _about(call), message_id, key_of(call), encode(call))
            found.append(sample._replace(call=call))
        except PoisonError as error:
            if rejected is None:
                raise
            rejected.append(Rejected(number, error))
    return found


def damaged(first_index: int) -> list[Sample]:
    """Return the records that are no good Avro, a tombstone, and one good call without a key."""
    encode = Encoder()
    page: Object = {"type": "page", "messageId": "sample-without-key", "anonymousId": "a-9"}
    good = encode(page)
    deep = encode({"type": "page", "properties": {"a": _nested(300)}})
    broken = encode({"type": "page", "properties": {"a": 1}}).replace(b'{"a":1}', b'{"a":1]')
    records: list[tuple[str, bytes | None]] = [
        ("truncated Avro", good[:-2]),
        ("bytes after the datum", good + b"\0"),
        ("an unknown schema id", b"\0\0\0\0\7" + good[10:]),
        ("another framing", b'{"type":"page"}'),
        ("properties that are no JSON", broken),
        ("JSON nested 300 deep", deep),
        ("a record of 1 MiB and a byte", good + bytes(TOO_LARGE_BYTES - len(good))),
        ("a tombstone", None),
    ]
    found = [
        _sample(first_index + number, about, None, b"damaged", value)
        for number, (about, value) in enumerate(records)
    ]
    index = first_index + len(found)
    return [*found, _sample(index, "page without a key", "sample-without-key", None, good)]


def _sample(
    index: int, about: str, message_id: str | None, key: bytes | None, value: bytes | None
) -> Sample:
    headers: list[tuple[str, bytes | None]] = [(INDEX_HEADER, str(index).encode())]
    return Sample(about, message_id, Outgoing(key, value, headers))


def _about(call: Object) -> str:
    event = call.get("event")
    return f"{call.get('type')} {event}" if isinstance(event, str) else str(call.get("type"))


def _nested(depth: int) -> Object:
    inner: Object = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner
