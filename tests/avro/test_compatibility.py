"""The check of a schema and the decoder agree on what can be read."""

from __future__ import annotations

import io
import json

import pytest
from fastavro import parse_schema, schemaless_writer

from consumer.avro import framing
from consumer.avro.compatibility import FieldState, check
from consumer.core.errors import PoisonError
from consumer.core.model import SegCall
from consumer.translate import Translator
from tests.avro.samples import Registered, decoder

KINDS: dict[str, tuple[object, object]] = {
    "string": ("string", "{}"),
    "bytes": ("bytes", b"{}"),
    "int": ("int", 1_795_428_672),
    "long": ("long", 1_795_428_672_345),
    "float": ("float", 1_795_428_672.0),
    "double": ("double", 1_795_428_672_345.5),
    "boolean": ("boolean", True),
    "enum": ({"type": "enum", "name": "E", "symbols": ["a"]}, "a"),
    "fixed": ({"type": "fixed", "name": "F", "size": 2}, b"{}"),
    "array": ({"type": "array", "items": "string"}, ["a"]),
    "map": ({"type": "map", "values": "string"}, {"a": "b"}),
    "record": (
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]},
        {"a": 1},
    ),
    "date": ({"type": "int", "logicalType": "date"}, 20_000),
    "timestamp-millis": ({"type": "long", "logicalType": "timestamp-millis"}, 1_000),
    "timestamp-micros": ({"type": "long", "logicalType": "timestamp-micros"}, 1_000_000),
}
"""A type of each sort, and a value of it."""

MEANT_FOR_NO_OBJECT = {"enum", "fixed"}
"""A value of these may be the text of a JSON object by chance; the check does not count on it."""


def left_out(schema: str, datum: bytes) -> set[str]:
    """Return the fields of *datum* that the translation cannot read, `type` for none at all."""
    try:
        event = decoder(Registered({1: (schema,)}))(framing.confluent(1) + datum)
        call = Translator()(event, None)
    except PoisonError as error:
        return {"type", error.detail.partition(":")[0]}
    return {it.source for it in call.left_out} if isinstance(call, SegCall) else set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", ["type", "userId", "timestamp", "properties"])
def test_the_check_and_the_decoder_agree(field: str, kind: str) -> None:
    """A field is ok exactly where a value of its type is not left out."""
    written, value = KINDS[kind]
    if (field, kind) == ("timestamp", "string"):
        value = "2026-11-23"
    types = {"type": "string"} | {field: written}
    schema = json.dumps(
        {
            "type": "record",
            "name": "Call",
            "fields": [{"name": name, "type": its} for name, its in types.items()],
        }
    )
    buffer = io.BytesIO()
    schemaless_writer(buffer, parse_schema(json.loads(schema)), {"type": "page"} | {field: value})
    is_read = field not in left_out(schema, buffer.getvalue())

    state = next(report.state for report in check([schema]) if report.field == field)
    if field == "properties" and kind in MEANT_FOR_NO_OBJECT:
        assert state is FieldState.LEFT_OUT
    else:
        assert (state is FieldState.OK) is is_read
