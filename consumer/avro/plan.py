"""How the data of one writer's schema are read; made once a schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson
from fastavro import parse_schema

from consumer.avro import fast_code, fast_reader
from consumer.avro.safe_schema import Rewriter, fields_of, unusable
from consumer.avro.values import as_instant, as_is, as_object, as_value
from consumer.core.model import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastavro.types import NamedSchemas

    from consumer.avro.fast_reader import FastReader
    from consumer.avro.safe_schema import Converter, Schema

INSTANTS: Final = frozenset({"timestamp", "originalTimestamp", "sentAt", "receivedAt"})
OBJECTS: Final = frozenset({"properties", "traits", "context", "integrations"})
TEXTS: Final = frozenset(Event.__annotations__) - INSTANTS - OBJECTS
FIELDS: Final = INSTANTS | OBJECTS | TEXTS

_PURPOSES: Final = (
    dict.fromkeys(INSTANTS, fast_code.INSTANT)
    | dict.fromkeys(OBJECTS, fast_code.OBJECT)
    | dict.fromkeys(TEXTS, fast_code.TEXT)
)

ALIASES: Final = {re.sub("([A-Z])", r"_\1", name).lower(): name for name in FIELDS}
"""Segment's spelling in warehouses, `user_id` for `userId`: the aliases of the canonical schema."""


class Plan(NamedTuple):
    """How to read one writer's data: by `schema`, then see to the fields that are named."""

    schema: dict[str, object]
    """What fastavro's reader takes, see `safe_schema`."""
    ignored: tuple[str, ...]
    """Fields that an event has no place for."""
    objects: tuple[str, ...]
    """Open objects that may come as JSON text."""
    texts: tuple[str, ...]
    """Text fields that may come as something else."""
    instants: tuple[str, ...]
    """Timestamps that may come as neither a number nor text."""
    flat: FastReader | None
    """The fast way to do all that, where there is one."""


def make_plan(schemas: Sequence[str]) -> Plan:
    """Return the plan for data written with the last of *schemas*, each the text of its JSON.

    Those before it are the schemas that it refers to by name, each after what it refers to itself.
    A record with a field `type` of text is enough; other fields of a Segment call are taken by
    their names, in either spelling, and unknown ones ignored.

    Raises:
        PoisonError: UNUSABLE_SCHEMA, with what is missing or wrong.
    """
    record, named = parsed(schemas)
    rewriter = Rewriter(named)
    fields = canonical(fields_of(record))
    kinds = {name: rewriter.kinds(part) for name, part in fields.items()}
    if not kinds.get("type", set()) & {"string", "enum"}:
        raise unusable("expected a field `type` that is a string or an enum, came none")
    nodes = [rewriter.field(name, part, converter(name)) for name, part in fields.items()]
    return Plan(
        schema={
            "type": "record",
            "name": "Envelope",
            "fields": nodes,
            "__fastavro_parsed": True,
            "__named_schemas": {},
        },
        ignored=tuple(fields.keys() - FIELDS),
        objects=_but(OBJECTS, {"null", "map", "record"}, kinds),
        texts=_but(TEXTS, {"null", "string", "enum", "bytes", "fixed"}, kinds),
        instants=_but(INSTANTS, {"null", "string", "int", "long"}, kinds),
        flat=fast_reader.reader(nodes, _PURPOSES),
    )


def parsed(schemas: Sequence[str]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the last of *schemas*, and every named type in them by its full name.

    Raises:
        PoisonError: UNUSABLE_SCHEMA where one is no schema, or the last no record.
    """
    named: dict[str, Schema] = {}
    schema: Schema = ""
    for text in schemas:
        schema = _parse(text, named)
    if not isinstance(schema, dict) or schema["type"] != "record":
        raise unusable("expected a record with the fields of a Segment call, such as `type`")
    return schema, named


def _parse(text: str, named: dict[str, Schema]) -> Schema:
    try:
        schema = orjson.loads(text)
        if isinstance(schema, dict):
            schema.pop("__fastavro_parsed", None)  # would make fastavro take it unlooked
        # A writer's defaults say nothing of its data, and fastavro refuses some that Java takes.
        known = cast("NamedSchemas", named)
        return cast("Schema", parse_schema(schema, known, _ignore_default_error=True))
    except Exception as error:  # noqa: BLE001 - whatever a broken schema makes fastavro trip over
        detail = f"expected a schema of Avro, came one that raises {type(error).__name__}"
        raise unusable(detail) from None


def canonical(fields: Sequence[tuple[str, Schema]]) -> dict[str, Schema]:
    """Return the types of *fields* by their names in Segment's spelling, in the same order."""
    names = {name for name, _ in fields}
    return {
        name if ALIASES.get(name, name) in names else ALIASES[name]: schema
        for name, schema in fields
    }


def converter(name: str) -> Converter:
    """Return what says how the values of the field *name* are read."""
    if name in OBJECTS:
        return as_object
    if name in INSTANTS:
        return as_instant
    return as_value if name in TEXTS else as_is


def _but(fields: frozenset[str], fine: set[str], kinds: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return those of *fields* that may hold other kinds than the *fine* ones."""
    return tuple(sorted(name for name in fields & kinds.keys() if kinds[name] - fine))
