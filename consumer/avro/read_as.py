"""In words, how a type of the writer's is read: for `schemas check`.

The words of a type are those of `values`; a field of the envelope takes fewer, and what it does not
take is left out of the event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.avro.plan import INSTANTS, OBJECTS
from consumer.avro.safe_schema import fields_of, resolved
from consumer.avro.shapes import branches
from consumer.avro.writers import logical_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumer.avro.nodes import Schema

_WORDS: Final = {
    "boolean": "true or false",
    "int": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "bytes": "text, or base64 where it is none",
    "string": "text",
    "enum": "text",
    "fixed": "hexadecimal text",
    "bytes decimal": "a number, or its digits as text",
    "fixed decimal": "a number, or its digits as text",
    "bytes big-decimal": "a number, or its digits as text",
    "fixed uuid": "a UUID",
    "fixed duration": "a duration such as P1M2DT3.004S",
    "int date": "a date",
    **dict.fromkeys(("int time-millis", "long time-micros", "long time-nanos"), "a time of day"),
    **{f"long timestamp-{unit}": "a time in UTC" for unit in ("millis", "micros", "nanos")},
    **{f"long local-timestamp-{unit}": "a local time" for unit in ("millis", "micros", "nanos")},
}
_AS_INSTANT: Final = {
    "string": "a time as text, or as digits",
    **dict.fromkeys(("int", "long", "float", "double"), "milliseconds, or a unit by its digits"),
    "int date": "the date's midnight",
    **{key: "milliseconds" for key in _WORDS if key.startswith("long ") and "stamp" in key},
}
_AS_OBJECT: Final = {"string": "the JSON text of an object", "bytes": "the JSON text of an object"}
_AS_TEXT: Final = _WORDS | dict.fromkeys(("int", "long", "float", "double"), "its digits as text")
_NO_TEXT: Final = frozenset({"boolean", "array", "map", "record"})
_DEPTH: Final = 4
"""Types within types that are told of; one that holds itself would have no end."""


def of_field(name: str, schema: Schema, named: Mapping[str, Schema]) -> tuple[list[str], list[str]]:
    """Return how the field *name* of the envelope is read, a text a branch, and what it leaves out.

    The second list has the types of the branches that an event cannot hold there.
    """
    known: list[str] = []
    unfit: list[str] = []
    for branch in branches(schema):
        part = resolved(branch, named)
        kind = str(part["type"])
        words = _of_branch(name, part, named)
        if words is None:
            unfit.append(kind)
        elif kind != "null" and words not in known:
            known.append(words)
    return known, unfit


def _of_branch(name: str, part: dict[str, Schema], named: Mapping[str, Schema]) -> str | None:
    key = _key(part)
    if key == "null":
        return ""
    if name in INSTANTS:
        return _AS_INSTANT.get(key)
    if name in OBJECTS:
        return _AS_OBJECT.get(key) or (of_value(part, named) if key in {"map", "record"} else None)
    return None if part["type"] in _NO_TEXT else _AS_TEXT[key]


def of_value(schema: Schema, named: Mapping[str, Schema], level: int = 0) -> str:
    """Return how a value within an open object is read."""
    parts = [resolved(branch, named) for branch in branches(schema)]
    words = [_of_part(part, named, level) for part in parts if part["type"] != "null"]
    return " or ".join(dict.fromkeys(words)) or "nothing"


def _of_part(part: dict[str, Schema], named: Mapping[str, Schema], level: int) -> str:
    if level > _DEPTH:
        return "..."
    match part["type"]:
        case "array":
            return f"a list of {of_value(part['items'], named, level + 1)}"
        case "map":
            return f"an object of {of_value(part['values'], named, level + 1)}"
        case "record" | "error":
            return "an object"
        case _:
            return _WORDS[_key(part)]


def _key(part: dict[str, Schema]) -> str:
    """Return the key of *part* in the tables: its type, and its logical type where that counts."""
    kind = str(part["type"])
    kind = "record" if kind == "error" else kind
    key = f"{kind} {logical_type(part)}"
    return key if key in _WORDS else kind


def within(
    place: str, schema: Schema, named: Mapping[str, Schema], level: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield each field of the records in *schema*, which stands at *place*, and how it is read."""
    for branch in branches(schema):
        part = resolved(branch, named)
        match part["type"]:
            case "array" if level < _DEPTH:
                yield from within(f"{place}[]", part["items"], named, level + 1)
            case "record" | "error" if level < _DEPTH:
                for name, kind in fields_of(part):
                    inner = f"{place}.{name}"
                    yield inner, of_value(kind, named)
                    yield from within(inner, kind, named, level + 1)
