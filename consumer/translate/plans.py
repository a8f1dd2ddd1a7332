"""Which of an object's names wins which row: decided once for each list of names.

What wins is a matter of the names alone, not of what they hold, and a shop's objects have the same
names over and over: nearly every object finds its plan made. Only a null under a known name would
decide otherwise; `mapping` drops those first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from consumer.translate.readers import AS_IT_IS

if TYPE_CHECKING:
    from consumer.translate.readers import Reader

Names: TypeAlias = tuple[str, ...]

MAX_PLANS: Final = 500
MAX_NAMES: Final = 100
MAX_CHARACTERS: Final = 2_000
"""All the names of a plan that is kept, together: 500 of them take 5 MB at the very most."""


class Plan(NamedTuple):
    """What becomes of each name of an object."""

    winners: tuple[tuple[str, str, frozenset[type], Reader], ...]
    """A row's key, its source, the types that are sent as they are, who reads the others."""
    unions: tuple[tuple[str, Names], ...]
    """A merged row's key, and its sources."""
    rest: Names
    """What no row takes."""


class Plans(dict[Names, Plan]):
    """The plans for one table, made when they are first asked for.

    *rows* have a key, a reader and names, nearest first; *merged* a key and names. The senders
    choose the names: so that they cannot fill the memory, few plans are kept, and no long one.
    """

    def __init__(
        self, rows: tuple[tuple[str, Reader, Names], ...], merged: tuple[tuple[str, Names], ...]
    ) -> None:
        super().__init__()
        self._rows: Final = rows
        self._merged: Final = merged

    def __missing__(self, names: Names) -> Plan:
        plan = self._make(names)
        if len(names) <= MAX_NAMES and sum(map(len, names)) <= MAX_CHARACTERS:
            if len(self) == MAX_PLANS:
                self.clear()
            self[names] = plan
        return plan

    def _make(self, names: Names) -> Plan:
        rest = {name: name for name in names}  # as they came: the very same text is found faster
        winners = []
        for key, read, sources in self._rows:
            for source in sources:
                if source in rest:
                    winners.append((key, rest[source], AS_IT_IS.get(read, frozenset()), read))
                    break
        unions = []
        for key, sources in self._merged:
            present = tuple(rest[source] for source in sources if source in rest)
            if present:
                unions.append((key, present))
        taken = {name for _, name, _, _ in winners}.union(*(present for _, present in unions))
        return Plan(
            tuple(winners), tuple(unions), tuple(name for name in rest if name not in taken)
        )
