"""How a table rewrites an object in Seg's words: the whole interpreter.

    {"id": "7", "sku": "A-1", "product_id": "8", "colour": "red"}
    -> {"Id": "7", "Sku": "A-1", "product_id": "8", "colour": "red"}

Of a row's sources the first that can be read wins. Null is absent, and so is an empty text where
text is due; 0 and false are present. What cannot be read is noted, the next source is tried, and
the value goes on as it is under its own name. The winner is sent under Seg's name and not again
under its own. What no row took, be it unknown or the loser among two sources, goes on under its own
name: nothing is lost. A known name that holds nothing is left out; an unknown one is passed on,
null or not.

Seg's own spelling is the last source of every row, so that a sender who writes `Brands` is
understood as well. Where a name that is passed on is taken already (`Id`, sent beside `id`), the
row's value keeps the name and the other one gets an underscore at its end: `Id_`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from consumer.core.model import Object
from consumer.translate.lists import objects_in
from consumer.translate.notes import note, within
from consumer.translate.plans import Names
from consumer.translate.readers import BadValueError, bad_property, gather
from consumer.translate.rows import dig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consumer.core.model import Value
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.notes import Notes
    from consumer.translate.plans import Plan
    from consumer.translate.rows import Nested, Table

FEW: Final = 16
"""Texts in a list that are compared with each other."""

Fill: TypeAlias = "Callable[[Object, TidyEvent, Notes], None]"
"""Adds what a call of one kind holds to the object that is sent."""


def rewrite(table: Table, source: Object, notes: Notes) -> Object:
    """Return *source* in Seg's words, with all that no row took."""
    found, rest = split(table, source, notes)
    if rest:
        pass_on(table, rest, found)
    return found


def split(  # noqa: C901 - what is tidy, written out: every event pays for it
    table: Table, source: Object, notes: Notes
) -> tuple[Object, Object]:
    """Return what the rows make of *source*, and what no row took."""
    winners, unions, lists, rest, _ = table.plans[tuple(source)]
    found: Object = {}
    for key, name, as_it_is, read in winners:
        value = source[name]
        if value and type(value) in as_it_is:
            found[key] = value
        elif (value is None or value == "") and table.is_absent(name, value):
            return split(table, _without_absent(table, source), notes)
        else:
            try:
                taken = read(value)
            except BadValueError:
                return _carefully(table, source, notes)
            if taken is None:
                return _carefully(table, source, notes)
            found[key] = taken
    if unions and not _unite(unions, source, found):
        return _carefully(table, source, notes)
    if lists and not _list(table, lists, source, found, notes):
        return _carefully(table, source, notes)
    if table.nested:
        _look_inside(table.nested, source, found, notes)
    for key, value in table.defaults:
        if key not in found:
            found[key] = value
    return found, {name: source[name] for name in rest} if rest else {}


def _without_absent(table: Table, source: Object) -> Object:
    """Return *source* without the known names that hold nothing."""
    return {
        name: value
        for name, value in source.items()
        if not ((value is None or value == "") and table.is_absent(name, value))
    }


def _unite(unions: tuple[tuple[str, Names], ...], source: Object, found: Object) -> bool:
    """Add the texts of all the sources of each merged key to *found*.

    Return False where one is untidy, or long: then each text is not compared with each.
    """
    for key, names in unions:
        texts: list[Value] = []
        for name in names:
            value = source[name]
            if type(value) is list and len(value) <= FEW:
                for element in value:
                    if type(element) is not str or not element:
                        return False
                    if element not in texts:
                        texts.append(element)
            elif type(value) is str and value:
                if value not in texts:
                    texts.append(value)
            else:
                return False
        if not texts:
            return False
        found[key] = texts
    return True


def _list(
    table: Table, lists: tuple[tuple[str, Names], ...], source: Object, found: Object, notes: Notes
) -> bool:
    """Add each list of objects to *found*; False where the nearest source cannot be read."""
    for key, names in lists:
        try:
            elements = objects_in(source[names[0]])
        except BadValueError:
            return False
        found[key] = rewrite_each(table.tables[key], key, names[0], elements, notes)
    return True


def _look_inside(nested: tuple[Nested, ...], source: Object, found: Object, notes: Notes) -> None:
    """Try the sources with dots, for the keys that have no nearer one; they stay where they are."""
    for key, read, way in nested:
        value = None if key in found else dig(source, way)
        if value is not None:
            try:
                taken = read(value)
            except BadValueError as error:
                note(notes, key, ".".join(way), error)
            else:
                if taken is not None:
                    found[key] = taken


class Careful(NamedTuple):
    """What is known of an object that was read one row and one source after the other."""

    found: Object
    rest: Object
    origins: dict[str, Names]
    """The sources of each key of *found*, none for a default; of *rest*, what was renamed."""
    taken: set[str]
    """The names that a row took."""


def _carefully(table: Table, source: Object, notes: Notes) -> tuple[Object, Object]:
    careful = split_carefully(table, source, notes)
    return careful.found, careful.rest


def split_carefully(table: Table, source: Object, notes: Notes) -> Careful:
    """Like `split`, row by row: what cannot be read is noted, and where all comes from is known."""
    source = _without_absent(table, source)
    plan = table.plans[tuple(source)]
    careful = Careful({}, {}, {}, set())
    _read_carefully(plan, source, careful, notes)
    for key, names in plan.unions:
        _gather_carefully(key, names, source, careful, notes)
    _list_carefully(table, plan, source, careful, notes)
    for nested in table.nested:
        key, _, way = nested
        if key not in careful.found:
            _look_inside((nested,), source, careful.found, notes)
            if key in careful.found:
                careful.origins[key] = (".".join(way),)
    for key, value in table.defaults:
        careful.found.setdefault(key, value)
    _keep_untaken(table, source, careful)
    return careful


def _read_carefully(plan: Plan, source: Object, careful: Careful, notes: Notes) -> None:
    for key, read, names in plan.tops:
        for name in names:
            try:
                value = read(source[name])
            except BadValueError as error:
                note(notes, key, name, error)
                continue
            careful.taken.add(name)
            if value is not None:
                careful.found[key] = value
                careful.origins[key] = (name,)
                break


def _list_carefully(
    table: Table, plan: Plan, source: Object, careful: Careful, notes: Notes
) -> None:
    for key, names in plan.lists:
        for name in names:
            try:
                elements = objects_in(source[name])
            except BadValueError as error:
                note(notes, key, name, error)
                continue
            careful.taken.add(name)
            careful.origins[key] = (name,)
            careful.found[key] = rewrite_each(table.tables[key], key, name, elements, notes)
            break


def _gather_carefully(
    key: str, names: Names, source: Object, careful: Careful, notes: Notes
) -> None:
    texts: dict[str, None] = {}
    read: list[str] = []
    for name in names:
        try:
            unread = gather(source[name], texts)
        except BadValueError as error:
            note(notes, key, name, error)
            continue
        read.append(name)
        for at, element in unread:
            note(notes, key, f"{name}[{at}]", bad_property("text", element))
    careful.taken.update(read)
    if texts:
        careful.found[key] = [*texts]
        careful.origins[key] = tuple(read)


def _keep_untaken(table: Table, source: Object, careful: Careful) -> None:
    """Keep what is left of *source*; what could not be read gives up a name of Seg's."""
    rest = careful.rest
    rest.update((name, value) for name, value in source.items() if name not in careful.taken)
    for name in [name for name in rest if name in table.keys]:
        value = rest.pop(name)
        free = _free(f"{name}_", rest)
        rest[free] = value
        careful.origins[free] = (name,)


def _free(name: str, *taken: Object) -> str:
    while any(name in names for names in taken):
        name += "_"
    return name


def pass_on(table: Table, rest: Object, into: Object) -> None:
    """Put what no row took *into* the object that is sent, under its own names."""
    for name, value in rest.items():
        if (value is None or value == "") and table.is_absent(name, value):
            continue
        free = name
        while free in into or (free != name and free in rest):
            free += "_"
        into[free] = value


def rewrite_each(
    table: Table, key: str, name: str, elements: Iterable[tuple[object, Value]], notes: Notes
) -> list[Value]:
    """Return the objects among *elements*, each rewritten; what is no object is noted."""
    lines: list[Value] = []
    for at, element in elements:
        start = len(notes)
        if type(element) is dict:
            lines.append(rewrite(table, element, notes))
        else:
            note(notes, key, "", bad_property("an object", element))
        if len(notes) > start:
            within(notes, start, f"{name}[{at}]")
    return lines
