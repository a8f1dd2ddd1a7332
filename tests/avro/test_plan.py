"""Which writers' schemas can be read, and how the others are refused."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING

import orjson
import pytest
from fastavro import parse_schema, schemaless_reader

from consumer.avro.framing import confluent
from consumer.avro.plan import Plan, make_plan
from consumer.core.errors import DeadLetterReason, PoisonError
from tests.avro.samples import (
    CALL,
    CANONICAL_TEXT,
    ORDER,
    TYPED_TEXT,
    WRITERS,
    Registered,
    datum,
    decoder,
    present,
    read,
    read_bytes,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Object


def writer(name: str) -> str:
    """Return a schema under `writers/`."""
    return (WRITERS / f"{name}.avsc").read_text(encoding="utf-8")


def resolved(text: str, call: Mapping[str, object]) -> dict[str, object]:
    """Write *call* with the schema *text*; read it as others do with the canonical one."""
    reader = parse_schema(orjson.loads(CANONICAL_TEXT))
    buffer = BytesIO(datum(text, call))
    event = schemaless_reader(buffer, parse_schema(orjson.loads(text)), reader)
    assert isinstance(event, dict)
    return event


class TestOurSchemas:
    """The two schemas of the folder."""

    def test_canonical(self) -> None:
        """A call with every field comes back as it was, the objects and `extra` parsed."""
        texts = {
            name: orjson.dumps(value) if isinstance(value, dict) else value
            for name, value in CALL.items()
        }
        event = read(CANONICAL_TEXT, texts | {"version": "2", "extra": b'{"groupId":"g"}'})

        assert event == present(CALL) | {"extra": {"groupId": "g"}}

    def test_typed(self) -> None:
        """The typed e-commerce schema gives the same event, null fields of its records left out."""
        product: Object = {"sku": "45790-32", "name": "Monopoly: Édition 3", "quantity": 2}
        call: Object = {
            **CALL,
            "properties": {"order_id": "o-1", "currency": "EUR", "products": [product]},
            "traits": {"email": None, "age": 41, "tags": ["a"], "address": {"country": "SE"}},
            "context": {
                "page": {"url": "https://shop.example/p/1"},
                "personas": {"computation_class": "audience", "computation_key": "big_spender"},
            },
        }

        assert read(TYPED_TEXT, call) == present(call)

    def test_typed_money(self) -> None:
        """A decimal price of the typed schema is the number that was written."""
        properties = {"revenue": Decimal("25.01"), "products": [{"price": Decimal("18.99")}]}
        event = read(TYPED_TEXT, {"type": "track", "properties": properties})

        assert event["properties"] == {"revenue": 25.01, "products": [{"price": 18.99}]}


class TestEvolution:
    """A topic holds what its writers wrote over the years."""

    def test_fields_added_removed_and_reordered(self) -> None:
        """An older writer lacks fields, has one that went, and has them in another order."""
        call = {
            "type": "track",
            "writeKey": "k",
            "event": "Order Completed",
            "properties": orjson.dumps(ORDER),
            "messageId": "m-1",
            "timestamp": 1_795_428_672_345,
        }
        text = writer("first_version")

        assert read(text, call) == {
            "type": "track",
            "event": "Order Completed",
            "properties": ORDER,
            "messageId": "m-1",
            "timestamp": 1_795_428_672_345,
        }
        assert resolved(text, call)["channel"] is None

    def test_text_and_bytes_change_places(self) -> None:
        """Text as bytes, JSON as a string and unions in another order change nothing."""
        call = {
            "messageId": b"m-1",
            "type": "identify",
            "userId": "u-1",
            "traits": '{"email":"jane@example.com"}',
        }
        text = writer("text_and_bytes")

        assert read(text, call) == {
            "messageId": "m-1",
            "type": "identify",
            "userId": "u-1",
            "traits": {"email": "jane@example.com"},
        }
        assert resolved(text, call)["messageId"] == "m-1"

    def test_a_newer_type(self) -> None:
        """A symbol that the canonical schema lacks comes as it is; other readers get `unknown`."""
        text = writer("newer_type")

        assert read(text, {"type": "delete"}) == {"type": "delete"}
        assert resolved(text, {"type": "delete"})["type"] == "unknown"

    def test_warehouse_spelling(self) -> None:
        """The names of Segment's warehouses are taken, for us and for readers by the aliases."""
        moment = 1_795_428_672_345
        call = {"message_id": "m-1", "type": "page", "anonymous_id": "a-1", "sent_at": moment}
        text = writer("warehouse")

        assert read(text, call | {"user_id": "other", "userId": "u-1"}) == {
            "messageId": "m-1",
            "type": "page",
            "anonymousId": "a-1",
            "sentAt": moment,
            "userId": "u-1",
        }
        assert resolved(text, call | {"user_id": None, "userId": "u-1"})["messageId"] == "m-1"

    def test_json_as_a_recursive_record(self) -> None:
        """A schema that models JSON by holding itself is read like any other."""
        leaf = {"value": 18.99}
        call = {
            "type": "track",
            "properties": {"Price": leaf, "Tags": {"value": [{"value": "a"}, {"value": None}]}},
        }

        assert read(writer("json_value"), call) == {
            "type": "track",
            "properties": {"Price": {"value": 18.99}, "Tags": {"value": [{"value": "a"}, {}]}},
        }


def test_references_are_resolved() -> None:
    """A schema may use the types of those that stand before it."""
    page = json.dumps({"type": "record", "name": "x.Page", "fields": [_field("url", "string")]})
    context = json.dumps({"type": "record", "name": "x.Ctx", "fields": [_field("page", "x.Page")]})
    registry = Registered({1: (page, context, record(("context", "x.Ctx")))})

    assert decoder(registry)(confluent(1) + b"\x08page\x02u") == {
        "type": "page",
        "context": {"page": {"url": "u"}},
    }


def _field(name: str, kind: object) -> dict[str, object]:
    return {"name": name, "type": kind}


def _deep(levels: int) -> object:
    kind: object = "string"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


def _tree(fields: list[dict[str, object]]) -> object:
    """Return a record that may hold a list of itself."""
    below = _field("below", ["null", {"type": "array", "items": "Tree"}])
    return {"type": "record", "name": "Tree", "fields": [below, *fields]}


UNUSABLE = {
    "no JSON": ('{"type":\n"record",}', "expected a schema of Avro as JSON: .* at line 2"),
    "no schema": ("{}", "the schema: expected a type"),
    "an unknown type": (record(("name", "text")), "name: expected a type, came `text`"),
    "a word for a type": (record(("name", "record")), "name: expected a type, came the word"),
    "a word for an inner type": (
        record(("traits", {"type": "map", "values": ["null", "array"]})),
        "traits: expected a type, came the word `array`",
    ),
    "a name defined elsewhere": (
        record(("traits", ["null", {"type": "array", "items": "shop.Line"}])),
        "traits: expected a type, came `shop.Line`, which is none of Avro's and not defined",
    ),
    "no record": ('"string"', "expected a record"),
    "a union of no events": ('["null", "string"]', "expected a record"),
    "a union without end": (
        json.dumps(
            [
                {
                    "type": "record",
                    "name": f"R{number}",
                    "fields": [{"name": "type", "type": "int"}],
                }
                for number in range(65)
            ]
        ),
        "a union of at most 64",
    ),
    "no type": (
        '{"type": "record", "name": "R", "fields": [{"name": "event", "type": "string"}]}',
        "expected a field `type`",
    ),
    "type is a number": (record(("type", "int")), "expected a field `type`"),
    "no fields": ('{"type": "record", "name": "R", "fields": []}', "expected a record to have"),
    "a name that is no text": (
        '{"type": "record", "name": "R", "fields": [{"name": [], "type": "string"}]}',
        "each with a name of its own",
    ),
    "a name twice": (
        '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}',
        "each with a name of its own",
    ),
    "nulls without end": (
        record(("traits", {"type": "array", "items": "null"})),
        "traits: expected null only within a union",
    ),
    "nulls without end, dressed up": (
        record(("traits", {"type": "array", "items": {"type": "null", "logicalType": "x"}})),
        "traits: expected null only within a union",
    ),
    "a null in a record": (
        record(("traits", {"type": "record", "name": "T", "fields": [_field("a", "null")]})),
        "a: expected null only within a union",
    ),
    "a record without fields": (
        record(("traits", {"type": "record", "name": "T", "fields": []})),
        "expected a record to have fields",
    ),
    "a fixed of no bytes": (
        record(("name", {"type": "fixed", "name": "F", "size": 0})),
        "name: expected a fixed of 1 byte or more",
    ),
    "a fixed of no number": (
        record(("name", {"type": "fixed", "name": "F", "size": "1"})),
        "name: expected a fixed of 1 byte or more",
    ),
    "a scale without end": (
        record(("name", {"type": "bytes", "logicalType": "decimal", "scale": 10**9})),
        "name: expected a decimal with a scale",
    ),
    "types without end": (
        record(("traits", _tree([_field(f"f{number}", "int") for number in range(3_000)]))),
        "expected at most 100000 types",
    ),
    "text too deep": (
        '{"type":"array","items":' * 2_000 + '"int"' + "}" * 2_000,
        "expected a schema of Avro",
    ),
    "said to be parsed": (
        record(("name", "text")).replace(
            "{", '{"__fastavro_parsed": true, "__named_schemas": {}, ', 1
        ),
        "name: expected a type",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable(case: str) -> None:
    """A schema that no event can be read with says what is missing."""
    text, expected = UNUSABLE[case]
    with pytest.raises(PoisonError, match=expected) as caught:
        make_plan((text,))

    assert caught.value.reason is DeadLetterReason.UNUSABLE_SCHEMA


@pytest.mark.parametrize(
    ("kind", "ends"), [(_deep(150), 31), (_tree([]), 16)], ids=["nested", "recursive"]
)
def test_depth_is_the_datums(kind: object, ends: int) -> None:
    """A schema may be deep, or without end; a datum that goes below 100 levels is too deep."""
    schema = record(("traits", {"type": "map", "values": kind}))
    value = b"\x08page\x02\x02a"

    traits = read_bytes(schema, value + b"\x02" * 30 + bytes(ends + 1))["traits"]
    assert isinstance(traits, dict)
    assert "a" in traits
    with pytest.raises(PoisonError, match="too_deep"):
        read_bytes(schema, value + b"\x02" * 120 + bytes(200))


def test_a_default_that_fastavro_refuses() -> None:
    """A default that is wrong, or right and beyond fastavro, says nothing about the data."""
    price = {"name": "name", "type": {"type": "double"}, "default": 0}
    text = json.dumps({"type": "record", "name": "R", "fields": [_field("type", "string"), price]})

    assert isinstance(make_plan((text,)), Plan)


def test_null_as_a_field_of_the_envelope() -> None:
    """A field of the envelope may be nothing but null: there is one of it."""
    assert read(record(("userId", "null")), {"type": "page", "userId": None}) == {"type": "page"}
