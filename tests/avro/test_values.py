"""Avro values in open objects, as JSON values."""

from __future__ import annotations

import struct
import uuid
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.json_text import NotFinite
from tests.avro.samples import read, read_bytes, read_property, record


def _decimal(scale: int, kind: str = "bytes") -> dict[str, object]:
    fixed = {"name": "D", "size": 12} if kind == "fixed" else {}
    return {"type": kind, "logicalType": "decimal", "precision": 28, "scale": scale} | fixed


def _long(logical: str) -> dict[str, object]:
    return {"type": "long", "logicalType": logical}


PLAIN = [
    ("boolean", False),
    ("int", 0),
    ("long", 2**62),
    ("string", ""),
    ("double", 18.99),
    ({"type": "array", "items": "string"}, ["Games", "Board Games"]),
    ({"type": "map", "values": ["null", "int"]}, {"a": 1, "b": None}),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
]


@pytest.mark.parametrize(("kind", "value"), PLAIN)
def test_what_json_has_is_used_as_it_is(kind: object, value: object) -> None:
    """A value of a kind that JSON has comes as it was written, null in a map included."""
    assert read_property(kind, value) == value


def test_a_record_leaves_null_out() -> None:
    """In a record null is how a field says that it is absent."""
    fields = [{"name": name, "type": ["null", "int"]} for name in ("a", "b", "c")]
    properties = {"type": "record", "name": "P", "fields": fields}
    event = read(
        record(("properties", properties)),
        {"type": "page", "properties": {"a": None, "b": 0, "c": None}},
    )

    assert event["properties"] == {"b": 0}


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks(kind: str, value: float) -> None:
    """NaN and the infinities are told from other numbers; the translation leaves them out."""
    assert isinstance(read_property(["null", kind], value), NotFinite)


def test_a_float_has_its_shortest_digits() -> None:
    """A price of 18.99 in four bytes is 18.99, not the double that is nearest to the float."""
    assert read_property("float", 18.99) == 18.99
    assert read_property("float", 13.148581504821777) == 13.1485815


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_keeps_its_value(value: float) -> None:
    """Whatever its digits, the number that comes out is the same float."""
    decoded = read_property("float", value)

    assert isinstance(decoded, float)
    assert struct.pack("<f", decoded) == struct.pack("<f", value)


@pytest.mark.parametrize("kind", ["bytes", "fixed"])
@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        ("18.99", 2, 18.99),
        ("-0.0100", 4, -0.01),
        ("19", 0, 19),
        ("123456789012345678.99", 2, "123456789012345678.99"),
        ("0.1000000000000000055", 19, "0.1000000000000000055"),
        ("9223372036854775807", 0, 2**63 - 1),
        ("9223372036854775808", 0, "9223372036854775808"),
    ],
)
def test_a_decimal_is_exact(kind: str, value: str, scale: int, expected: object) -> None:
    """A decimal is a number where a number of JSON holds it exactly, else its digits as text."""
    assert read_property(_decimal(scale, kind), Decimal(value)) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**20))
def test_no_decimal_is_rounded(value: Decimal) -> None:
    """What goes over the wire is the decimal that was written, to the last digit."""
    if abs(value) >= 10**20:
        value %= 10**20
    text = orjson.dumps(read_property(_decimal(4), value)).decode().strip('"')

    assert Decimal(text) == value


def test_a_decimal_of_too_many_bytes() -> None:
    """A decimal that no price can be comes as its bytes: its digits would take too long."""
    schema = _decimal(2)
    raw = {"type": "bytes"}
    assert read_property(raw, b"a" * 500) == "a" * 500

    assert isinstance(read_property(schema, Decimal(2) ** 1100), str)


@pytest.mark.parametrize(
    ("value", "expected"), [(b"abc", "abc"), ("é1".encode(), "é1"), (b"\xff\x00\xfe", "/wD+")]
)
def test_bytes_are_text_or_base64(value: bytes, expected: str) -> None:
    """Bytes are text where they are UTF-8, else base64: nothing is lost."""
    assert read_property("bytes", value) == expected


@pytest.mark.parametrize("value", [b"abc", b"\xff\x00\xfe"])
def test_a_fixed_is_hexadecimal(value: bytes) -> None:
    """A fixed is an id or a digest: it has one form, whatever its bytes happen to be."""
    assert read_property({"type": "fixed", "name": "F", "size": 3}, value) == value.hex()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ({"type": "int", "logicalType": "date"}, 20_780, "2026-11-23"),
        ({"type": "int", "logicalType": "date"}, -1, "1969-12-31"),
        ({"type": "int", "logicalType": "time-millis"}, 36_672_005, "10:11:12.005"),
        (_long("time-micros"), 36_672_000_005, "10:11:12.000005"),
        (_long("time-nanos"), 36_672_000_000_005, "10:11:12.000000005"),
        (_long("timestamp-millis"), 1_795_428_672_005, "2026-11-23T10:11:12.005Z"),
        (_long("timestamp-micros"), -1, "1969-12-31T23:59:59.999999Z"),
        (_long("timestamp-nanos"), 1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        (_long("local-timestamp-millis"), 1_795_428_672_005, "2026-11-23T10:11:12.005"),
    ],
)
def test_dates_and_times_are_iso_8601(kind: object, value: int, expected: str) -> None:
    """A date or time is text of ISO 8601, as Segment writes them, with every digit it has."""
    assert read_property(["null", kind], value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "int", "logicalType": "date"}, 2**31 - 1),
        ({"type": "int", "logicalType": "time-millis"}, 86_400_000),
        (_long("timestamp-millis"), 2**62),
        (_long("timestamp-millis"), -(2**62)),
    ],
)
def test_times_out_of_range(kind: object, value: int) -> None:
    """A time that no calendar has is the number that was written: perhaps nobody reads it."""
    assert read_property(kind, value) == value


def test_a_uuid_of_16_bytes() -> None:
    """A uuid in a fixed is its text."""
    value = uuid.UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")
    kind = {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}

    assert read_property(kind, value.bytes) == str(value)


def test_a_uuid_of_another_size() -> None:
    """A uuid on a fixed that cannot hold one is the fixed."""
    kind = {"type": "fixed", "name": "U", "size": 3, "logicalType": "uuid"}
    schema = record(("traits", {"type": "map", "values": kind}))

    assert read_bytes(schema, b"\x08page\x02\x02aabc\x00")["traits"] == {"a": b"abc".hex()}


def test_the_branch_that_wrote_decides() -> None:
    """Two branches that give one Python type are each read in their own way."""
    union = ["null", _decimal(2), "bytes", _long("timestamp-millis"), "double"]
    schema = record(("traits", {"type": "map", "values": union}))
    value = (
        b"\x08page" + b"\x06" + b"\x02a\x02\x04\x00\x96" + b"\x02b\x04\x081.50" + b"\x02c\x06\x0a"
    )

    assert read_bytes(schema, value + b"\x00")["traits"] == {
        "a": 1.5,
        "b": "1.50",
        "c": "1970-01-01T00:00:00.005Z",
    }


def test_unknown_logical_types_are_what_they_stand_on() -> None:
    """A logical type that nobody knows is its underlying type, as Avro says."""
    assert read_property({"type": "bytes", "logicalType": "money"}, b"abc") == "abc"
    assert read_property({"type": "long", "logicalType": ["odd"]}, 5) == 5
