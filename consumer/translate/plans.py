"""Which of an object's names wins which row: decided once for each list of names.

What wins is a matter of the names alone, not of what they hold, and a shop's objects have the same
names over and over: nearly every object finds its plan made. Only what is absent under a known
name, or cannot be read, would decide otherwise; `mapping` sees to those.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from consumer.translate.numbers import number
from consumer.translate.readers import Reader, scalar, trimmed

Names: TypeAlias = tuple[str, ...]

MAX_PLANS: Final = 500
MAX_NAMES: Final = 100
MAX_CHARACTERS: Final = 2_000
"""All the names of a plan that is kept, together: 500 of them take 5 MB at the very most."""

AS_IT_IS: Final[dict[Reader, frozenset[type]]] = {
    scalar: frozenset({bool, int, str}),
    number: frozenset({int}),
    trimmed: frozenset({bool, int}),
}
"""The types that a reader returns as they are, but for an empty text: nobody needs to call it."""
_NONE: Final = frozenset[type]()


_SEPARATORS: Final = re.compile(r"[\W_]+")


def bare(name: str) -> str:
    """Return *name* without case and signs: `Product ID`, `productId` and `product_id` are one.

    So Segment's own code looks properties up (segmentio/obj-case). A name that begins with an
    underscore is somebody's own and stays as it is.
    """
    return name if name.startswith("_") else _SEPARATORS.sub("", name).lower()


class Plan(NamedTuple):
    """What becomes of each name of an object."""

    winners: tuple[tuple[str, str, frozenset[type], Reader], ...]
    """A row's key, its source, the types that are sent as they are, who reads the others."""
    unions: tuple[tuple[str, Names], ...]
    """A merged row's key, and its sources."""
    lists: tuple[tuple[str, Names], ...]
    """The key of a list of objects, and its sources."""
    rest: Names
    """What no row takes."""
    tops: tuple[tuple[str, Reader, Names], ...]
    """A row's key, its reader and all of its sources, for when the first cannot be read."""


class Plans(dict[Names, Plan]):
    """The plans for one table, made when they are first asked for.

    *rows* have a key, a reader and names, nearest first; *merged* and *lists* a key and names. The
    senders choose the names: so that they cannot fill the memory, few plans are kept, and no long
    one.
    """

    def __init__(
        self,
        rows: tuple[tuple[str, Reader, Names], ...],
        merged: tuple[tuple[str, Names], ...],
        lists: tuple[tuple[str, Names], ...],
    ) -> None:
        super().__init__()
        self._rows: Final = rows
        self._merged: Final = merged
        self._lists: Final = lists
        spelled = [*(row[2] for row in rows), *(row[1] for row in (*merged, *lists))]
        self._spelled: Final = frozenset(name for names in spelled for name in names)

    def __missing__(self, names: Names) -> Plan:
        plan = self._make(names)
        if len(names) <= MAX_NAMES and sum(map(len, names)) <= MAX_CHARACTERS:
            if len(self) == MAX_PLANS:
                self.clear()
            self[names] = plan
        return plan

    def _make(self, names: Names) -> Plan:
        came = {name: name for name in names}  # as they came: the very same text is found faster
        others: dict[str, list[str]] = {}
        for name in sorted(names):
            if name not in self._spelled:
                others.setdefault(bare(name), []).append(name)

        def present(sources: Names) -> Names:
            """Return the names that are *sources*: each as the table spells it, then as others."""
            found: dict[str, None] = {}
            for source in sources:
                if source in came:
                    found[came[source]] = None
                found.update(dict.fromkeys(others.get(bare(source), ())))
            return tuple(found)

        tops = [(key, read, present(sources)) for key, read, sources in self._rows]
        unions = [(key, present(sources)) for key, sources in self._merged]
        lists = [(key, present(sources)) for key, sources in self._lists]
        winners = [(key, it[0], AS_IT_IS.get(read, _NONE), read) for key, read, it in tops if it]
        taken = {name for _, name, _, _ in winners}.union(*(it for _, it in unions))
        taken.update(it[0] for _, it in lists if it)
        return Plan(
            winners=tuple(winners),
            unions=tuple(row for row in unions if row[1]),
            lists=tuple(row for row in lists if row[1]),
            rest=tuple(name for name in names if name not in taken),
            tops=tuple(row for row in tops if row[2]),
        )
