"""How the data of one writer's schema are read; made once a schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.avro import fast_reader
from consumer.avro.fast_containers import Datum
from consumer.avro.nodes import Node
from consumer.avro.safe_schema import MAX_BRANCHES, Rewriter, fields_of, resolved, unusable
from consumer.avro.schema_text import parsed
from consumer.avro.shapes import AFTER, branches, implied, shape_of
from consumer.avro.values import as_instant, as_is, as_object, as_value
from consumer.core.errors import PoisonError
from consumer.core.model import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.avro.nodes import Schema
    from consumer.avro.safe_schema import Converter
    from consumer.avro.shapes import Shape

INSTANTS: Final = frozenset({"timestamp", "originalTimestamp", "sentAt", "receivedAt"})
OBJECTS: Final = frozenset({"properties", "traits", "context", "integrations"})
EXTRA: Final = "extra"
"""What the canonical schema keeps of a call beside its own fields, as JSON text."""
TEXTS: Final = frozenset(Event.__annotations__) - INSTANTS - OBJECTS - {EXTRA}
FIELDS: Final = INSTANTS | OBJECTS | TEXTS | {EXTRA}

_PURPOSES: Final = (
    dict.fromkeys(INSTANTS, fast_reader.INSTANT)
    | dict.fromkeys(OBJECTS | {EXTRA}, fast_reader.OBJECT)
    | dict.fromkeys(TEXTS, fast_reader.VALUE)
)

ALIASES: Final = {re.sub("([A-Z])", r"_\1", name).lower(): name for name in FIELDS}
"""Segment's spelling in warehouses, `user_id` for `userId`: the aliases of the canonical schema."""

NOTHING: Final[Event] = {"type": "delete"}
"""What a deleted row is read as: a type that Segment does not have, and so ignored."""


class Plan(NamedTuple):
    """How to read the data of one record: by `schema`, then see to the fields that are named."""

    schema: Node
    """What fastavro's reader takes, see `safe_schema`."""
    is_row: bool
    """The event is in `after`, and absent where that is null."""
    ignored: tuple[str, ...]
    """Fields that an event has no place for."""
    objects: tuple[str, ...]
    """Open objects that may come as JSON text."""
    implied: Mapping[str, str]
    """Fields that the record lacks and its name tells."""
    fast: Datum | None
    """The fast way to do all that, where there is one."""


class Plans(NamedTuple):
    """How to read the data of a union: by the plan of the branch that wrote them."""

    branches: tuple[Plan | PoisonError | None, ...]
    """None stands for null, an error for a branch that no event can be read with."""
    fast: Datum | None


def make_plan(schemas: Sequence[str], types: Mapping[str, str] | None = None) -> Plan | Plans:
    """Return the plan for data written with the last of *schemas*, each the text of its JSON.

    Those before it are the schemas that it refers to by name, each after what it refers to itself.
    A record with a field `type` of text is enough, or one whose name tells the type, see `shapes`,
    with *types*. Other fields of a Segment call are taken by their names, in either spelling, and
    unknown ones ignored.

    Raises:
        PoisonError: UNUSABLE_SCHEMA, with what is missing or wrong.
    """
    schema, named = parsed(schemas)
    if isinstance(schema, list):
        return _plans(schema, named, types or {})
    return _plan(schema, named, types or {})


def _plans(union: list[Schema], named: Mapping[str, Schema], types: Mapping[str, str]) -> Plans:
    if len(union) > MAX_BRANCHES:
        raise unusable(f"expected a union of at most {MAX_BRANCHES} types of event, came more")
    found: list[Plan | PoisonError | None] = []
    for branch in union:
        try:
            found.append(None if branch == "null" else _plan(branch, named, types))
        except PoisonError as error:
            found.append(error)
    errors = [it for it in found if isinstance(it, PoisonError)]
    if errors and not any(isinstance(it, Plan) for it in found):
        raise errors[0]
    readers = [it.fast if isinstance(it, Plan) else None for it in found]
    return Plans(tuple(found), fast_reader.of_branches(readers))


def _plan(schema: Schema, named: Mapping[str, Schema], types: Mapping[str, str]) -> Plan:
    record = resolved(schema, named)
    if record["type"] != "record":
        raise unusable("expected a record with the fields of a Segment call, such as `type`")
    shape = shape_of(record, named)
    rewriter = Rewriter(named)
    fields = canonical(shape.record)
    kinds = {name: rewriter.kinds(part) for name, part in fields.items()}
    told = {} if "type" in fields else implied(shape.name, types)
    if not told and not kinds.get("type", set()) & {"string", "enum"}:
        raise unusable(
            "expected a field `type` that is a string or an enum, or a record whose name"
            f" SEG_SCHEMAS__TYPES tells the type of, came none in `{shape.name}`"
        )
    told = {name: it for name, it in told.items() if name not in fields}
    nodes = [rewriter.field(name, part, converter(name)) for name, part in fields.items()]
    row = None if shape.outer is None else _row(rewriter, shape, nodes, named)
    return Plan(
        schema=_envelope(row or nodes),
        is_row=row is not None,
        ignored=tuple(fields.keys() - FIELDS),
        objects=_but(OBJECTS | {EXTRA}, {"null", "map", "record", "fixed"}, kinds),
        implied=told,
        fast=fast_reader.reader(nodes, _PURPOSES, told, row),
    )


def _row(
    rewriter: Rewriter, shape: Shape, nodes: list[Node], named: Mapping[str, Schema]
) -> list[Node]:
    """Return the fields of Debezium's envelope, with the event of *nodes* in `after`."""
    fields: list[Node] = []
    for name, part in fields_of(shape.outer or {}):
        if name != AFTER:
            fields.append(rewriter.field(name, part, as_is))
            continue
        union: Node = {"type": "union"}
        for index, branch in enumerate(branches(part)):
            is_event = resolved(branch, named) is shape.record
            union[index] = _envelope(nodes) if is_event else "null"
        fields.append({"name": name, "type": union if isinstance(part, list) else union[0]})
    return fields


def _envelope(fields: list[Node]) -> Node:
    """Return a record of *fields* that fastavro takes for one that it has parsed itself."""
    return {
        "type": "record",
        "name": "Envelope",
        "fields": fields,
        "__fastavro_parsed": True,
        "__named_schemas": {},
    }


def canonical(record: dict[str, Schema]) -> dict[str, Schema]:
    """Return the types of *record*'s fields by their names in Segment's spelling, in order."""
    fields = fields_of(record)
    names = {name for name, _ in fields}
    return {
        name if ALIASES.get(name, name) in names else ALIASES[name]: schema
        for name, schema in fields
    }


def converter(name: str) -> Converter:
    """Return what says how the values of the field *name* are read."""
    if name in OBJECTS or name == EXTRA:
        return as_object
    if name in INSTANTS:
        return as_instant
    return as_value if name in TEXTS else as_is


def _but(fields: frozenset[str], fine: set[str], kinds: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return those of *fields* that may hold other kinds than the *fine* ones."""
    return tuple(sorted(name for name in fields.intersection(kinds) if kinds[name] - fine))
