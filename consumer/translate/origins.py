"""Which source each key of an object comes from: a table's way with it, told step by step.

`mapping` rewrites the object, here it is asked what it did: by its slow way, which is its own for
whatever cannot be read at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.translate.body import is_nothing
from consumer.translate.lists import objects_in
from consumer.translate.mapping import pass_on, split_carefully

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object, Value
    from consumer.translate.mapping import Careful
    from consumer.translate.rows import Table


class Made(NamedTuple):
    """One value that Seg is sent, and where it comes from."""

    key: str
    """Where it stands in the call: `properties.OrderLines[0].Price`."""
    sources: tuple[str, ...]
    """Where it stood in the Segment call: `properties.products[2].price`; several where a row
    gathers them, none for a default, `tables.RECORD_TIMESTAMP` for the Kafka record's time."""
    row: str | None
    """The `key` of its row in `tables.rows()`, such as `properties.OrderLines[].Price`; `event`
    for the table of events; None for what is passed on under its own name."""


class Place(NamedTuple):
    """One object: where it is sent, where it stood, and how its rows' keys begin."""

    target: str
    source: str
    row: str


def rewritten(table: Table, source: Object, place: Place) -> Iterator[Made]:
    """Say where each key of *source* comes from, once *table* has rewritten it."""
    careful = split_carefully(table, source, [])
    yield from found_in(table, careful, source, place)
    yield from passed_on(table, careful.rest, careful.found, place, careful)


def found_in(table: Table, careful: Careful, source: Object, place: Place) -> Iterator[Made]:
    """Say where each key comes from that a row of *table* made."""
    for key in careful.found:
        names = careful.origins.get(key, ())
        sources = tuple(f"{place.source}.{name}" for name in names)
        row = f"{place.row}.{key}" if key in table.keys else None
        if key in table.tables:
            inside = Place(f"{place.target}.{key}", sources[0], f"{place.row}.{key}")
            yield from lines(table.tables[key], source[names[0]], inside)
        else:
            yield Made(f"{place.target}.{key}", sources, row)


def lines(table: Table, value: Value, place: Place) -> Iterator[Made]:
    """Say where each key comes from of the objects in *value*, whichever form of list it is."""
    found = objects(value, place.source)
    if not found:
        yield Made(place.target, (place.source,), place.row)
    for number, (where, line) in enumerate(found):
        inside = Place(f"{place.target}[{number}]", where, f"{place.row}[]")
        yield from rewritten(table, line, inside)


def objects(value: Value, place: str) -> list[tuple[str, Object]]:
    """Return the objects in *value*, a list in whichever form, each with its path."""
    found: list[tuple[str, Object]] = []
    for at, element in objects_in(value):
        if isinstance(element, dict):
            inside = f"{place}.{at}" if isinstance(value, dict) else f"{place}[{at}]"
            found.append((place if element is value else inside, element))
    return found


def passed_on(
    table: Table, rest: Object, into: Object, place: Place, careful: Careful | None = None
) -> Iterator[Made]:
    """Pass *rest* on as the translation does, and say what each of it is called then."""
    renamed = {} if careful is None else careful.origins
    kept = [it for it, value in rest.items() if not (value is None and table.knows(it))]
    before = len(into)
    pass_on(table, rest, into)
    for key, name in zip([*into][before:], kept, strict=True):
        (own,) = renamed.get(name, (name,))
        if not is_nothing(rest[name]):
            yield Made(f"{place.target}.{key}", (f"{place.source}.{own}",), None)


def as_they_are(place: str, values: Object) -> Iterator[Made]:
    """Say that *values*, an object that no table rewrites, are passed on."""
    for name, value in values.items():
        if not is_nothing(value):
            yield same(f"{place}.{name}")


def same(place: str) -> Made:
    """Say that what stands at *place* stood there before."""
    return Made(place, (place,), None)
