"""From the texts of schemas to what fastavro parsed, or to what is wrong with them in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import orjson
from fastavro import parse_schema

from consumer.avro.safe_schema import MAX_LEVELS, PRIMITIVES, resolved, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastavro.types import NamedSchemas

    from consumer.avro.nodes import Schema

_WORDS: Final = frozenset({"record", "enum", "array", "map", "fixed", "error", "union"})
"""Words that begin a type and are none by themselves."""


def parsed(
    schemas: Sequence[str],
) -> tuple[dict[str, Schema] | list[Schema], dict[str, Schema]]:
    """Return the last of *schemas*, and every named type in them by its full name.

    Raises:
        PoisonError: UNUSABLE_SCHEMA where one is no schema, or the last neither a record nor a
            union.
    """
    named: dict[str, Schema] = {}
    schema: Schema = ""
    for text in schemas:
        schema = _parse(text, named)
    if isinstance(schema, list):
        return schema, named
    record = resolved(schema, named)
    if record["type"] != "record":
        raise unusable("expected a record with the fields of a Segment call, such as `type`")
    return record, named


def _parse(text: str, named: dict[str, Schema]) -> Schema:
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise unusable(
            f"expected a schema of Avro as JSON: {error.msg} at line {error.lineno}"
        ) from None
    try:
        if isinstance(schema, dict):
            schema.pop("__fastavro_parsed", None)  # would make fastavro take it unlooked
        # A writer's defaults say nothing of its data, and fastavro refuses some that Java takes.
        known = cast("NamedSchemas", named)
        return cast("Schema", parse_schema(schema, known, _ignore_default_error=True))
    except Exception as error:  # noqa: BLE001 - whatever a broken schema makes fastavro trip over
        fault = f"expected a schema of Avro, came one that raises {type(error).__name__}"
        raise unusable(next(_faults(schema, "", set(named)), fault)) from None


def _faults(schema: object, field: str, names: set[str], level: int = 0) -> Iterator[str]:
    """Yield what is wrong with the types in *schema*, the type of *field*, found from the top."""
    match schema:
        case _ if level > MAX_LEVELS:
            return
        case str():
            if schema not in PRIMITIVES and schema not in names:
                yield _no_type(schema, field)
        case list():
            for branch in schema:
                yield from _faults(branch, field, names, level + 1)
        case {"type": "record" | "error", "fields": list(fields), **rest}:
            names |= _names_of(rest)
            yield from _faults_of_fields(fields, field, names, level)
        case {"type": "enum" | "fixed", **rest}:
            names |= _names_of(rest)
        case {"type": "array", "items": part} | {"type": "map", "values": part} | {"type": part}:
            yield from _faults(part, field, names, level + 1)
        case _:
            yield f"{field or 'the schema'}: expected a type"


def _faults_of_fields(
    fields: list[object], place: str, names: set[str], level: int
) -> Iterator[str]:
    for field in fields:
        match field:
            case {"name": str(name), "type": kind}:
                yield from _faults(kind, name, names, level + 1)
            case _:
                yield f"{place or 'the record'}: expected fields with a name and a type"


def _names_of(schema: dict[object, object]) -> set[str]:
    """Return the names by which the type *schema* may be called; its namespace may be another's."""
    name = str(schema.get("name"))
    return {name, name.rpartition(".")[2], f"{schema.get('namespace')}.{name}"}


def _no_type(word: str, field: str) -> str:
    place = field or "the schema"
    if word in _WORDS:
        return (
            f"{place}: expected a type, came the word `{word}`: write"
            f' "type": {{"type": "{word}", ...}} around what belongs to it'
        )
    return f"{place}: expected a type, came `{word}`, which is none of Avro's and not defined"
