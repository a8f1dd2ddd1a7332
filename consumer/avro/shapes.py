"""Where the events are in a writer's schema, and what the name of a record says of them.

    a record                      each datum is an event
    a union of records            several types of event in one topic, each with a record of its own
    an envelope of Debezium's     the event is in `after`, the row as it is now

A record without a field `type` says by its name what it is: `Identify`, `order_completed`. Null in
a union, and an envelope without `after`, are a row that was deleted.

Sources: Confluent, "Putting Several Event Types in the Same Topic"; Debezium, "Change events".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.avro.nodes import Schema
from consumer.avro.safe_schema import fields_of, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping


TYPES: Final = frozenset({"alias", "group", "identify", "page", "screen", "track"})
"""Segment's types of call."""

AFTER: Final = "after"
_DEBEZIUM: Final = frozenset({AFTER, "op"})


class Shape(NamedTuple):
    """A record that is an event, or has one in it."""

    record: dict[str, Schema]
    """The event's own."""
    outer: dict[str, Schema] | None
    """The envelope of Debezium's around it; None where there is none."""

    @property
    def name(self) -> str:
        """The record's name without its namespace; of a row the table's, for all are `Value`."""
        *namespace, name = str(self.record["name"]).split(".")
        return name if self.outer is None or not namespace else namespace[-1]


def shape_of(record: dict[str, Schema], named: Mapping[str, Schema]) -> Shape:
    """Return where the event is in *record*."""
    fields = dict(fields_of(record))
    if "type" not in fields and fields.keys() >= _DEBEZIUM:
        rows = [it for it in branches(fields[AFTER]) if it != "null"]
        if len(rows) == 1 and (row := resolved(rows[0], named))["type"] == "record":
            return Shape(row, record)
    return Shape(record, None)


def branches(schema: Schema) -> list[Schema]:
    """Return the types that a value of *schema* may have: those of a union, else itself."""
    return schema if isinstance(schema, list) else [schema]


def implied(name: str, types: Mapping[str, str]) -> dict[str, str]:
    """Return what a record's *name* says of an event; empty where it says nothing.

    *types* has, by the names of records, a type of Segment's or the name of a track event. Case,
    underscores and spaces do not count.
    """
    meant = {_bare(known): it for known, it in (*zip(TYPES, TYPES, strict=True), *types.items())}
    it = meant.get(_bare(name))
    if it is None:
        return {}
    return {"type": it} if it in TYPES else {"type": "track", "event": it}


def _bare(name: str) -> str:
    return name.replace("_", "").replace(" ", "").casefold()
