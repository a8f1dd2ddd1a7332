"""A plan made for one object serves every other with the same names, whatever they hold."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf, nan
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.translate import plans, tables
from consumer.translate.envelope import envelope
from consumer.translate.mapping import Merged, Row, Table, dig, pass_on, path, rewrite
from consumer.translate.readers import AS_IT_IS, BadValueError, Reader, address, gather, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.core.model import Event, Object, Value

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
    st.dictionaries(st.sampled_from(sorted(tables.ORDER_LINE.names)), singles, max_size=4)
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
    known = sorted(table.names)
    alike = [f"{name}_" for name in known]
    return st.one_of(st.sampled_from([*known, *alike, "address", "Added", "colour"]), texts)


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


def present(row: Row | Merged, source: Object) -> list[str]:
    """List the names at the top that feed a row: nearest first, Seg's own last, no nulls."""
    known = [*(name for name in row.sources if "." not in name and name != row.key), row.key]
    return [name for name in known if source.get(name) is not None]


@contextmanager
def named(name: str) -> Iterator[None]:
    """Name the source in the error."""
    try:
        yield
    except BadValueError as error:
        raise error.within(name) from None


def by_the_book(table: Table, source: Object) -> Object:
    """Rewrite an object by the rules that `rewrite` states, one row after the other."""
    found: Object = {}
    taken: set[str] = set()
    for row in table.rows:
        for name in present(row, source)[:1]:
            with named(name):
                found[row.key] = row.read(source[name])
            taken.add(name)
    for row in table.rows:
        for name in row.sources:
            value = dig(source, path(name)) if "." in name else None
            if value is not None and row.key not in found:
                with named(name):
                    found[row.key] = row.read(value)
    for merged in table.merged:
        gathered: dict[Value, None] = {}
        for name in present(merged, source):
            with named(name):
                gather(source[name], gathered)
            found[merged.key] = list(gathered)
            taken.add(name)
    found |= {key: value for key, value in table.defaults if key not in found}
    rest = {name: value for name, value in source.items() if name not in taken}
    pass_on(table, rest, found)
    return found


def outcome(translate: Callable[[Table, Object], Object], table: Table, source: Object) -> str:
    """Say what came out, to the type of each value and the order of the keys, or the error."""
    try:
        return repr(translate(table, source))
    except BadValueError as error:
        return f"{error.reason} {error}"


@given(twins())
def test_an_object_is_rewritten_by_the_book(drawn: Twins) -> None:
    """The plan for a list of names suits every object with these names, and also tells errors."""
    for source in (drawn.one, drawn.other, drawn.one):
        assert outcome(rewrite, drawn.table, source) == outcome(by_the_book, drawn.table, source)


def test_a_null_is_absent_also_where_the_plan_was_made_without_it() -> None:
    """The next source wins, the default is sent, and a loser that holds null is left out."""
    table = Table(
        (Row("Id", scalar, ("id", "sku")), Row("Sku", scalar, ("sku",))),
        (Merged("Tags", ("tags", "tag")),),
        {"Id": 0},
    )

    seen = [
        rewrite(table, {"id": a, "sku": b, "tag": c})
        for a, b, c in (("a", "b", "c"), (None, "b", None), ("a", None, "c"), (None, None, []))
    ]

    assert seen == [
        {"Id": "a", "Sku": "b", "Tags": ["c"]},
        {"Id": "b", "Sku": "b"},
        {"Id": "a", "Tags": ["c"]},
        {"Id": 0, "Tags": []},
    ]


@pytest.mark.parametrize("read", AS_IT_IS)
@given(st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), lists, lines))
@example(nan)
@example(inf)
def test_what_is_sent_as_it_is_is_what_its_reader_returns(read: Reader, value: Value) -> None:
    """A reader that is not asked would have returned the value itself."""
    if type(value) in AS_IT_IS[read]:
        assert value is read(value)


def test_the_same_names_make_one_plan() -> None:
    """A plan is made for the first object of its kind; known names that hold null do not count."""
    table = Table((Row("Id", scalar, ("id",)),))

    for value in (1, "a", None, 2, None):
        rewrite(table, {"id": value, "colour": value})

    assert list(table.plans) == [("id", "colour"), ("colour",)]


def test_few_plans_are_kept() -> None:
    """Names that never come again do not fill the memory, and what came before is served again."""
    table = Table((Row("Id", scalar, ("id",)),))

    for number in range(3 * plans.MAX_PLANS):
        assert rewrite(table, {"id": 1, f"id_{number}": 2}) == {"Id": 1, f"id_{number}": 2}
        assert len(table.plans) <= plans.MAX_PLANS

    assert rewrite(table, {"id": 1, "id_0": 2}) == {"Id": 1, "id_0": 2}


@pytest.mark.parametrize(
    ("unknown", "kept"),
    [
        (["a" * (plans.MAX_CHARACTERS - 2)], True),
        (["a" * (plans.MAX_CHARACTERS - 1)], False),
        ([str(number) for number in range(plans.MAX_NAMES - 1)], True),
        ([str(number) for number in range(plans.MAX_NAMES)], False),
    ],
)
def test_no_plan_of_long_names_or_many_is_kept(unknown: list[str], *, kept: bool) -> None:
    """Such an object is rewritten all the same."""
    table = Table((Row("Id", scalar, ("id",)),))
    rest: Object = dict.fromkeys(unknown, 0)

    assert rewrite(table, {"id": 1, **rest}) == {"Id": 1, **rest}
    assert bool(table.plans) is kept


addresses = st.one_of(values, st.sampled_from([f"{name}@example.com" for name in "abcd"]))
holders = st.none() | st.fixed_dictionaries({}, optional={"email": addresses})


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

    sent = envelope(cast("Event", event), "page", None, None)

    assert sent.get("email") == next((email for email in found if email is not None), None)
