"""The rows that a table of the translation is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from consumer.translate.numbers import number
from consumer.translate.plans import Plans, bare
from consumer.translate.readers import Reader

if TYPE_CHECKING:
    from consumer.core.model import Object, Value
    from consumer.translate.plans import Names

Path: TypeAlias = tuple[str, ...]
"""The names that lead to a value: `address.country` is `("address", "country")`."""


Nested: TypeAlias = "tuple[str, Reader, Path]"
"""A row's key, its reader, and the way of a source with dots."""


class Row(NamedTuple):
    """One key of Seg's: the first source that can be read wins, and *read* takes it over."""

    key: str
    read: Reader
    sources: tuple[str, ...]
    """Names, nearest first; a name with dots is looked up in the objects inside and stays there."""
    read_inside: Reader | None = None
    """Reads the sources with dots, where *read* would take too much."""


class Merged(NamedTuple):
    """One key of Seg's that lists the texts of all its sources, in order, no doubles."""

    key: str
    sources: tuple[str, ...]


class Table:
    """The rows for one kind of object, prepared once for `mapping.split`.

    *defaults* are sent where no source of their row is present.
    """

    def __init__(
        self,
        rows: tuple[Row, ...],
        merged: tuple[Merged, ...] = (),
        listed: tuple[Listed, ...] = (),
        defaults: Object | None = None,
    ) -> None:
        self.rows: Final = rows
        self.merged: Final = merged
        self.listed: Final = listed
        self.defaults: Final = tuple((defaults or {}).items())
        self.nested: Final[tuple[Nested, ...]] = tuple(
            (row.key, row.read_inside or row.read, path(name))
            for row in rows
            for name in row.sources
            if "." in name
        )
        self.tops: Final = tuple((row.key, row.read, names_of(row)) for row in rows)
        self.tables: Final = {row.key: row.table for row in listed}
        every: list[Row | Merged | Listed] = [*rows, *merged, *listed]
        self.keys: Final = frozenset(row.key for row in every)
        self._known: Final = frozenset(bare(name) for row in every for name in names_of(row))
        texts: list[Row | Merged] = [*merged, *(row for row in rows if row.read is not number)]
        self._texts: Final = frozenset(bare(name) for row in texts for name in names_of(row))
        self.plans: Final = Plans(
            self.tops,
            tuple((row.key, names_of(row)) for row in merged),
            tuple((row.key, names_of(row)) for row in listed),
        )

    def knows(self, name: str) -> bool:
        """Tell whether a row looks for *name* at the top, in whichever spelling."""
        return bare(name) in self._known

    def is_absent(self, name: str, value: Value) -> bool:
        """Tell whether *value* says nothing under *name*: null, or no text where one is due."""
        if value is None:
            return self.knows(name)
        return value == "" and bare(name) in self._texts


class Listed(NamedTuple):
    """One key of Seg's that lists objects, each rewritten by *table*."""

    key: str
    table: Table
    sources: tuple[str, ...]


def names_of(row: Row | Merged | Listed) -> Names:
    """Return the sources of *row* at the top, nearest first, Seg's own spelling last."""
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
