"""Schemas that change: one decoder reads what was written before and after."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from fastavro import parse_schema, schemaless_writer

from consumer.avro import framing
from consumer.avro.compatibility import check, readable
from consumer.avro.conversation import Access
from consumer.avro.registry import Registry
from consumer.core.timing import SystemClock
from consumer.program.reading import decoder_of
from consumer.settings import SchemasSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.core.model import Event
    from tests.registry.backends import Backend

# The limit is the test's: the first start of the registry may have to fetch it.
pytestmark = pytest.mark.timeout(60, func_only=True)

Field = dict[str, object]

TYPE: Field = {"name": "type", "type": "string"}
USER: Field = {"name": "userId", "type": ["null", "string"], "default": None}
TIME: Field = {"name": "timestamp", "type": "int"}
OPEN: Field = {"name": "properties", "type": {"type": "map", "values": ["null", "long", "string"]}}
BEFORE = (TYPE, USER, TIME, OPEN)

DATUM: dict[str, object] = {
    "type": "track",
    "userId": "u-1",
    "timestamp": 1_000,
    "properties": {"price": 19, "name": "Monopoly"},
}

CHANGES: dict[str, tuple[Sequence[Field], Mapping[str, object], Mapping[str, object]]] = {
    "a field of ours is added": (
        [*BEFORE, {"name": "event", "type": "string", "default": ""}],
        DATUM | {"event": "Viewed Product"},
        DATUM | {"event": "Viewed Product"},
    ),
    "a field of nobody is added": (
        [{"name": "tenant", "type": "int", "default": 0}, *BEFORE],
        DATUM | {"tenant": 7},
        DATUM,
    ),
    "a field is removed": (
        [TYPE, TIME, OPEN],
        DATUM,
        {name: value for name, value in DATUM.items() if name != "userId"},
    ),
    "a field is renamed by an alias": (
        [TYPE, {"name": "user_id", "type": "string", "aliases": ["userId"]}, TIME, OPEN],
        DATUM | {"user_id": "u-2"},
        DATUM | {"userId": "u-2"},
    ),
    "fields are reordered": ([OPEN, TIME, USER, TYPE], DATUM, DATUM),
    "a type is widened": (
        [TYPE, USER, TIME | {"type": "long"}, OPEN],
        DATUM | {"timestamp": 1_764_000_000_000},
        DATUM | {"timestamp": 1_764_000_000_000},
    ),
    "a union is reordered": (
        [
            TYPE,
            {"name": "userId", "type": ["string", "null"], "default": ""},
            TIME,
            {"name": "properties", "type": {"type": "map", "values": ["string", "null", "long"]}},
        ],
        DATUM,
        DATUM,
    ),
}
"""What is written after the change, with which fields, and what is read."""


def schema_of(fields: Sequence[Field]) -> str:
    """Return the schema of a record of *fields*."""
    return json.dumps({"type": "record", "name": "Call", "fields": list(fields)})


def written(schema: str, schema_id: int, datum: Mapping[str, object]) -> bytes:
    """Return *datum* in Confluent's framing."""
    buffer = io.BytesIO()
    buffer.write(framing.confluent(schema_id))
    schemaless_writer(buffer, parse_schema(json.loads(schema)), dict(datum))
    return buffer.getvalue()


@pytest.mark.parametrize("change", CHANGES)
def test_both_are_read(backend: Backend, subject: str, change: str) -> None:
    """A record of the old schema and one of the new, by the same decoder, after each other."""
    fields, datum, expected = CHANGES[change]
    registry = Registry(Access(url=backend.url), SystemClock())
    decode = decoder_of(SchemasSettings(), registry)

    events: list[Event] = []
    for schema, given in ((schema_of(BEFORE), DATUM), (schema_of(fields), datum)):
        schema_id = registry.register(subject, schema)
        events.append(decode(written(schema, schema_id, given)))

    assert events == [DATUM, expected]


@pytest.mark.parametrize("change", CHANGES)
def test_the_check_says_so_before(change: str) -> None:
    """`schemas check` finds nothing wrong with any of these changes."""
    assert readable(check([schema_of(CHANGES[change][0])]))
