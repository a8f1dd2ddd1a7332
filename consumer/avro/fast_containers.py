"""The types of Avro that hold others, and the event that is made of them; see `fast_kinds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.avro.fast_kinds import Kind, Null, count_of, index_of

if TYPE_CHECKING:
    from consumer.core.model import Event


class Union(Kind):
    """One of several types; None stands for one that only the careful reader reads."""

    def __init__(self, branches: list[Kind | None]) -> None:
        self.branches: Final = branches

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the datum of the branch that wrote it."""
        branch = self.branches[index_of(value, at)]
        if branch is None:
            raise ValueError
        return branch.read(value, at + 1)


class Field:
    """A field of a record; where it is null or one other type, both are told by a byte."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name: Final = name
        self.null = self.other = 0
        if isinstance(kind, Union) and len(kind.branches) == 2:  # noqa: PLR2004 - null and another
            for index, branch in enumerate(kind.branches):
                other = kind.branches[1 - index]
                if isinstance(branch, Null) and other is not None:
                    self.null, self.other, kind = 2 * index, 2 - 2 * index, other
                    break
        self.is_optional: Final = self.null != self.other
        self.kind: Final = kind


class Record(Kind):
    """A record within an open object: null is the only way to be absent."""

    def __init__(self, fields: list[Field]) -> None:
        self._fields: Final = fields

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the object."""
        found: dict[str, Any] = {}
        for field in self._fields:
            if field.is_optional:
                byte = value[at]
                at += 1
                if byte == field.null:
                    continue
                if byte != field.other:
                    raise ValueError
            it, at = field.kind.read(value, at)
            if it is not None:
                found[field.name] = it
        return found, at


class Envelope(Kind):
    """An event; *implied* is put in, and fields that are not *known* are left out."""

    def __init__(self, fields: list[Field], known: set[str], implied: dict[str, Any]) -> None:
        self._fields: Final = [(field, field.name in known) for field in fields]
        self._implied: Final = implied

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the event."""
        found = self._implied.copy()
        for field, is_known in self._fields:
            if field.is_optional:
                byte = value[at]
                at += 1
                if byte == field.null:
                    continue
                if byte != field.other:
                    raise ValueError
            it, at = field.kind.read(value, at)
            if is_known and it is not None:
                found[field.name] = it
        if "type" not in found:
            raise ValueError  # no event is without one
        return found, at


class Row(Kind):
    """A record of which one field, *after*, is the event."""

    def __init__(self, fields: list[Kind], after: int) -> None:
        self._fields: Final = fields
        self._after: Final = after

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the event; a row without one is the careful reader's."""
        event: Any = None
        for number, kind in enumerate(self._fields):
            it, at = kind.read(value, at)
            if number == self._after:
                event = it
        if event is None:
            raise ValueError
        return event, at


class Array(Kind):
    """Items in blocks."""

    def __init__(self, items: Kind) -> None:
        self._items: Final = items

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the list."""
        found: list[Any] = []
        count, at = count_of(value, at)
        while count:
            for _ in range(count):
                it, at = self._items.read(value, at)
                found.append(it)
            count, at = count_of(value, at)
        return found, at


class Map(Kind):
    """Names and values in blocks."""

    def __init__(self, values: Kind) -> None:
        self._values: Final = values

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the object."""
        found: dict[str, Any] = {}
        count, at = count_of(value, at)
        while count:
            for _ in range(count):
                size, at = count_of(value, at)
                name = value[at : at + size].decode()
                found[name], at = self._values.read(value, at + size)
            count, at = count_of(value, at)
        return found, at


class Datum:
    """All of a value, behind what tells its schema."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Final = kind

    def __call__(self, value: bytes, at: int) -> Event:
        """Return the event at *at*.

        Raises:
            IndexError, ValueError, struct.error: it is not for the fast reader.
        """
        it, at = self.kind.read(value, at)
        if at != len(value):
            raise ValueError
        event: Event = it
        return event
