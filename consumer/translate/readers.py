"""What a row accepts, and what becomes of it.

A reader takes a value that is present and not null and returns what Seg gets. It knows neither
its name nor its place: it raises `BadValueError`, and whoever looked the value up adds the way
to it, step by step, as the error comes up.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias

from consumer.core.errors import DeadLetterReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Value

Reader: TypeAlias = "Callable[[Value], Value]"
"""Takes what a source holds, present and not null, and returns what Seg gets."""

_NUMERIC: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ADDRESS_MAX_CHARACTERS: Final = 254
_INT_MAX_CHARACTERS: Final = 20
"""No integer that JSON's usual readers hold (64 bits) is longer."""

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


class BadValueError(Exception):
    """A value that no reader of its row takes; the text never holds the value."""

    def __init__(self, reason: DeadLetterReason, problem: str) -> None:
        self.reason = reason
        self.problem = problem
        self.path = ""
        super().__init__(reason, problem)

    def within(self, step: str) -> BadValueError:
        """Note that the value was found inside *step*: a name, or `[2]` for a list's third."""
        separator = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{step}{separator}{self.path}"
        return self

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def unlike(expected: str, value: object) -> str:
    """Say that *expected* was due and what came instead: its type, never the value."""
    return f"expected {expected}, got {_KINDS.get(type(value), 'something else')}"


def scalar(value: Value) -> Value:
    """Return a boolean, number or text as it was given.

    Raises:
        BadValueError: `bad_property` for a list or an object.
    """
    kind = type(value)
    if kind is dict or kind is list:
        raise _bad_property(unlike("a single value", value))
    return value


def number(value: Value) -> Value:
    """Return a number, also from numeric text: `"18.99"` is 18.99, `"3"` is the integer 3.

    Money is never rounded: text with more digits than a double (or a 64-bit integer) holds is
    refused, and so are spaces, separators and every other base than ten.

    Raises:
        BadValueError: `bad_number`, also for NaN, the infinities and booleans.
    """
    if type(value) is float:
        if isfinite(value):
            return value
        raise _bad_number("expected a number, got NaN or an infinity")
    if type(value) is int:
        return value
    if type(value) is str:
        return _from_text(value)
    raise _bad_number(unlike("a number", value))


def _from_text(text: str) -> int | float:
    if _NUMERIC.fullmatch(text) is None:
        raise _bad_number(unlike("a number", text))
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
        raise _bad_number("expected a number that fits a double without rounding, got more digits")
    return nearest


def _bad_property(problem: str) -> BadValueError:
    return BadValueError(DeadLetterReason.BAD_PROPERTY, problem)


def _bad_number(problem: str) -> BadValueError:
    return BadValueError(DeadLetterReason.BAD_NUMBER, problem)


def gather(value: Value, texts: dict[Value, None]) -> None:
    """Add to *texts* the texts of a list, or a single one; nulls in a list count as absent.

    Raises:
        BadValueError: `bad_property` for anything else.
    """
    if type(value) is str:
        texts[value] = None
    elif type(value) is list:
        for element in value:
            if type(element) is str:
                texts[element] = None
            elif element is not None:
                raise _bad_property(unlike("text", element)).within(f"[{value.index(element)}]")
    else:
        raise _bad_property(unlike("text or a list of text", value))


def trimmed(value: Value) -> Value:
    """Return text without the spaces around it, and any other single value as it was given.

    Raises:
        BadValueError: `bad_property` for a list or an object.
    """
    return value.strip() if isinstance(value, str) else scalar(value)


def address(value: object) -> str | None:
    """Return the e-mail address that *value* is, trimmed; None where it is none.

    One `@`, a dot in the domain, no spaces, at most 254 characters.
    """
    if not isinstance(value, str) or "@" not in value:
        return None
    text = value.strip()
    if len(text) > _ADDRESS_MAX_CHARACTERS or _ADDRESS.fullmatch(text) is None:
        return None
    return text


AS_IT_IS: Final[dict[Reader, frozenset[type]]] = {
    scalar: frozenset({bool, int, float, str}),
    number: frozenset({int}),
    trimmed: frozenset({bool, int, float}),
}
"""The types that a reader returns as they are, whatever the value: nobody needs to call it."""
