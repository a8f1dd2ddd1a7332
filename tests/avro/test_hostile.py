"""Data that mean harm: they become poison, at once and in little memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.avro.framing import confluent
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.translate import Translator
from tests.avro.samples import (
    CALL,
    CANONICAL_TEXT,
    TYPED_TEXT,
    WRITERS,
    Registered,
    datum,
    decoder,
    read_bytes,
    record,
)

if TYPE_CHECKING:
    from consumer.avro.decoder import Decoder

JSON_TEXT = (WRITERS / "json_value.avsc").read_text(encoding="utf-8")
ODD_TEXT = record(
    ("userId", ["null", "long", "double", "string"]),
    ("sentAt", ["null", "double", {"type": "long", "logicalType": "timestamp-micros"}]),
    ("properties", ["null", "long", "bytes", {"type": "map", "values": "double"}]),
    ("traits", {"type": "map", "values": ["null", {"type": "int", "logicalType": "date"}]}),
    (
        "context",
        {"type": "array", "items": {"type": "fixed", "name": "F", "size": 3}},
    ),
)
PAGE = {"url": "https://shop.example/p/1"}
TYPED_CALL = CALL | {
    "properties": {"order_id": "o-1", "products": [{"sku": "s", "quantity": 2}]},
    "traits": {"age": 41, "tags": ["a", "b"], "score": 1.5},
    "context": {"page": PAGE},
}
VALUES = [
    confluent(1)
    + datum(CANONICAL_TEXT, CALL | dict.fromkeys(("properties", "context", "integrations"), b"{}")),
    confluent(2) + datum(TYPED_TEXT, TYPED_CALL),
    confluent(3)
    + datum(JSON_TEXT, {"type": "track", "properties": {"a": {"value": [{"value": 1}]}}}),
    confluent(4)
    + datum(
        ODD_TEXT,
        {
            "type": "track",
            "userId": 5,
            "sentAt": None,
            "properties": {"a": 1.5},
            "traits": {"a": None, "b": 5},
            "context": [b"abc"],
        },
    ),
]
SCHEMAS = {1: (CANONICAL_TEXT,), 2: (TYPED_TEXT,), 3: (JSON_TEXT,), 4: (ODD_TEXT,)}


@pytest.fixture(name="decode", scope="module")
def _decode() -> Decoder:
    return decoder(Registered(SCHEMAS))


def _long(number: int) -> bytes:
    """Return *number* as Avro writes it: zig-zag, seven bits a byte, the least first."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*encoded, rest])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return one of VALUES with some of its bytes replaced, put in or taken out."""
    value = bytearray(draw(st.sampled_from(VALUES)))
    hostile = st.integers(-(2**63), 2**63 - 1).map(_long) | st.binary(max_size=3)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(5, len(value)))
        end = draw(st.integers(start, min(len(value), start + 3)))
        value[start:end] = draw(hostile)
    return bytes(value)


@pytest.mark.parametrize("value", VALUES)
def test_the_seeds_are_good(value: bytes) -> None:
    """What the fuzzing damages can be read before."""
    assert decoder(Registered(SCHEMAS))(value)["type"] == "track"


@given(damaged() | st.binary(max_size=200).map(lambda value: confluent(1) + value) | st.binary())
def test_only_poison_comes_of_damage(decode: Decoder, value: bytes) -> None:
    """Whatever its bytes, a value gives an event that the translation copes with, or poison."""
    with suppress(PoisonError):
        Translator()(decode(value), None)


@pytest.mark.parametrize("index", [-1, 2, 2**62])
def test_a_branch_that_is_not_there(index: int) -> None:
    """An index outside the union is bad Avro, also one that counts from the end."""
    value = b"\x08page" + _long(index) + b"\x02x"
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(record(("userId", ["null", "string"])), value)


@pytest.mark.parametrize("index", [-1, 7, -(2**63)])
def test_a_symbol_that_is_not_there(index: int) -> None:
    """An index outside the enum is bad Avro, also one that counts from the end."""
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(CANONICAL_TEXT, b"\x00" + _long(index) + bytes(20))


@pytest.mark.parametrize("length", [-1, 1_000, 2**62, -(2**63)])
def test_a_length_that_is_not_there(length: int) -> None:
    """Text that claims more bytes than there are, or fewer than none, is bad Avro."""
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(record(("name", "string")), b"\x08page" + _long(length) + b"abc")


@pytest.mark.parametrize("kind", ["array", "map"])
@pytest.mark.parametrize("count", [2**40, 2**62, -(2**62), -(2**63)])
def test_a_count_that_is_not_there(kind: str, count: int) -> None:
    """Items that claim to be countless end with the bytes."""
    schema = record(("traits", {"type": kind, "items": "int", "values": "int"}))
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(schema, b"\x08page" + _long(count) + _long(5) + b"\x02\x61\x02")


ITEMS: list[object] = [
    *("boolean", "int", "long", "float", "double", "bytes", "string", ["null", "int"]),
    {"type": "fixed", "name": "F", "size": 8},
    {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"},
    {"type": "enum", "name": "E", "symbols": ["a"]},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "string"]}]},
    {"type": "map", "values": "double"},
]


@pytest.mark.parametrize("items", ITEMS, ids=str)
@pytest.mark.parametrize("field", ["traits", "more"])
def test_no_item_is_read_out_of_nothing(field: str, items: object) -> None:
    """Whatever the items are, as many as 2**40 of them end with the bytes: read or passed over."""
    kind = {"type": "map", "values": {"type": "array", "items": items}}
    value = b"\x08page" + _long(1) + b"\x02a" + _long(2**40) + bytes(20)
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(record((field, kind)), value)


def test_text_that_is_no_utf_8() -> None:
    """A string that somebody reads must be UTF-8; surrogates are none."""
    for text in (b"\xff", b"\xed\xa0\x80", b"\xc3"):
        with pytest.raises(PoisonError, match="bad_avro"):
            read_bytes(record(("name", "string")), b"\x08page" + _long(len(text)) + text)
        assert read_bytes(record(("more", "string")), b"\x08page" + _long(len(text)) + text)


def test_numbers_without_end() -> None:
    """A number that goes on to the end of the value is bad Avro."""
    with pytest.raises(PoisonError, match="bad_avro"):
        read_bytes(record(("sentAt", "long")), b"\x08page" + b"\x80" * 1_000)


def test_depth_without_end_is_too_deep() -> None:
    """A datum of a recursive schema may nest, but not without end."""
    value = b"\x08page" + b"\x02\x02a" + b"\x0a\x02" * 100_000
    with pytest.raises(PoisonError) as caught:
        read_bytes(JSON_TEXT, value)

    assert caught.value.reason is DeadLetterReason.TOO_DEEP


def test_depth_kills_no_process() -> None:
    """Depth is refused in a process of its own too: a C stack that overflows has no exception."""
    code = """
from consumer.core.errors import PoisonError
from tests.avro.samples import read_bytes, record
link = {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}
try:
    read_bytes(record(("traits", link)), b"\\x08page" + b"\\x02" * 1_000_000)
except PoisonError as error:
    print(error.reason)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (0, "too_deep")


def test_little_memory() -> None:
    """The worst that a value of the canonical schema can ask for is in proportion to its size."""
    decode = decoder(Registered(SCHEMAS))
    value = confluent(2) + b"\x00\x04" + bytes(11) + _long(1) + bytes(24) + _long(1)
    value += _long(2**60) + bytes(100_000)
    tracemalloc.start()
    with pytest.raises(PoisonError):
        decode(value)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 200 * len(value)
