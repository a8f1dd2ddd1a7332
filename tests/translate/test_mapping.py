"""How a table rewrites an object."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from consumer.translate.lists import objects_in
from consumer.translate.mapping import rewrite, split
from consumer.translate.numbers import number
from consumer.translate.readers import BadValueError, scalar
from consumer.translate.rows import Listed, Merged, Row, Table

if TYPE_CHECKING:
    from consumer.core.model import Object, Value
    from consumer.translate.notes import Notes

TABLE = Table(
    (
        Row("Id", scalar, ("id", "sku")),
        Row("Sku", scalar, ("sku",)),
        Row("Price", number, ("price", "cost.amount")),
    ),
    (Merged("Tags", ("tags", "tag")),),
)
LINE = Table((Row("Quantity", number, ("quantity",)),), defaults={"Quantity": 1})
ORDER = Table((), listed=(Listed("Lines", LINE, ("lines", "items")),))


def sent(table: Table, source: Object) -> Object:
    """Rewrite an object in which everything can be read."""
    notes: Notes = []
    found = rewrite(table, source, notes)
    assert not notes
    return found


def noted(table: Table, source: Object) -> tuple[Object, list[tuple[str, str]]]:
    """Rewrite an object, and say of each value that is left out its key and source."""
    notes: Notes = []
    found = rewrite(table, source, notes)
    return found, [(it.key, it.source) for it in notes]


def test_the_first_source_that_is_present_wins() -> None:
    """Sources are tried in order; null and empty texts are absent, 0 and false are present."""
    assert sent(TABLE, {"sku": "s", "id": 0}) == {"Id": 0, "Sku": "s"}
    assert sent(TABLE, {"id": None, "sku": ""}) == {}
    assert sent(TABLE, {"id": False}) == {"Id": False}


def test_one_source_can_feed_two_rows() -> None:
    """A source that wins two rows is sent under both of their keys, and not under its own name."""
    assert sent(TABLE, {"sku": "s"}) == {"Id": "s", "Sku": "s"}


def test_the_loser_keeps_its_own_name() -> None:
    """What did not win is passed on, as it is: no row read it."""
    table = Table((Row("Revenue", number, ("revenue", "total")),))

    assert sent(table, {"total": "n/a", "revenue": "25"}) == {"Revenue": 25, "total": "n/a"}


def test_unknown_names_are_passed_on_as_they_are() -> None:
    """Whatever no row looks for goes on, nulls and nested values too, in the sender's order."""
    unknown: Object = {"b": None, "a": {"x": [1, None]}}

    assert {"Id": 7, **unknown} == sent(TABLE, {**unknown, "id": 7})
    assert list(sent(TABLE, {**unknown, "id": 7})) == ["Id", "b", "a"]


def test_a_known_name_that_holds_null_is_left_out() -> None:
    """A null is not sent under Seg's name, nor under its own."""
    assert sent(TABLE, {"id": 7, "sku": None, "price": None, "tags": None}) == {"Id": 7}
    assert sent(TABLE, {"Id": None, "Tags": None}) == {}


def test_a_name_with_dots_is_looked_up_inside_and_stays_there() -> None:
    """A nested source is copied, for its object is another's."""
    assert sent(TABLE, {"cost": {"amount": "3"}}) == {"Price": 3, "cost": {"amount": "3"}}
    assert sent(TABLE, {"price": 2, "cost": {"amount": "3"}}) == {
        "Price": 2,
        "cost": {"amount": "3"},
    }
    assert sent(TABLE, {"cost": "3"}) == {"cost": "3"}


def test_the_texts_of_all_sources_are_merged() -> None:
    """A merged key lists every source, in the order of the row, without doubles."""
    assert sent(TABLE, {"tag": "c", "tags": ["a", "b", "a"]}) == {"Tags": ["a", "b", "c"]}
    assert sent(TABLE, {"tags": []}) == {}


@pytest.mark.timeout(10)
def test_a_long_list_is_not_compared_with_itself() -> None:
    """As many texts as a record of 1 MB holds are merged in no time that somebody would notice."""
    texts: Value = [f"{number:06d}" for number in range(100_000)]

    assert sent(TABLE, {"tags": texts, "tag": "000000"}) == {"Tags": texts}


def test_segs_own_spelling_is_the_last_source() -> None:
    """A sender who writes Seg's words is understood, and read by the same reader."""
    assert sent(TABLE, {"Price": "3", "Tags": ["b"], "tag": "a"}) == {
        "Price": 3,
        "Tags": ["a", "b"],
    }


def test_a_name_that_is_taken_gets_an_underscore() -> None:
    """The row's value keeps Seg's name; the sender's goes on under the next free one."""
    assert sent(TABLE, {"Id": 2, "id": 1}) == {"Id": 1, "Id_": 2}
    assert sent(TABLE, {"Id": 2, "id": 1, "Id_": 3}) == {"Id": 1, "Id__": 2, "Id_": 3}


def test_a_default_stands_in_for_an_absent_source() -> None:
    """A default is sent where its row has no source."""
    assert sent(LINE, {"quantity": None}) == {"Quantity": 1}
    assert sent(LINE, {"quantity": 0}) == {"Quantity": 0}


def test_split_tells_apart_what_the_rows_took() -> None:
    """The two parts of an object can be sent in different places."""
    source: Object = {"colour": "red", "quantity": "2"}

    assert split(LINE, source, []) == ({"Quantity": 2}, {"colour": "red"})


def test_the_object_is_not_changed() -> None:
    """The sender's object, and all in it, stays as it was."""
    source: Object = {"id": 1, "Id": 2, "tags": ["a"], "tag": "b", "cost": {"amount": 1}, "x": None}

    before = deepcopy(source)

    sent(TABLE, source)

    assert source == before


@pytest.mark.parametrize(
    ("source", "found", "notes"),
    [
        ({"id": ["a", "b"], "sku": "s"}, {"Id": "s", "Sku": "s", "id": ["a", "b"]}, [("Id", "id")]),
        ({"price": "?"}, {"price": "?"}, [("Price", "price")]),
        ({"price": ""}, {"price": ""}, [("Price", "price")]),
        (
            {"price": "?", "cost": {"amount": "3"}},
            {"Price": 3, "price": "?", "cost": {"amount": "3"}},
            [("Price", "price")],
        ),
        ({"cost": {"amount": "?"}}, {"cost": {"amount": "?"}}, [("Price", "cost.amount")]),
        ({"tag": {"a": 1}, "tags": ["b"]}, {"Tags": ["b"], "tag": {"a": 1}}, [("Tags", "tag")]),
        ({"tags": ["a", True]}, {"Tags": ["a"]}, [("Tags", "tags[1]")]),
        ({"Price": "?"}, {"Price_": "?"}, [("Price", "Price")]),
    ],
)
def test_what_cannot_be_read_costs_its_key(
    source: Object, found: Object, notes: list[tuple[str, str]]
) -> None:
    """It is noted, goes on under its own name, and the next source of the row is tried."""
    assert noted(TABLE, source) == (found, notes)


def test_a_default_stands_in_for_what_cannot_be_read() -> None:
    """A line of an unreadable quantity is one piece."""
    assert noted(LINE, {"quantity": "two"}) == (
        {"Quantity": 1, "quantity": "two"},
        [("Quantity", "quantity")],
    )


@pytest.mark.parametrize("name", ["ID", "Id-", "i.d", "iD"])
def test_case_and_separators_do_not_count(name: str) -> None:
    """A name means what it means to Segment's own code; as the table spells it, it comes first."""
    assert sent(TABLE, {name: 1}) == {"Id": 1}
    assert sent(TABLE, {name: 1, "id": 2}) == {"Id": 2, name: 1}
    assert sent(TABLE, {name: None}) == {}


def test_a_list_of_objects_is_read_one_by_one() -> None:
    """Each object of a list is rewritten by the same table, unknown names included."""
    assert sent(ORDER, {"lines": [{"quantity": 2, "a": 1}, {}]}) == {
        "Lines": [{"Quantity": 2, "a": 1}, {"Quantity": 1}]
    }
    assert sent(ORDER, {"lines": []}) == {"Lines": []}


@pytest.mark.parametrize(
    "value",
    [
        '[{"quantity": 2}]',
        '{"quantity": 2}',
        {"0": {"quantity": 2}},
        {"a": {"quantity": 2}},
        {"quantity": 2},
    ],
)
def test_a_list_of_objects_in_another_form(value: Value) -> None:
    """JSON text of one, PHP's arrays with keys, and one object alone."""
    assert sent(ORDER, {"lines": value}) == {"Lines": [{"Quantity": 2}]}


@pytest.mark.parametrize("value", ["", "none", "7", "[1]", 7, True, [None], ["a"], {"0": 1}])
def test_what_is_no_list_of_objects(value: Value) -> None:
    """Where there is no object in it, the next source is tried, and the value goes on."""
    assert noted(ORDER, {"lines": value, "items": [{}]}) == (
        {"Lines": [{"Quantity": 1}], "lines": value},
        [("Lines", "lines")],
    )
    with pytest.raises(BadValueError):
        objects_in(value)


def test_the_others_of_a_list_are_noted() -> None:
    """What is no object costs its place, and what an object cannot tell its key."""
    assert noted(ORDER, {"lines": [None, {"quantity": "?"}, "a"]}) == (
        {"Lines": [{"Quantity": 1, "quantity": "?"}]},
        [("Lines", "lines[0]"), ("Quantity", "lines[1].quantity"), ("Lines", "lines[2]")],
    )
    assert noted(ORDER, {"lines": {"0": {}, "1": None}})[1] == [("Lines", "lines[1]")]
