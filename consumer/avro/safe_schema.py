"""The writer's schema, rewritten so that hostile or damaged data cannot do harm.

fastavro's compiled reader trusts its schema and its data. Three sorts of datum make it read
nonsense, eat all memory or overrun the C stack, a crash that no `except` sees. So:

- A union becomes a dict of its branches, and an enum's symbols a dict, by their index: a negative
  index is a KeyError. In a list it would pick a branch from the end.
- Types that take no bytes (a bare `null` below the envelope, a record without fields, a fixed of
  size 0) are refused: an array may claim 2**60 of them in ten bytes, n records 2**n.
- A type below MAX_LEVELS others becomes one that raises TOO_DEEP. A schema that holds itself is
  unrolled down to there: ten thousand levels take ten thousand bytes and crash the reader.
- Logical types are replaced by those of `values`, which yield JSON values and milliseconds.

A name becomes the node of the type that it names, one for each level, shared by all who use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from consumer.avro.nodes import FIELD
from consumer.avro.numbers import MAX_SCALE
from consumer.avro.values import TOO_DEEP, as_is, as_value
from consumer.avro.writers import logical_type, scale_of
from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.avro.nodes import Node, Schema

    Converter = Callable[[str, str], str | None]

MAX_LEVELS: Final = 100
"""Types within types that are read: some 30 objects within objects where JSON is modelled in Avro.

fastavro's C stack holds twenty times as many, and so does that of a thread."""

MAX_NODES: Final = 100_000
"""A schema that needs more is refused: no writer's does, and a hostile one eats no memory."""

_SIZES: Final = {"uuid": 16, "duration": 12}
MAX_BRANCHES: Final = 64
"""A union of more types of event is refused: an index of one byte has no more."""

PRIMITIVES: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
)
_CONTAINERS: Final = frozenset({"union", "array", "map", "record"})


def unusable(detail: str) -> PoisonError:
    """Return the error for a schema that no event can be read with."""
    return PoisonError(DeadLetterReason.UNUSABLE_SCHEMA, f"the writer's schema: {detail}")


def resolved(schema: Schema, named: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return *schema* as an object, a name as the type that it has in *named*."""
    if isinstance(schema, str):
        schema = {"type": schema} if schema in PRIMITIVES else named[schema]
    if isinstance(schema, list):
        schema = {"type": "union", "branches": schema}
    return cast("dict[str, Schema]", schema)


class Rewriter:
    """One rewriting; *named* holds the parsed schemas that may be referred to by name."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named
        self._records: dict[tuple[str, Converter, int], Node] = {}
        self._nodes_left = MAX_NODES

    def kinds(self, schema: Schema) -> set[str]:
        """Return the kinds of value that *schema* may yield, such as `{"null", "record"}`."""
        branches = schema if isinstance(schema, list) else [schema]
        return {_kind(resolved(branch, self._named)) for branch in branches}

    def field(self, name: str, schema: Schema, convert: Converter) -> Node:
        """Return the field *name* of the envelope, its values converted by *convert*.

        Raises:
            PoisonError: UNUSABLE_SCHEMA.
        """
        return {"name": name, "type": self._node(schema, convert, name, 1)}

    def _node(self, schema: Schema, convert: Converter, field: str, level: int) -> Node | str:
        """Return the *schema* of *field*, *level* types below the envelope, rewritten."""
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise unusable(f"expected at most {MAX_NODES} types on {MAX_LEVELS} levels, came more")
        schema = resolved(schema, self._named)
        kind = _kind(schema)
        if kind not in _CONTAINERS:
            node = _leaf(schema, kind, convert, field)
            return node if len(node) > 1 else cast("str", node["type"])
        if level > MAX_LEVELS:
            return TOO_DEEP
        key = (cast("str", schema["name"]), convert, level) if kind == "record" else None
        if key in self._records:
            return self._records[key]
        node = _leaf(schema, kind, convert, field)
        if key is not None:
            self._records[key] = node
        self._fill(node, schema, convert, field, level)
        return node

    def _fill(
        self, node: Node, schema: dict[str, Schema], convert: Converter, field: str, level: int
    ) -> None:
        """Put into *node*, made of *schema*, the types that it holds."""
        inner = as_is if convert is as_is else as_value

        def child(part: Schema, field: str) -> Node | str:
            return self._node(_sized(part, field), inner, field, level + 1)

        match node["type"]:
            case "union":
                for index, branch in enumerate(cast("list[Schema]", schema["branches"])):
                    node[index] = self._node(branch, convert, field, level + 1)
            case "array":
                node["items"] = child(schema["items"], field)
            case "map":
                node["values"] = child(schema["values"], field)
            case _:
                fields = fields_of(schema)
                node["fields"] = [
                    {"name": name, "type": child(part, name)} for name, part in fields
                ]


def fields_of(record: dict[str, Schema]) -> list[tuple[str, Schema]]:
    """Return the name and the type of each field of *record*.

    Raises:
        PoisonError: UNUSABLE_SCHEMA where it has none, two of a name, or a name that is no text.
    """
    every = cast("list[dict[str, Schema]]", record["fields"])
    fields = [(field["name"], field["type"]) for field in every]
    names = {name for name, _ in fields if isinstance(name, str)}
    if not fields or len(names) < len(fields):
        raise unusable("expected a record to have fields, each with a name of its own")
    return cast("list[tuple[str, Schema]]", fields)


def _kind(schema: Schema) -> str:
    kind = cast("dict[str, str]", schema)["type"]
    return "record" if kind == "error" else kind


def _sized(schema: Schema, field: str) -> Schema:
    if schema == "null" or (isinstance(schema, dict) and schema["type"] == "null"):
        raise unusable(f"{field}: expected null only within a union, came a bare null")
    return schema


def _leaf(schema: dict[str, Schema], kind: str, convert: Converter, field: str) -> Node:
    """Return *schema* rewritten, without the types that it holds."""
    node: Node = {"type": kind}
    logical = logical_type(schema)
    if kind == "string" and convert is as_is:
        node["type"] = kind = "bytes"  # nobody reads it, so it may be no text
    if kind == "enum":
        node["symbols"] = dict(enumerate(cast("list[str]", schema["symbols"])))
    if kind == "fixed":
        node["size"] = size = schema["size"]
        if not isinstance(size, int) or size < 1:
            raise unusable(f"{field}: expected a fixed of 1 byte or more")
        if size != _SIZES.get(logical or "", size):
            logical = None  # as Avro says of a logical type that does not fit
    if logical == "decimal":
        node["scale"] = scale = scale_of(schema)
        if not isinstance(scale, int) or not 0 <= scale <= MAX_SCALE:
            raise unusable(f"{field}: expected a decimal with a scale of 0 to {MAX_SCALE}")
    known = None if logical is None else convert(kind, logical)
    if name := known or convert(kind, ""):
        node |= {"logicalType": name, FIELD: field}
    return node
