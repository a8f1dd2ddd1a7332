"""What a row accepts, and what becomes of it; `test_numbers` has the reader of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import DeadLetterReason
from consumer.translate.readers import (
    BadValueError,
    address,
    country_code,
    gather,
    identifier,
    scalar,
    trimmed,
)

if TYPE_CHECKING:
    from consumer.core.model import Value
    from consumer.translate.readers import Reader


@pytest.mark.parametrize("value", ["Dice", " ", 0, 7, 1.5, False, True])
def test_a_single_value_is_passed_as_given(value: Value) -> None:
    """Text, numbers and booleans stay what they are."""
    assert value is scalar(value)


@pytest.mark.parametrize("read", [scalar, trimmed])
@pytest.mark.parametrize(
    "value", [["a", "b"], [7], [["a"]], {"a": 1}, [], {}, float("nan"), float("-inf")]
)
def test_a_list_or_object_is_no_single_value(read: Reader, value: Value) -> None:
    """Where one value is due, several are a bad property, and so is no number at all."""
    with pytest.raises(BadValueError) as caught:
        read(value)

    assert caught.value.reason == DeadLetterReason.BAD_PROPERTY


@pytest.mark.parametrize("read", [scalar, trimmed])
def test_a_list_of_one_text_is_that_text(read: Reader) -> None:
    """Some senders wrap whatever they have."""
    assert read(["A"]) == "A"


def test_an_empty_text_is_absent() -> None:
    """It says nothing, whoever reads it."""
    assert [scalar(""), scalar([""]), trimmed(""), trimmed(" \n"), identifier("")] == [None] * 5


@pytest.mark.parametrize(
    ("value", "expected"), [("u-1", "u-1"), (5, "5"), (1.5, "1.5"), (2**70, str(2**70))]
)
def test_an_identifier_is_text(value: Value, expected: str) -> None:
    """A number is its digits."""
    assert identifier(value) == expected


@pytest.mark.parametrize("value", [True, ["a"], {"a": 1}, float("nan")])
def test_other_values_are_no_identifier(value: Value) -> None:
    """They are a bad envelope."""
    with pytest.raises(BadValueError) as caught:
        identifier(value)

    assert caught.value.reason == DeadLetterReason.BAD_ENVELOPE


def test_a_country_is_a_code_or_absent() -> None:
    """Two letters are a code; a name is no mistake, and no code either."""
    assert [country_code(it) for it in ("DE", "us", "USA", "Germany", "")] == [
        *("DE", "us"),
        *(None, None, None),
    ]
    with pytest.raises(BadValueError):
        country_code(["US"])


def gathered(*values: Value) -> list[str]:
    """Return what `gather` makes of several sources."""
    texts: dict[str, None] = {}
    for value in values:
        gather(value, texts)
    return list(texts)


def test_lists_and_single_texts_are_gathered_in_order_without_doubles() -> None:
    """A single text counts as a list of one; nulls in a list count as absent."""
    assert gathered(["Games", None, "Board Games", "Games"], "Dice", "Games") == [
        "Games",
        "Board Games",
        "Dice",
    ]


def test_numbers_are_gathered_as_their_text() -> None:
    """A brand may be a number; nulls and empty texts in a list say nothing."""
    assert gathered(7, [1.5, "", None, "7"]) == ["7", "1.5"]
    assert gathered([], [None, ""]) == []


def test_what_cannot_be_gathered_is_told() -> None:
    """The texts of a list count, and the rest of it comes back with its position."""
    texts: dict[str, None] = {}

    assert gather(["a", {"b": 1}, True, "c"], texts) == [(1, {"b": 1}), (2, True)]
    assert list(texts) == ["a", "c"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": 1}, "expected text or a list of text, got an object"),
        (True, "expected text or a list of text, got a boolean"),
        ([{"a": 1}], "expected text in the list, got an object"),
        ([None, ["b"]], "expected text in the list, got a list"),
    ],
)
def test_only_text_can_be_gathered(value: Value, problem: str) -> None:
    """Where nothing is text, the whole is a bad property."""
    with pytest.raises(BadValueError) as caught:
        gathered(value)

    assert (DeadLetterReason.BAD_PROPERTY, problem) == (caught.value.reason, caught.value.problem)


def test_text_is_trimmed_and_nothing_else_is_changed() -> None:
    """Spaces around an address go; capitals stay."""
    assert (trimmed(" Jane@Example.com\n"), trimmed(7)) == ("Jane@Example.com", 7)


@pytest.mark.parametrize(
    "text",
    ["a@b.c", "Zoë.Å@exämple.com", "x+y@sub.example.co.uk", "a" * 242 + "@example.com", "'q'@a.b"],
)
def test_an_address(text: str) -> None:
    """One `@`, a dot in the domain, no spaces, at most 254 characters; trimmed, else as given."""
    assert text == address(f" {text}\t")


@pytest.mark.parametrize(
    "value",
    [
        *("", "@", "a@b", "@b.c", "a@.c", "a@b.", "a@@b.c", "a@b@c.d", "a b@c.d", "a@b c.d", "n/a"),
        *("a@b.c\u00a0d", "a" * 243 + "@example.com", 7, None, True, ["a@b.c"], {"a": "a@b.c"}),
    ],
)
def test_no_address(value: Value) -> None:
    """Anything else is no address."""
    assert address(value) is None
