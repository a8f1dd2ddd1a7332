"""Money as shops write it: read exactly, or not at all."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import DeadLetterReason
from consumer.translate.numbers import number
from consumer.translate.readers import BadValueError

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
        (" 12.5 ", 12.5),
        ("$12.50", 12.5),
        ("12.50 EUR", 12.5),
        ("€ 12,50", 12.5),
        ("R$ 10,00", 10.0),
        ("10.00 zł", 10.0),
        ("-$5", -5),
        ("$-5", -5),
        ("US$ 5", 5),
        ("1,299.00", 1299.0),
        ("1.299,00", 1299.0),
        ("1 299,00", 1299.0),
        ("1'299.00", 1299.0),
        ("1\u202f299,00", 1299.0),
        ("1,234,567", 1_234_567),
        ("1.234.567,89", 1234567.89),
        ("1 299", 1299),
        ("1.234,567", 1234.567),
        ("1.299", 1.299),
        ("€1.299", 1.299),
        ("0,299", 0.299),
        ("1234,567", 1234.567),
        ("12,5", 12.5),
        (",5", 0.5),
        ("5,", 5.0),
    ],
)
def test_numeric_text_becomes_a_number(text: str, expected: float) -> None:
    """Text that a number was written into is that number: an integer where it says so."""
    assert (expected, type(expected)) == (number(text), type(number(text)))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "nan", "inf", "-Infinity", "0x10", "1_000", "N/A", "$", "true", "٣"),
        *("1.2.3", "--1", "-$-5", ".", "e5", "1e", "5e", "1 e3", "5-7", "5%", "12 34", "1 2345"),
        *(
            "1,23,456",
            "1,234,567.89.0",
            "1,234.567,89",
            "1,234 567",
            "USD 5 EUR",
            "USDT 5",
            "1.299,-",
        ),
        *("12 k", "3M", "1 mio", "a1b", "€€€€5"),
    ],
)
def test_other_text_is_no_number(text: str) -> None:
    """No groups but of three, no other bases or scripts, no multiples, no second currency."""
    with pytest.raises(BadValueError) as caught:
        number(text)

    assert caught.value.reason == DeadLetterReason.BAD_NUMBER
    assert caught.value.problem == "expected a number, got text"


@pytest.mark.parametrize("text", ["1,299", "$1,299", "12,345", "-999,999 EUR"])
def test_a_text_of_two_readings_is_refused(text: str) -> None:
    """A comma with three digits behind it is decimals here and a thousand there."""
    with pytest.raises(BadValueError) as caught:
        number(text)

    assert caught.value.problem == "expected a number of one reading, got text of two"


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
    assert (value, type(value)) == (number(value), type(number(value)))


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


MARKS = st.sampled_from(["", "$", "€ ", "R$", "EUR "])
GROUPS = st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u00a0", ",")])


@given(st.integers(1_000, 10**12), st.integers(0, 99), GROUPS, MARKS, st.sampled_from(["", "-"]))
def test_grouped_money_has_the_value_of_its_digits(
    whole: int, cents: int, marks: tuple[str, str], currency: str, sign: str
) -> None:
    """Groups and a currency change nothing: what is read is exactly what was written."""
    group, point = marks
    text = f"{sign}{currency}{whole:,}".replace(",", group) + f"{point}{cents:02d}"

    assert Decimal(json.dumps(number(text))) == Decimal(f"{sign}{whole}.{cents:02d}")


PIECES = st.text(st.sampled_from("0123456789.,' -+$€eEk"), max_size=9)


def readings(text: str) -> set[Decimal]:
    """Return what *text* may mean: points or commas as decimals, all else as groups of three."""
    digits = text.strip().strip("$€k ").lstrip("+-").strip("$€k ")
    found = set()
    for point in ".,":
        whole, mark, decimals = (
            digits.rpartition(point) if digits.count(point) == 1 else ("", "", "")
        )
        if mark and re.fullmatch(r"[0-9]*", decimals) and (group := ungrouped(whole)) is not None:
            found.add(Decimal(f"{group or 0}.{decimals or 0}"))
    if (group := ungrouped(digits)) is not None and group:
        found.add(Decimal(group))
    return found


def ungrouped(text: str) -> str | None:
    """Return the digits of *text*, plain or in groups of three by one mark; None for others."""
    if re.fullmatch(r"[0-9]*", text):
        return text
    found = re.fullmatch(r"[1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*", text)
    return None if found is None else re.sub(r"[^0-9]", "", text)


@given(PIECES)
def test_two_readings_are_never_guessed(text: str) -> None:
    """Whatever is read could be meant, and nothing else: but that a point alone is decimal."""
    try:
        read = number(text)
    except BadValueError:
        return
    if re.search("[eE]", text):
        return  # an exponent: the tests above
    meant = readings(text)
    assert abs(Decimal(json.dumps(read))) in meant
    assert len(meant) == 1 or re.fullmatch(r"[^.,]*\.[^.,]*", text)
