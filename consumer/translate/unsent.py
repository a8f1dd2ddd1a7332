"""What of an event Seg is not sent, and why: for people, once the call is known."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.translate.body import is_nothing
from consumer.translate.tables import EMAIL, PAGE, PAGE_OF_TRACK, TIMESTAMPS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from consumer.core.model import LeftOut, Object, Value

_LOOKED_AT: Final = frozenset(
    chain(TIMESTAMPS, EMAIL, *(row.sources for row in (*PAGE, *PAGE_OF_TRACK)))
)
"""The sources that a row reads and does not pass on where a nearer one wins."""


_LISTED_BY_NAME: Final = frozenset({"properties", "traits"})
"""Objects of which each name is told, also where nothing of them is sent."""


class Unsent(NamedTuple):
    """One value, or one object of which nothing is sent."""

    source: str
    """Where it stood in the Segment call: `context.ip`."""
    why: str


def unsent(
    call: Object, sources: Collection[str], left_out: Sequence[LeftOut]
) -> tuple[Unsent, ...]:
    """Return what of *call* is in none of *sources*, in its order."""
    problems = {it.source: it.why for it in left_out}
    found: list[Unsent] = []
    for name, value in call.items():
        if name != "extra" and (value is not None or name in problems):
            found += _inside(name, value, sources, problems)
    return tuple(found)


def _inside(
    place: str, value: Value, sources: Collection[str], problems: dict[str, str]
) -> Iterator[Unsent]:
    if place in sources:
        return
    inner = (f"{place}.", f"{place}[")
    reaches_in = place in _LISTED_BY_NAME or any(it.startswith(inner) for it in sources)
    if isinstance(value, dict) and value and reaches_in:
        for name, each in value.items():
            yield from _inside(f"{place}.{name}", each, sources, problems)
    elif isinstance(value, list) and reaches_in:
        for at, each in enumerate(value):
            yield from _inside(f"{place}[{at}]", each, sources, problems)
    elif not value or not reaches_in:
        yield Unsent(place, problems.get(place) or _why(place, value))


def _why(place: str, value: Value) -> str:
    if value is None or value in ("", [], {}):
        return "empty"
    if is_nothing(value):
        return "JSON has no text for NaN and the infinities"
    return "a nearer source won" if place in _LOOKED_AT else "no row reads it"
