"""A reader made once a schema: what most writers' data take a fraction of the time with.

fastavro asks the schema anew for each datum. Here a tree of `fast_kinds` and
`fast_containers` is made of it, and walked.

Such a reader is right or raises. What is unusual in a datum (a number that is no time of our days,
an index in two bytes, an empty JSON text), and what is wrong with one, it leaves to the careful
reader in `decoder`, which has the words for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from fastavro.read import LOGICAL_READERS

from consumer.avro import fast_containers as containers
from consumer.avro import fast_kinds as kinds
from consumer.avro.safe_schema import MAX_BRANCHES
from consumer.avro.shapes import AFTER
from consumer.core.errors import PoisonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.avro.nodes import Node

UNUSUAL: Final = (IndexError, KeyError, ValueError, struct.error, PoisonError)
"""What a fast reader raises for a datum that it leaves to the careful one."""

Reads: TypeAlias = "Mapping[str, kinds.Kind]"
"""How each type without details is read, by its name or by `type logical-type`."""

VALUE: Final[Reads] = {
    "null": kinds.Null(),
    "boolean": kinds.Boolean(),
    "int": kinds.Long(),
    "long": kinds.Long(),
    "float": kinds.Float(),
    "double": kinds.Double(),
    "double seg-value-": kinds.Finite(),
    "string": kinds.Text(),
    "bytes": kinds.Bytes(),
    "bytes seg-value-": kinds.Text(),
}
OBJECT: Final[Reads] = {**VALUE, "bytes": kinds.JsonObject(), "string": kinds.JsonObject()}
INSTANT: Final[Reads] = {
    **VALUE,
    "long": kinds.Instant(),
    "long seg-instant-timestamp-millis": kinds.Instant(),
    "long seg-instant-local-timestamp-millis": kinds.Instant(),
}
IGNORED: Final[Reads] = {**VALUE, "int": kinds.PassedOver()}

MAX_TYPES: Final = 1_000
MAX_LEVELS: Final = 32
"""Each is a call within a call."""


class NotFastError(Exception):
    """The schema has what only the careful reader reads."""


def reader(
    fields: Sequence[Node],
    purposes: Mapping[str, Reads],
    implied: Mapping[str, str],
    row: Sequence[Node] | None,
) -> containers.Datum | None:
    """Return the reader of an event with *fields*, as `safe_schema` made them.

    None where they have what only the careful reader reads. *purposes* tells how a field's values
    are read; those of a field that it does not name are passed over. *implied* is put in. *row* is
    the envelope of Debezium's around it, where there is one.
    """
    maker = _Maker()
    try:
        made = [maker.field(field, purposes.get(_name(field), IGNORED)) for field in fields]
        event = containers.Envelope(made, set(purposes), dict(implied))
        return containers.Datum(event if row is None else maker.row(row, event))
    except NotFastError:
        return None


def of_branches(readers: Sequence[containers.Datum | None]) -> containers.Datum:
    """Return the reader of a union with *readers* for its branches."""
    return containers.Datum(containers.Union([None if it is None else it.kind for it in readers]))


class _Maker:
    """Makes the types of one reader."""

    def __init__(self) -> None:
        self._types = 0

    def field(self, node: Node, reads: Reads, level: int = 1) -> containers.Field:
        return containers.Field(_name(node), self._kind(_type(node), reads, level))

    def row(self, fields: Sequence[Node], event: containers.Envelope) -> containers.Row:
        """Return the row with *fields*, of which one is the *event*."""
        made: list[kinds.Kind] = []
        after = 0
        for number, field in enumerate(fields):
            kind = _type(field)
            if _name(field) != AFTER:
                made.append(self._kind(kind, IGNORED, 1))
                continue
            after = number
            if isinstance(kind, dict) and kind["type"] == "union":
                branches: list[kinds.Kind | None] = [
                    None if it == "null" else event for it in _branches(kind)
                ]
                made.append(containers.Union(branches))
            else:
                made.append(event)
        return containers.Row(made, after)

    def _kind(self, node: Node | str, reads: Reads, level: int) -> kinds.Kind:
        """Return the type *node*, its data read by *reads*.

        Raises:
            NotFastError: for a type that *reads* does not have, or too many types.
        """
        self._types += 1
        if self._types > MAX_TYPES or level > MAX_LEVELS:
            raise NotFastError
        if isinstance(node, str):
            node = {"type": node}
        match node["type"]:
            case "union":
                branches = _branches(node)
                if len(branches) > MAX_BRANCHES:
                    raise NotFastError
                return containers.Union([self._kind(it, reads, level + 1) for it in branches])
            case "record":
                fields = cast("Sequence[Node]", node["fields"])
                return containers.Record([self.field(field, VALUE, level + 1) for field in fields])
            case "map":
                return containers.Map(self._kind(_type(node, "values"), VALUE, level + 1))
            case "array":
                return containers.Array(self._kind(_type(node, "items"), VALUE, level + 1))
            case _:
                return _leaf(node, reads)


def _leaf(node: Node, reads: Reads) -> kinds.Kind:
    kind = cast("str", node["type"])
    logical = cast("str | None", node.get("logicalType"))
    if kind == "enum":
        every = cast("dict[int, str]", node["symbols"])
        return kinds.Symbol([every[index] for index in range(len(every))])
    if kind == "fixed" and reads is OBJECT:
        raise NotFastError  # no object at all
    if kind == "fixed" and logical is None:
        return kinds.Fixed(cast("int", node["size"]))
    if kind == "bytes" and logical == "seg-value-decimal":
        return kinds.Decimal(cast("int", node["scale"]))
    known = reads.get(kind if logical is None else f"{kind} {logical}")
    if known is not None:
        return known
    if logical is None or kind not in _CONVERTED:
        raise NotFastError
    raw = kinds.Fixed(cast("int", node["size"])) if kind == "fixed" else VALUE[kind]
    return kinds.Converted(raw, LOGICAL_READERS[f"{kind}-{logical}"], node)


_CONVERTED: Final = frozenset({"int", "long", "float", "bytes", "fixed"})
"""What functions of `values` convert."""


def _name(field: Node) -> str:
    return cast("str", field["name"])


def _type(node: Node, key: str | int = "type") -> Node | str:
    return cast("Node | str", node[key])


def _branches(union: Node) -> list[Node | str]:
    """Return the types of *union*, which `safe_schema` keeps by their index."""
    return [_type(union, index) for index in range(len(union) - 1)]
