"""From a Segment call as JSON to the canonical datum."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import orjson
import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given
from hypothesis import strategies as st

from consumer.avro.encoder import Encoder
from consumer.avro.plan import INSTANTS, OBJECTS, TEXTS
from consumer.core.errors import DeadLetterReason, PoisonError
from tests.avro.samples import CALL, CANONICAL_TEXT, Registered, decoder

if TYPE_CHECKING:
    from consumer.core.model import Object, Value

ENCODE = Encoder()
DECODE = decoder()
SCHEMA = parse_schema(orjson.loads(CANONICAL_TEXT))

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
TYPE = st.sampled_from(["identify", "track", "page", "screen", "group", "alias"])
CALLS = st.fixed_dictionaries(
    {name: st.none() | st.text() for name in TEXTS}
    | {name: st.none() | st.integers(-(2**63), 2**63 - 1) for name in INSTANTS}
    | {name: st.none() | st.dictionaries(st.text(), JSON, max_size=4) for name in OBJECTS}
    | {"type": TYPE}
)


def datum(value: bytes) -> dict[str, object]:
    """Return the datum of a single object, as any program reads it."""
    read = schemaless_reader(BytesIO(value[10:]), SCHEMA, None)
    assert isinstance(read, dict)
    return read


def refused(call: Object) -> PoisonError:
    """Return why *call* cannot be encoded."""
    with pytest.raises(PoisonError) as caught:
        ENCODE({"type": "page"} | call)
    return caught.value


@given(CALLS)
def test_a_call_comes_back_as_it_went(call: Object) -> None:
    """Whatever a canonical call holds, decoding gives the call that was encoded."""
    assert DECODE(ENCODE(call)) == call


def test_confluent_framing() -> None:
    """With a schema's id the datum stands behind Confluent's header."""
    value = Encoder(schema_id=258)(CALL)

    assert value[:5] == bytes.fromhex("00 00000102")
    assert value[5:] == ENCODE(CALL)[10:]
    assert decoder(Registered({258: (CANONICAL_TEXT,)}))(value) == CALL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:11:12.345Z", 1_795_428_672_345),
        ("2026-11-23T12:11:12.345+02:00", 1_795_428_672_345),
        ("2026-11-23T10:11:12.345999", 1_795_428_672_345),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_timestamps_become_milliseconds(text: str, expected: int) -> None:
    """A time of ISO 8601 is its milliseconds, in UTC where it names no zone."""
    assert DECODE(ENCODE({"type": "page", "sentAt": text}))["sentAt"] == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("userId", 41, "41"), ("version", 2, "2"), ("version", 1.1, "1.1"), ("userId", "", "")],
)
def test_numbers_become_text(name: str, value: Value, expected: str) -> None:
    """A number where text belongs is its digits."""
    assert datum(ENCODE({"type": "page", name: value}))[name] == expected


def test_nothing_is_lost() -> None:
    """Keys without a field of their own are kept in `extra`, one called `extra` included."""
    extra: Object = {"groupId": "g-1", "_metadata": {"bundled": []}, "extra": None}
    value = datum(ENCODE(CALL | extra))["extra"]

    assert isinstance(value, bytes)
    assert orjson.loads(value) == extra
    assert datum(ENCODE(CALL))["extra"] is None


def test_large_integers_keep_their_digits() -> None:
    """An integer beyond 64 bits is written digit for digit."""
    value = datum(ENCODE({"type": "page", "properties": {"n": 2**70}}))["properties"]

    assert value == b'{"n":1180591620717411303424}'


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("type", None, DeadLetterReason.BAD_ENVELOPE),
        ("type", "unknown", DeadLetterReason.BAD_ENVELOPE),
        ("type", "Track", DeadLetterReason.BAD_ENVELOPE),
        ("type", [], DeadLetterReason.BAD_ENVELOPE),
        ("userId", True, DeadLetterReason.BAD_ENVELOPE),
        ("userId", ["jane@example.com"], DeadLetterReason.BAD_ENVELOPE),
        ("userId", "\ud800", DeadLetterReason.BAD_ENVELOPE),
        ("traits", "jane@example.com", DeadLetterReason.BAD_ENVELOPE),
        ("traits", {"a": "\ud800"}, DeadLetterReason.BAD_JSON),
        ("traits", {"a": [float("nan")]}, DeadLetterReason.BAD_NUMBER),
        ("sentAt", "yesterday", DeadLetterReason.BAD_TIMESTAMP),
        ("sentAt", 1.5, DeadLetterReason.BAD_TIMESTAMP),
        ("sentAt", True, DeadLetterReason.BAD_TIMESTAMP),
        ("sentAt", 2**63, DeadLetterReason.BAD_TIMESTAMP),
        ("groupId", float("inf"), DeadLetterReason.BAD_NUMBER),
    ],
)
def test_bad_calls(name: str, value: Value, reason: DeadLetterReason) -> None:
    """What is no Segment call is refused by the name of the field, without its value."""
    error = refused({name: value})

    assert error.reason is reason
    assert ("extra" if name == "groupId" else name) in error.detail
    assert "jane" not in error.detail


def nested(levels: int) -> Object:
    """Return objects and lists within each other, so many."""
    outer: Object = {}
    for _ in range((levels - 1) // 2):
        outer = {"a": [outer]}
    return outer if levels % 2 else {"a": outer}


def test_deep() -> None:
    """A field may nest 500 levels, whatever the interpreter would take."""
    assert DECODE(ENCODE({"type": "page", "traits": nested(500)}))["traits"] == nested(500)


@pytest.mark.parametrize("levels", [501, 1_200, 100_000])
def test_too_deep(levels: int) -> None:
    """One that nests deeper is refused by its name."""
    error = refused({"traits": nested(levels)})

    assert error.reason is DeadLetterReason.TOO_DEEP
    assert error.detail == "traits: expected at most 500 levels of nesting, came more"
