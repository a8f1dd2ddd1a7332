"""The reader of numbers: money as shops write it, read exactly or not at all.

    18.99   "18.99"   " 18.99 "             18.99
    "$12.50"   "12.50 EUR"   "R$ 10,00"     one currency sign or code beside it
    "1,299.00"   "1.299,00"   "1 299,00"    groups of three, where only one reading is possible
    "1.299"                                 1.299: the decimal point, as everywhere in JSON
    "1,299"                                 two readings: refused

What is read has the digits that were written, as `Decimal` compares them. Where a double (or a
64-bit integer) cannot hold them the value is refused: money is never rounded and never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Final

from consumer.core.errors import DeadLetterReason
from consumer.translate.readers import BadValueError, unlike

if TYPE_CHECKING:
    from consumer.core.model import Value

_PLAIN: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MONEY: Final = re.compile(
    r"(?P<sign>[+-]?)(?P<before>[^0-9\s.,'\u2019+-]{0,3})\s*(?P<inner>[+-]?)\s*"
    r"(?P<digits>(?:[0-9][0-9.,'\u2019 \u00a0\u2009\u202f]*)?[0-9]|[.,][0-9]+|[0-9]+[.,])"
    r"\s*(?P<after>[^0-9\s.,'\u2019+-]{0,3})",
)
_GROUPED: Final = re.compile(
    r"(?P<whole>[1-9][0-9]{0,2}(?P<group>[.,'\u2019 \u00a0\u2009\u202f])[0-9]{3}"
    r"(?:(?P=group)[0-9]{3})*)"
    r"(?:(?P<point>(?!(?P=group))[.,])(?P<decimals>[0-9]+))?",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"(?P<whole>[0-9]*)[.,](?P<decimals>[0-9]*)", re.ASCII)
_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_MULTIPLES: Final = frozenset({"k", "m", "b", "e", "bn", "mn", "mio", "mrd", "tsd"})
"""What stands beside a number and is no currency: it multiplies."""

_INT_MAX_CHARACTERS: Final = 20
"""No integer that JSON's usual readers hold (64 bits) is longer."""


def number(value: Value) -> Value:
    """Return a number, also from text: `"18.99"` is 18.99, `"3"` is the integer 3.

    Raises:
        BadValueError: `bad_number`, also for NaN, the infinities and booleans.
    """
    if type(value) is float and isfinite(value):
        return value
    if type(value) is int:
        return value
    if type(value) is not str:
        raise _bad(unlike("a number", value))
    text = value.strip()
    return _exact(text if _PLAIN.fullmatch(text) else _money(text))


def _money(text: str) -> str:
    """Return the number in *text*, as JSON would write it."""
    found = _MONEY.fullmatch(text)
    if found is None or not _is_money(found):
        raise _bad(unlike("a number", text))
    return (found["sign"] or found["inner"]) + _plain(found["digits"])


def _is_money(found: re.Match[str]) -> bool:
    """Tell whether at most one sign and one currency stand beside the digits."""
    currency = found["before"] or found["after"]
    return (
        not (found["before"] and found["after"])
        and not (found["sign"] and found["inner"])
        and all(character.isalpha() or _is_symbol(character) for character in currency)
        and currency.lower() not in _MULTIPLES
    )


def _plain(digits: str) -> str:
    """Return *digits* with a point for the decimals, and nothing else between them."""
    grouped = _GROUPED.fullmatch(digits)
    if grouped is not None:
        group, decimals = grouped["group"], grouped["decimals"]
        many = len(grouped["whole"]) > len("999,999")
        if decimals is None and not many and group in ".,":
            if group == ".":
                return digits
            raise _bad("expected a number of one reading, got text of two")
        return _NOT_DIGITS.sub("", grouped["whole"]) + (f".{decimals}" if decimals else "")
    decimal = _DECIMAL.fullmatch(digits)
    if decimal is not None:
        return f"{decimal['whole']}.{decimal['decimals']}"
    if _NOT_DIGITS.search(digits):
        raise _bad("expected a number, got text")
    return digits


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) == "Sc"


def _exact(text: str) -> int | float:
    """Return the number that *text*, an ASCII numeral, is.

    Raises:
        BadValueError: `bad_number` for one that does not fit.
    """
    if text.lstrip("+-").isdigit() and len(text) <= _INT_MAX_CHARACTERS:
        whole = int(text)
        if -(2**63) <= whole < 2**64:
            return whole
    nearest = float(text)
    try:
        exact = Decimal(repr(nearest)) == Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        exact = False
    if not exact:
        raise _bad("expected a number that fits a double without rounding, got more digits")
    return nearest


def _bad(problem: str) -> BadValueError:
    return BadValueError(DeadLetterReason.BAD_NUMBER, problem)
