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
from tests.avro.samples import CALL, CANONICAL_TEXT, Registered, decoder, present

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
    {name: st.none() | st.text() for name in TEXTS - {"category"}}
    | {name: st.none() | st.integers(10**12, 10**13 - 1) for name in INSTANTS}
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
    assert DECODE(ENCODE(call)) == present(call)


def test_confluent_framing() -> None:
    """With a schema's id the datum stands behind Confluent's header."""
    value = Encoder(schema_id=258)(CALL)

    assert value[:5] == bytes.fromhex("00 00000102")
    assert value[5:] == ENCODE(CALL)[10:]
    assert decoder(Registered({258: (CANONICAL_TEXT,)}))(value) == present(CALL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T10:11:12.345Z", 1_795_428_672_345),
        ("2026-11-23T12:11:12.345+02:00", 1_795_428_672_345),
        ("2026-11-23T10:11:12.345999", 1_795_428_672_345),
        ("Mon, 23 Nov 2026 10:11:12 GMT", 1_795_428_672_000),
        ("1999-01-01T00:00:00Z", "1999-01-01T00:00:00+00:00"),
    ],
)
def test_timestamps_become_milliseconds(text: str, expected: Value) -> None:
    """A time is its milliseconds; where these would be taken for another unit, it comes as text."""
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


@pytest.mark.parametrize("kind", [None, [], True, 5])
def test_a_call_has_a_type(kind: Value) -> None:
    """What has no type is no call."""
    assert refused({"type": kind}).reason is DeadLetterReason.BAD_ENVELOPE


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("TRACK", "track"), (" Page", "page"), ("record", "unknown"), ("", "unknown")],
)
def test_a_type_in_another_case(kind: str, expected: str) -> None:
    """A type is written in lower case; for one that Segment does not have there is a symbol."""
    assert datum(ENCODE({"type": kind}))["type"] == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("userId", True),
        ("userId", ["jane@example.com"]),
        ("sentAt", "yesterday"),
        ("sentAt", 1.5),
        ("sentAt", True),
        ("sentAt", 2**63 - 1),
        ("sentAt", "1969-12-31T23:59:59Z"),
        ("category", "Docs"),
    ],
)
def test_what_a_field_cannot_hold_travels_beside_it(name: str, value: Value) -> None:
    """The field is null, and decoding finds the value in `extra`."""
    assert DECODE(ENCODE({"type": "page", name: value})) == {
        **DECODE(ENCODE({"type": "page"})),
        "extra": {name: value},
    }


@pytest.mark.parametrize("value", [[], "", "jane@example.com", 7, True, [1]])
@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_an_open_object_that_is_none_is_not_judged_here(name: str, value: Value) -> None:
    """It comes back as it was: the translation counts it as absent."""
    assert DECODE(ENCODE({"type": "page", name: value}))[name] == value  # type: ignore[literal-required]


def test_half_a_surrogate_pair_is_kept_in_an_object_and_replaced_in_text() -> None:
    """JSON can escape it, and Avro's text cannot hold it."""
    event = DECODE(ENCODE({"type": "page", "userId": "u\ud800", "traits": {"a\ud800": "\ud83d"}}))

    assert event["userId"] == "u\ufffd"
    assert event["traits"] == {"a\ud800": "\ud83d"}


def test_numbers_that_json_lacks_come_back() -> None:
    """NaN and the infinities are written as Python writes them, and read again."""
    given: Object = {"a": float("nan"), "b": [float("-inf")]}
    event = DECODE(ENCODE({"type": "page", "traits": given, "groupId": float("inf")}))

    assert repr(event["traits"]) == repr(given)
    assert event["extra"] == {"groupId": float("inf")}


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
