"""How a table rewrites an object in Seg's words: the whole interpreter.

    {"id": "7", "sku": "A-1", "product_id": "8", "colour": "red"}
    -> {"Id": "7", "Sku": "A-1", "product_id": "8", "colour": "red"}

Of a row's sources the first that is present and not null wins; 0, "" and false are present.
The winner is sent under Seg's name and not again under its own. What no row took, be it unknown
or the loser among two sources, goes on under its own name: nothing is lost. A known name
that holds null is absent and left out; an unknown one is passed on, null or not.

Seg's own spelling is the last source of every row, so that a sender who writes `Brands` is
understood as well. Where a name that is passed on is taken already (`Id`, sent beside `id`), the
row's value keeps the name and the other one gets an underscore at its end: `Id_`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from consumer.core.errors import DeadLetterReason
from consumer.translate.plans import Plans
from consumer.translate.readers import BadValueError, gather, unlike

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Event, Object, Value
    from consumer.translate.plans import Names
    from consumer.translate.readers import Reader

Fill: TypeAlias = "Callable[[Object, Event], None]"
"""Adds what a call of one kind holds to the object that is sent."""
Path: TypeAlias = tuple[str, ...]
"""The names that lead to a value: `address.country` is `("address", "country")`."""


class Row(NamedTuple):
    """One key of Seg's: the first source that is present wins, and *read* takes it over."""

    key: str
    read: Reader
    sources: tuple[str, ...]
    """Names, nearest first; a name with dots is looked up in the objects inside and stays there."""


class Merged(NamedTuple):
    """One key of Seg's that lists the texts of all its sources, in order, no doubles."""

    key: str
    sources: tuple[str, ...]


class Table:
    """The rows for one kind of object, prepared once for `split`.

    *defaults* are sent where no source of their row is present.
    """

    def __init__(
        self, rows: tuple[Row, ...], merged: tuple[Merged, ...] = (), defaults: Object | None = None
    ) -> None:
        self.rows: Final = rows
        self.merged: Final = merged
        self.defaults: Final = tuple((defaults or {}).items())
        self.nested: Final = tuple(
            (row.key, row.read, path(name)) for row in rows for name in row.sources if "." in name
        )
        self.names: Final = frozenset(
            name for names in (*map(_names, rows), *map(_names, merged)) for name in names
        )
        """Every name that a row looks for at the top."""
        self.plans: Final = Plans(
            tuple((row.key, row.read, _names(row)) for row in rows),
            tuple((row.key, _names(row)) for row in merged),
        )


def _names(row: Row | Merged) -> Names:
    return (*(name for name in row.sources if "." not in name and name != row.key), row.key)


def path(dotted: str) -> Path:
    """Return the way that *dotted* spells: `context.page.url` has three steps."""
    return tuple(dotted.split("."))


def dig(source: Object, way: Path) -> Value:
    """Return what stands at *way* inside *source*; None where a step is missing or no object."""
    found: Value = source
    for name in way:
        if type(found) is not dict:
            return None
        found = found.get(name)
    return found


def split(table: Table, source: Object) -> tuple[Object, Object]:
    """Return what the rows make of *source*, and what no row took.

    Raises:
        BadValueError: what won a row is not what the row accepts.
    """
    winners, unions, rest = table.plans[tuple(source)]
    found: Object = {}
    for key, name, as_it_is, read in winners:
        value = source[name]
        if type(value) in as_it_is:
            found[key] = value
        elif value is None:
            return split(table, _without_nulls(table, source))
        else:
            try:
                found[key] = read(value)
            except BadValueError as error:
                raise error.within(name) from None
    if table.nested:
        _look_inside(table, source, found)
    if unions:
        _unite(unions, source, found)
    for key, value in table.defaults:
        if key not in found:
            found[key] = value
    return found, {name: source[name] for name in rest} if rest else {}


def _without_nulls(table: Table, source: Object) -> Object:
    """Return *source* without the known names that hold null: those count as absent."""
    known = table.names
    return {name: value for name, value in source.items() if value is not None or name not in known}


def _look_inside(table: Table, source: Object, found: Object) -> None:
    """Try the sources with dots, for the keys that have no nearer one; they stay where they are."""
    for key, read, way in table.nested:
        value = None if key in found else dig(source, way)
        if value is not None:
            try:
                found[key] = read(value)
            except BadValueError as error:
                raise error.within(".".join(way)) from None


def _unite(unions: tuple[tuple[str, Names], ...], source: Object, found: Object) -> None:
    """Add the texts of all the sources of each merged key to *found*."""
    name = ""
    try:
        for key, names in unions:
            texts: dict[Value, None] | None = None
            for name in names:
                value = source[name]
                if value is not None:
                    if texts is None:
                        texts = {}
                    gather(value, texts)
            if texts is not None:
                found[key] = [*texts]
    except BadValueError as error:
        raise error.within(name) from None


def pass_on(table: Table, rest: Object, into: Object) -> None:
    """Put what no row took *into* the object that is sent, under its own names."""
    for name, value in rest.items():
        if value is None and name in table.names:
            continue
        free = name
        while free in into or (free != name and free in rest):
            free += "_"
        into[free] = value


def rewrite(table: Table, source: Object) -> Object:
    """Return *source* in Seg's words, with all that no row took.

    Raises:
        BadValueError: what won a row is not what the row accepts.
    """
    found, rest = split(table, source)
    if rest:
        pass_on(table, rest, found)
    return found


def each(table: Table) -> Reader:
    """Return the reader of a list of objects, each rewritten by *table*."""

    def read(value: Value) -> Value:
        if not isinstance(value, list):
            raise BadValueError(DeadLetterReason.BAD_PROPERTY, unlike("a list of objects", value))
        return [_element(table, position, element) for position, element in enumerate(value)]

    return read


def _element(table: Table, position: int, element: Value) -> Value:
    if not isinstance(element, dict):
        problem = unlike("an object", element)
        raise BadValueError(DeadLetterReason.BAD_PROPERTY, problem).within(f"[{position}]")
    try:
        return rewrite(table, element)
    except BadValueError as error:
        raise error.within(f"[{position}]") from None
