"""What a row accepts, and what becomes of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import DeadLetterReason
from consumer.translate.readers import BadValueError, address, gather, number, scalar, trimmed

if TYPE_CHECKING:
    from consumer.core.model import Value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18.99", 18.99),
        ("3", 3),
        ("007", 7),
        ("-2.50", -2.5),
        ("+1", 1),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("100000000000000000000", 1e20),
        ("0.1", 0.1),
    ],
)
def test_numeric_text_becomes_a_number(text: str, expected: float) -> None:
    """Text that a number was written into is that number: an integer where it says so."""
    assert (expected, type(expected)) == (number(text), type(number(text)))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "nan", "inf", "-Infinity", "1,5", "0x10", "1_000", "1 000", " 1", "1 "),
        *("1.2.3", "--1", ".", "e5", "1e", "€5", "5 USD", "true", "٣", "1\n"),
    ],
)
def test_other_text_is_no_number(text: str) -> None:
    """No spaces, separators, units, other bases, other scripts, NaN or infinities."""
    with pytest.raises(BadValueError) as caught:
        number(text)

    assert caught.value.reason == DeadLetterReason.BAD_NUMBER
    assert caught.value.problem == "expected a number, got text"


@pytest.mark.parametrize(
    "text",
    [
        "0.1000000000000000055511",
        "9007199254740993.0",
        "18446744073709551617",
        "123456789012345678901",
        "1e400",
        "1e-400",
        "1e1000000000000000000000",
        "9" * 5000,
    ],
)
def test_money_is_never_rounded(text: str) -> None:
    """Text with more digits than fit is refused, never rounded."""
    with pytest.raises(BadValueError) as caught:
        number(text)

    assert caught.value.reason == DeadLetterReason.BAD_NUMBER
    assert "without rounding" in caught.value.problem


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_from_text_has_the_value_of_the_text(exact: Decimal) -> None:
    """Whatever is accepted comes out of the JSON with the same value as went in."""
    try:
        read = number(str(exact))
    except BadValueError:
        return
    assert exact == Decimal(json.dumps(read))


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_prices_are_never_refused(price: Decimal) -> None:
    """An amount with cents always fits."""
    assert price == Decimal(json.dumps(number(str(price))))


@pytest.mark.parametrize("value", [0, -3, 19.99, 2**60])
def test_a_number_stays_as_it_is(value: float) -> None:
    """What is a number already keeps its value and its type."""
    assert value is number(value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (True, "expected a number, got a boolean"),
        ([1], "expected a number, got a list"),
        ({"amount": 1}, "expected a number, got an object"),
        (float("nan"), "expected a number, got NaN or an infinity"),
        (float("inf"), "expected a number, got NaN or an infinity"),
    ],
)
def test_what_is_no_number_is_refused_by_its_type(value: Value, problem: str) -> None:
    """The error names the type that came."""
    with pytest.raises(BadValueError) as caught:
        number(value)

    assert (DeadLetterReason.BAD_NUMBER, problem) == (caught.value.reason, caught.value.problem)


@pytest.mark.parametrize("value", ["", "Dice", 0, 7, 1.5, False, True])
def test_a_single_value_is_passed_as_given(value: Value) -> None:
    """Text, numbers and booleans stay what they are."""
    assert value is scalar(value)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, [], {}])
def test_a_list_or_object_is_no_single_value(value: Value) -> None:
    """Where one value is due, several are a bad property."""
    with pytest.raises(BadValueError) as caught:
        scalar(value)

    assert caught.value.reason == DeadLetterReason.BAD_PROPERTY


def gathered(*values: Value) -> list[Value]:
    """Return what `gather` makes of several sources."""
    texts: dict[Value, None] = {}
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


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (7, ": expected text or a list of text, got a number"),
        ({"a": 1}, ": expected text or a list of text, got an object"),
        (True, ": expected text or a list of text, got a boolean"),
        (["a", None, 7], "[2]: expected text, got a number"),
        (["a", ["b"]], "[1]: expected text, got a list"),
    ],
)
def test_only_text_can_be_gathered(value: Value, problem: str) -> None:
    """Anything but text is a bad property; in a list, its position is named."""
    with pytest.raises(BadValueError) as caught:
        gathered(value)

    assert (DeadLetterReason.BAD_PROPERTY, problem) == (caught.value.reason, str(caught.value))


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


def test_a_bad_value_says_where_it_was() -> None:
    """The steps to the value are added from the inside out."""
    error = BadValueError(DeadLetterReason.BAD_NUMBER, "expected a number, got text")

    error.within("price").within("[2]").within("products").within("properties")

    assert str(error) == "properties.products[2].price: expected a number, got text"
