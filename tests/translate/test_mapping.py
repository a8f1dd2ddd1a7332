"""How a table rewrites an object."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from consumer.translate.mapping import Merged, Row, Table, each, rewrite, split
from consumer.translate.readers import BadValueError, number, scalar

if TYPE_CHECKING:
    from consumer.core.model import Object

TABLE = Table(
    (
        Row("Id", scalar, ("id", "sku")),
        Row("Sku", scalar, ("sku",)),
        Row("Price", number, ("price", "cost.amount")),
    ),
    (Merged("Tags", ("tags", "tag")),),
)
LINE = Table((Row("Quantity", number, ("quantity",)),), defaults={"Quantity": 1})


def test_the_first_source_that_is_present_wins() -> None:
    """Sources are tried in their order; null is absent, and 0, false and no text are present."""
    assert rewrite(TABLE, {"sku": "s", "id": 0}) == {"Id": 0, "Sku": "s"}
    assert rewrite(TABLE, {"id": None, "sku": ""}) == {"Id": "", "Sku": ""}
    assert rewrite(TABLE, {"id": False}) == {"Id": False}


def test_one_source_can_feed_two_rows() -> None:
    """A source that wins two rows is sent under both of their keys, and not under its own name."""
    assert rewrite(TABLE, {"sku": "s"}) == {"Id": "s", "Sku": "s"}


def test_the_loser_keeps_its_own_name() -> None:
    """What did not win is passed on, as it is: no row read it."""
    table = Table((Row("Revenue", number, ("revenue", "total")),))

    assert rewrite(table, {"total": "n/a", "revenue": "25"}) == {"Revenue": 25, "total": "n/a"}


def test_unknown_names_are_passed_on_as_they_are() -> None:
    """Whatever no row looks for goes on, nulls and nested values too, in the sender's order."""
    unknown: Object = {"b": None, "a": {"x": [1, None]}}

    assert {"Id": 7, **unknown} == rewrite(TABLE, {**unknown, "id": 7})
    assert list(rewrite(TABLE, {**unknown, "id": 7})) == ["Id", "b", "a"]


def test_a_known_name_that_holds_null_is_left_out() -> None:
    """A null is not sent under Seg's name, nor under its own."""
    assert rewrite(TABLE, {"id": 7, "sku": None, "price": None, "tags": None}) == {"Id": 7}
    assert rewrite(TABLE, {"Id": None, "Tags": None}) == {}


def test_a_name_with_dots_is_looked_up_inside_and_stays_there() -> None:
    """A nested source is copied, for its object is another's."""
    assert rewrite(TABLE, {"cost": {"amount": "3"}}) == {"Price": 3, "cost": {"amount": "3"}}
    assert rewrite(TABLE, {"price": 2, "cost": {"amount": "3"}}) == {
        "Price": 2,
        "cost": {"amount": "3"},
    }
    assert rewrite(TABLE, {"cost": "3"}) == {"cost": "3"}


def test_the_texts_of_all_sources_are_merged() -> None:
    """A merged key lists every source, in the order of the row, without doubles."""
    assert rewrite(TABLE, {"tag": "c", "tags": ["a", "b", "a"]}) == {"Tags": ["a", "b", "c"]}
    assert rewrite(TABLE, {"tags": []}) == {"Tags": []}


def test_segs_own_spelling_is_the_last_source() -> None:
    """A sender who writes Seg's words is understood, and read by the same reader."""
    assert rewrite(TABLE, {"Price": "3", "Tags": ["b"], "tag": "a"}) == {
        "Price": 3,
        "Tags": ["a", "b"],
    }


def test_a_name_that_is_taken_gets_an_underscore() -> None:
    """The row's value keeps Seg's name; the sender's goes on under the next free one."""
    assert rewrite(TABLE, {"Id": 2, "id": 1}) == {"Id": 1, "Id_": 2}
    assert rewrite(TABLE, {"Id": 2, "id": 1, "Id_": 3}) == {"Id": 1, "Id__": 2, "Id_": 3}


def test_a_default_stands_in_for_an_absent_source() -> None:
    """A default is sent where its row has no source."""
    assert rewrite(LINE, {"quantity": None}) == {"Quantity": 1}
    assert rewrite(LINE, {"quantity": 0}) == {"Quantity": 0}


def test_split_tells_apart_what_the_rows_took() -> None:
    """The two parts of an object can be sent in different places."""
    assert split(LINE, {"colour": "red", "quantity": "2"}) == ({"Quantity": 2}, {"colour": "red"})


def test_the_object_is_not_changed() -> None:
    """The sender's object, and all in it, stays as it was."""
    source: Object = {"id": 1, "Id": 2, "tags": ["a"], "tag": "b", "cost": {"amount": 1}, "x": None}

    before = deepcopy(source)

    rewrite(TABLE, source)

    assert source == before


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"id": ["a"]}, "id: expected a single value, got a list"),
        ({"cost": {"amount": "?"}}, "cost.amount: expected a number, got text"),
        ({"tag": {"a": 1}}, "tag: expected text or a list of text, got an object"),
        ({"Price": "?"}, "Price: expected a number, got text"),
    ],
)
def test_a_bad_value_is_named(source: Object, text: str) -> None:
    """The error names the source that won."""
    with pytest.raises(BadValueError) as caught:
        rewrite(TABLE, source)

    assert text == str(caught.value)


def test_a_list_of_objects_is_read_one_by_one() -> None:
    """Each object of a list is rewritten by the same table, unknown names included."""
    assert each(LINE)([{"quantity": 2, "a": 1}, {}]) == [{"Quantity": 2, "a": 1}, {"Quantity": 1}]
    assert each(LINE)([]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", ": expected a list of objects, got text"),
        ({"0": {}}, ": expected a list of objects, got an object"),
        ([{}, None], "[1]: expected an object, got null"),
        ([{}, {"quantity": []}], "[1].quantity: expected a number, got a list"),
    ],
)
def test_the_bad_one_of_a_list_is_named(value: str, text: str) -> None:
    """The error names the position, and the name inside."""
    with pytest.raises(BadValueError) as caught:
        each(LINE)(value)

    assert text == str(caught.value)
