"""What stands before a datum, checked against published bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.avro import framing
from consumer.avro.schemas import rabin

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
