"""Calls, writers and a decoder for the tests of `consumer.avro`."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from fastavro import parse_schema, schemaless_writer

from consumer.avro.decoder import Decoder, Reading
from consumer.avro.framing import confluent
from consumer.avro.schemas import CANONICAL, folder
from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.avro.framing import RegistryId
    from consumer.core.errors import UnavailableError
    from consumer.core.model import Event, Object, Value

WRITERS = Path(__file__).parent / "writers"
CANONICAL_TEXT = (folder() / CANONICAL).read_text(encoding="utf-8")
TYPED_TEXT = (folder() / "segment_event_typed.avsc").read_text(encoding="utf-8")

ORDER: dict[str, Value] = {
    "orderId": "50314b8e9bcf000000000000",
    "revenue": 25.01,
    "currency": "EUR",
    "repeat": True,
    "coupon": None,
    "products": [{"sku": "45790-32", "name": "Monopoly: Édition 3", "price": 18.99, "quantity": 2}],
}
CALL: Object = {
    "messageId": "m-1",
    "type": "track",
    "userId": "u-1",
    "anonymousId": "a-1",
    "previousId": None,
    "event": "Order Completed",
    "name": None,
    "channel": "server",
    "timestamp": 1_795_428_672_345,
    "originalTimestamp": 1_795_428_672_001,
    "sentAt": 1_795_428_672_002,
    "receivedAt": 1_795_428_672_400,
    "properties": ORDER,
    "traits": None,
    "context": {"page": {"url": "https://shop.example/p/1", "title": "Monopoly"}},
    "integrations": {"All": False, "Seg": True},
}


def present(call: Object) -> Object:
    """Return *call* without the fields that it has not: what decoding makes of it."""
    return {name: it for name, it in call.items() if it is not None}


class Registered:
    """A registry that holds some schemas by id, and counts what it is asked."""

    def __init__(self, schemas: Mapping[Any, tuple[str, ...]]) -> None:
        self.schemas: dict[RegistryId, tuple[str, ...]] = dict(schemas)
        self.asked: list[RegistryId] = []
        self.failure: PoisonError | UnavailableError | None = None

    def schema(self, schema_id: RegistryId) -> tuple[str, ...]:
        """Return the schema of *schema_id*, or raise `failure` where one is set."""
        self.asked.append(schema_id)
        if self.failure is not None:
            raise self.failure
        if schema_id not in self.schemas:
            raise PoisonError(DeadLetterReason.UNKNOWN_SCHEMA, f"no schema has the id {schema_id}")
        return self.schemas[schema_id]


def decoder(registry: Registered | None = None, *, max_bytes: int = 1 << 20) -> Decoder:
    """Return a decoder with the program's own folder of schemas."""
    return Decoder(
        registry=registry, writer_schema=None, schemas=folder(), reading=Reading(max_bytes)
    )


def record(*fields: tuple[str, object]) -> str:
    """Return a writer's schema of *fields*, with the field `type` that each needs."""
    every = {"type": "string"} | dict(fields)
    return json.dumps(
        {
            "type": "record",
            "name": "Call",
            "fields": [{"name": name, "type": kind} for name, kind in every.items()],
        }
    )


def datum(schema: str, call: Mapping[str, Any]) -> bytes:
    """Return *call* as an Avro datum of *schema*, without a framing."""
    buffer = BytesIO()
    schemaless_writer(buffer, parse_schema(orjson.loads(schema)), call)
    return buffer.getvalue()


def read_bytes(schema: str, value: bytes) -> Event:
    """Decode the datum *value* that was written with *schema*."""
    return decoder(Registered({7: (schema,)}))(confluent(7) + value)


def read(schema: str, call: Mapping[str, Any]) -> Event:
    """Write *call* with *schema* and decode it."""
    return read_bytes(schema, datum(schema, call))


def read_property(kind: object, value: object) -> Value:
    """Write *value* as a property of the Avro type *kind*; return the value that is decoded."""
    properties = {
        "type": "record",
        "name": "Properties",
        "fields": [{"name": "price", "type": kind}],
    }
    event = read(
        record(("properties", properties)), {"type": "track", "properties": {"price": value}}
    )
    decoded = event["properties"]
    return decoded.get("price") if isinstance(decoded, dict) else None
