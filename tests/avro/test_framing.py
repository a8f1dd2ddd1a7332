"""What stands before a datum, checked against published bytes."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from consumer.avro import framing
from consumer.avro.schemas import rabin
from consumer.core.errors import PoisonError

# Apache Avro, share/test/data/schema-tests.txt: fingerprints as signed longs, from Java.
PUBLISHED = [
    ("null", 7195948357588979594),
    ("boolean", -6970731678124411036),
    ({"type": "int"}, 8247732601305521295),
    ("string", -8142146995180207161),
    (["int", {"type": "boolean"}], 5392556393470105090),
    ({"fields": [], "type": "record", "name": "foo", "namespace": "x.y"}, 5916914534497305771),
    (
        {
            "fields": [
                {"type": "boolean", "aliases": [], "name": "f1", "default": True},
                {"order": "descending", "name": "f2", "doc": "Hello", "type": "int"},
            ],
            "type": "record",
            "name": "foo",
        },
        -4860222112080293046,
    ),
    (
        {"namespace": "x.y.z", "type": "enum", "name": "foo", "doc": "d", "symbols": ["A1", "A2"]},
        -4448647247586288245,
    ),
    ({"namespace": "x.y.z", "type": "fixed", "name": "foo", "size": 32}, -3064184465700546786),
    ({"values": "string", "type": "map"}, -8732877298790414990),
    (
        {
            "name": "PigValue",
            "type": "record",
            "fields": [{"name": "value", "type": ["null", "int", "long", "PigValue"]}],
        },
        -1759257747318642341,
    ),
]


@pytest.mark.parametrize(("schema", "expected"), PUBLISHED)
def test_fingerprint_is_the_published_one(schema: object, expected: int) -> None:
    """The fingerprint of a schema is the one that Avro publishes, in little-endian order."""
    fingerprint = rabin(json.dumps(schema), Path("published.avsc"))

    assert expected == int.from_bytes(fingerprint, "little", signed=True)


def test_single_object_header_is_the_published_one() -> None:
    """The header of an int is the one in Avro's own tests (lang/ruby/test/test_fingerprints.rb)."""
    header = framing.single_object(rabin('"int"', Path("int.avsc")))

    assert bytes.fromhex("c3 01 8f 5c 39 3f 1a d5 75 72") == header
    framed = framing.split(header + b"x", "auto", 100)
    assert framed == (bytes.fromhex("8f 5c 39 3f 1a d5 75 72"), header + b"x", 10)


def test_confluent_header_is_a_zero_and_the_id_big_end_first() -> None:
    """Confluent's header is the byte 0 and the id in four bytes, big-endian."""
    assert bytes.fromhex("00 00 01 e2 40") == framing.confluent(123_456)
    assert framing.split(bytes.fromhex("00 00 01 e2 40 02"), "auto", 100)[::2] == (123_456, 5)


@pytest.mark.parametrize(
    ("mode", "header", "key"),
    [
        ("auto", "00 00000007", 7),
        ("auto", "00 0000000000000007", framing.GlobalId(7)),
        ("confluent", "00 00000000", 0),
        ("apicurio_content", "00 0000000000000007", 7),
        ("apicurio_content", "00 00000007", 7),
        ("apicurio_global", "00 00000007", framing.GlobalId(7)),
    ],
)
def test_whose_an_id_is(mode: framing.Mode, header: str, key: framing.SchemaKey) -> None:
    """Four zeros begin an id of 8 bytes, unless all are Confluent's; the setting tells whose."""
    prefix = bytes.fromhex(header)
    framed = framing.split(prefix + b"\x02x", mode, 100)

    assert framed == (key, prefix + b"\x02x", len(prefix))


def test_glue_that_ends_too_soon() -> None:
    """A value that ends within the version's id is bad Avro."""
    with pytest.raises(PoisonError, match="bad_avro"):
        framing.split(b"\x03\x00" + bytes(15), "auto", 100)


def test_glue_that_is_not_deflated() -> None:
    """What zlib does not take is bad Avro."""
    with pytest.raises(PoisonError, match="bad_avro: expected zlib"):
        framing.split(b"\x03\x05" + bytes(16) + b"plain", "auto", 100)


def test_glue_that_inflates_to_more_than_is_allowed() -> None:
    """A kilobyte may hold a megabyte: it is not unpacked."""
    value = b"\x03\x05" + bytes(16) + zlib.compress(bytes(1_000_000))
    with pytest.raises(PoisonError, match="too_large"):
        framing.split(value, "auto", 1_000)
