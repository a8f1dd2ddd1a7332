"""A plan made for one object serves every other with the same names, whatever they hold."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.core.model import Object
from consumer.translate import plans, tables
from consumer.translate.envelope import email_of
from consumer.translate.lists import objects_in
from consumer.translate.mapping import pass_on, rewrite
from consumer.translate.numbers import number
from consumer.translate.plans import AS_IT_IS, bare
from consumer.translate.readers import BadValueError, Reader, address, gather, scalar, unlike
from consumer.translate.rows import Listed, Merged, Row, Table, dig, path

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Value
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.notes import Notes

TABLES: Final = (
    *(tables.RANGE_VIEW, tables.PRODUCT_VIEW, tables.BASKET_LINE),
    *(tables.ORDER_LINE, tables.ORDER_PLACED, tables.TRAITS),
)

texts = st.text(max_size=4)
singles = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    st.sampled_from(["18.99", "3", "n/a", " jane@example.com "]),
)
lists = st.lists(st.one_of(st.none(), texts, st.sampled_from("ab"), st.just(7)), max_size=3)
lines = st.lists(
    st.dictionaries(
        st.sampled_from(["id", "sku", "name", "price", "quantity", "brand", "Id", "Product ID"]),
        singles,
        max_size=4,
    )
)
values = st.one_of(
    singles,
    singles,
    lists,
    lines,
    st.dictionaries(st.sampled_from(["country", "email"]), singles | lists),
)


def names(table: Table) -> st.SearchStrategy[str]:
    """Draw a name: known, like a known one but for an underscore, or any other."""
    known = sorted(spelled(table))
    alike = [name.upper().replace("_", " ") for name in known]
    return st.one_of(st.sampled_from([*known, *alike, "address", "Added", "colour"]), texts)


def spelled(table: Table) -> set[str]:
    """Return the names that the table spells out."""
    rows: list[Row | Merged | Listed] = [*table.rows, *table.merged, *table.listed]
    return {name for row in rows for name in (*row.sources, row.key) if "." not in name}


class Twins(NamedTuple):
    """Two objects with the same names in the same order, and the table that rewrites them."""

    table: Table
    one: Object
    other: Object


@st.composite
def twins(draw: st.DrawFn) -> Twins:
    """Draw a table and two objects for it."""
    table = draw(st.sampled_from(TABLES))
    pairs = draw(st.dictionaries(names(table), st.tuples(values, values), max_size=10))
    one, other = ({name: pair[twin] for name, pair in pairs.items()} for twin in (0, 1))
    return Twins(table, one, other)


def present(table: Table, row: Row | Merged | Listed, source: Object) -> list[str]:
    """List the names at the top that feed a row: nearest first, Seg's own last, nothing absent."""
    known = [*(name for name in row.sources if "." not in name and name != row.key), row.key]
    others = sorted(source.keys() - spelled(table))
    found: list[str] = []
    for name in known:
        found += [
            it for it in (name, *(o for o in others if bare(o) == bare(name))) if it in source
        ]
    is_text = isinstance(row, Merged) or (isinstance(row, Row) and row.read is not number)
    nothing = (None, "") if is_text else (None,)
    return [
        it
        for it in dict.fromkeys(found)
        if not any(source[it] is n or source[it] == n for n in nothing)
    ]


def first_readable(
    row: Row | Listed,
    read: Callable[[Value], Value],
    names: list[str],
    source: Object,
    log: list[str],
) -> tuple[Value, set[str]]:
    """Return what the first source that can be read holds, and the names that are used up."""
    used: set[str] = set()
    for name in names:
        try:
            value = read(source[name])
        except BadValueError as error:
            log.append(f"{row.key} {name} {error.problem}")
            continue
        used.add(name)
        if value is not None:
            return value, used
    return None, used


def lines_of(table: Table, key: str, name: str, value: Value, log: list[str]) -> Value:
    """Rewrite each object of a list by the book."""
    lines: list[Value] = []
    for at, element in objects_in(value):
        inner: list[str] = []
        if isinstance(element, dict):
            lines.append(by_the_book(table, element, inner))
        else:
            inner.append(f"{key}  {unlike('an object', element)}")
        log += [nested(line, f"{name}[{at}]") for line in inner]
    return lines


def nested(line: str, place: str) -> str:
    """Say of a line of the log that it is about something inside *place*."""
    key, source, problem = line.split(" ", 2)
    separator = "" if not source or source.startswith("[") else "."
    return f"{key} {place}{separator}{source} {problem}"


def by_the_book(table: Table, source: Object, log: list[str]) -> Object:
    """Rewrite an object by the rules that `rewrite` states, one row after the other."""
    found: Object = {}
    taken: set[str] = set()
    for row in table.rows:
        value, used = first_readable(row, row.read, present(table, row, source), source, log)
        taken |= used
        if value is not None:
            found[row.key] = value
    for merged in table.merged:
        gathered: dict[str, None] = {}
        for name in present(table, merged, source):
            try:
                unread = gather(source[name], gathered)
            except BadValueError as error:
                log.append(f"{merged.key} {name} {error.problem}")
                continue
            taken.add(name)
            log += [f"{merged.key} {name}[{at}] {unlike('text', it)}" for at, it in unread]
        if gathered:
            found[merged.key] = list(gathered)
    for listed in table.listed:
        for name in present(table, listed, source):
            try:
                objects_in(source[name])
            except BadValueError as error:
                log.append(f"{listed.key} {name} {error.problem}")
                continue
            taken.add(name)
            found[listed.key] = lines_of(listed.table, listed.key, name, source[name], log)
            break
    look_inside(table, source, found, log)
    found |= {key: value for key, value in table.defaults if key not in found}
    absent = {name for name in source if table.is_absent(name, source[name])}
    rest: Object = {n: v for n, v in source.items() if n not in taken | absent}
    pass_on(table, renamed(table, rest, log), found)
    return found


def look_inside(table: Table, source: Object, found: Object, log: list[str]) -> None:
    """Try the sources with dots."""
    for row in table.rows:
        for name in (name for name in row.sources if "." in name):
            value = dig(source, path(name))
            if value is not None and row.key not in found:
                try:
                    taken = (row.read_inside or row.read)(value)
                except BadValueError as error:
                    log.append(f"{row.key} {name} {error.problem}")
                else:
                    if taken is not None:
                        found[row.key] = taken


def renamed(table: Table, rest: Object, log: list[str]) -> Object:
    """Give what could not be read another name than Seg's, and what is in its way as well."""
    if not log:
        return rest
    own = [name for name in rest if name in table.keys]
    others = {name: value for name, value in rest.items() if name not in own}
    for name in own:
        free = f"{name}_"
        while free in others:
            free += "_"
        others[free] = rest[name]
    return others


def outcome(table: Table, source: Object) -> str:
    """Say what comes out, to the type of each value, and what is noted."""
    notes: Notes = []
    sent = rewrite(table, source, notes)
    return f"{sorted(sent.items(), key=repr)} {[f'{it.key} {it.source} {it.why}' for it in notes]}"


def expected(table: Table, source: Object) -> str:
    """Say what should come out."""
    log: list[str] = []
    sent = by_the_book(table, source, log)
    return f"{sorted(sent.items(), key=repr)} {log}"


@given(twins())
def test_an_object_is_rewritten_by_the_book(drawn: Twins) -> None:
    """The plan for a list of names suits every object with these names, also what it notes."""
    for source in (drawn.one, drawn.other, drawn.one):
        assert outcome(drawn.table, source) == expected(drawn.table, source)


def test_a_null_is_absent_also_where_the_plan_was_made_without_it() -> None:
    """The next source wins, the default is sent, and a loser that holds null is left out."""
    table = Table(
        (Row("Id", scalar, ("id", "sku")), Row("Sku", scalar, ("sku",))),
        (Merged("Tags", ("tags", "tag")),),
        defaults={"Id": 0},
    )

    seen = [
        rewrite(table, {"id": a, "sku": b, "tag": c}, [])
        for a, b, c in (("a", "b", "c"), (None, "b", None), ("a", None, "c"), (None, None, []))
    ]

    assert seen == [
        {"Id": "a", "Sku": "b", "Tags": ["c"]},
        {"Id": "b", "Sku": "b"},
        {"Id": "a", "Tags": ["c"]},
        {"Id": 0},
    ]


@pytest.mark.parametrize("read", AS_IT_IS)
@given(st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), lists, lines))
@example(nan)
@example(inf)
def test_what_is_sent_as_it_is_is_what_its_reader_returns(read: Reader, value: Value) -> None:
    """A reader that is not asked would have returned the value itself."""
    if type(value) in AS_IT_IS[read] and value:
        taken = read(value)
        assert (value, type(value)) == (taken, type(taken))


def test_a_loser_that_holds_nothing_is_left_out() -> None:
    """An empty text is absent where text is due, whether a tidy or an untidy object holds it."""
    table = Table((Row("Id", scalar, ("order_id", "id")),))

    assert rewrite(table, {"order_id": "o-1", "id": ""}, []) == {"Id": "o-1"}


def test_the_same_names_make_one_plan() -> None:
    """A plan is made for the first object of its kind; known names that hold null do not count."""
    table = Table((Row("Id", scalar, ("id",)),))

    for value in (1, "a", None, 2, None):
        rewrite(table, {"id": value, "colour": value}, [])

    assert list(table.plans) == [("id", "colour"), ("colour",)]


def test_few_plans_are_kept() -> None:
    """Names that never come again do not fill the memory, and what came before is served again."""
    table = Table((Row("Id", scalar, ("id",)),))

    for at in range(3 * plans.MAX_PLANS):
        assert rewrite(table, {"id": 1, f"x{at}": 2}, []) == {"Id": 1, f"x{at}": 2}
        assert len(table.plans) <= plans.MAX_PLANS

    assert rewrite(table, {"id": 1, "x0": 2}, []) == {"Id": 1, "x0": 2}


@pytest.mark.parametrize(
    ("unknown", "kept"),
    [
        (["a" * (plans.MAX_CHARACTERS - 2)], True),
        (["a" * (plans.MAX_CHARACTERS - 1)], False),
        ([f"x{at}" for at in range(plans.MAX_NAMES - 1)], True),
        ([f"x{at}" for at in range(plans.MAX_NAMES)], False),
    ],
)
def test_no_plan_of_long_names_or_many_is_kept(unknown: list[str], *, kept: bool) -> None:
    """Such an object is rewritten all the same."""
    table = Table((Row("Id", scalar, ("id",)),))
    rest: Object = dict.fromkeys(unknown, 0)

    assert rewrite(table, {"id": 1, **rest}, []) == {"Id": 1, **rest}
    assert bool(table.plans) is kept


addresses = st.one_of(values, st.sampled_from([f"{name}@example.com" for name in "abcd"]))
holders = st.none() | st.fixed_dictionaries({}, optional={"email": addresses, "Email": addresses})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "userId": st.none() | texts | st.just("user@example.com"),
            "traits": holders,
            "properties": holders,
            "context": st.none()
            | st.fixed_dictionaries({}, optional={"traits": holders | addresses}),
        },
    )
)
def test_the_address_is_looked_for_where_the_table_says(drawn: object) -> None:
    """The nearest place of `tables.EMAIL` that holds an address, whatever the others hold."""
    event = cast("Object", drawn)
    found = [address(dig(event, path(place))) for place in tables.EMAIL]

    sent = email_of(cast("TidyEvent", event))

    assert sent == next((email for email in found if email is not None), None)
