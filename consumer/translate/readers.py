"""What a row accepts, and what becomes of it.

A reader takes a value that is present and not null and returns what Seg gets, or None where the
value counts as absent (an empty text). It knows neither its name nor its place: it raises
`BadValueError`, and whoever looked the value up notes the way to it. `numbers` has the reader of
numbers.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias

from consumer.core.errors import DeadLetterReason
from consumer.core.json_text import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Value

Reader: TypeAlias = "Callable[[Value], Value]"
"""Takes what a source holds, present and not null, and returns what Seg gets."""

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ADDRESS_MAX_CHARACTERS: Final = 254
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")


class BadValueError(Exception):
    """A value that no reader of its row takes; the text never holds the value."""

    def __init__(self, reason: DeadLetterReason, problem: str) -> None:
        self.reason = reason
        self.problem = problem
        super().__init__(reason, problem)


def unlike(expected: str, value: object) -> str:
    """Say that *expected* was due and what came instead: its type, never the value."""
    return f"expected {expected}, got {kind_of(value)}"


def bad_property(expected: str, value: object) -> BadValueError:
    """Return the error for *value* where *expected* was due."""
    return BadValueError(DeadLetterReason.BAD_PROPERTY, unlike(expected, value))


def scalar(value: Value) -> Value:
    """Return a boolean, number or text as it was given; a list of one text is that text.

    Raises:
        BadValueError: `bad_property` for any other list, an object, NaN and the infinities.
    """
    if type(value) is list and len(value) == 1 and type(value[0]) is str:
        value = value[0]
    if isinstance(value, (dict, list)) or (isinstance(value, float) and not isfinite(value)):
        raise bad_property("a single value", value)
    return None if value == "" else value


def trimmed(value: Value) -> Value:
    """Return text without the spaces around it, and any other single value as `scalar` does."""
    single = scalar(value)
    return single.strip() or None if isinstance(single, str) else single


def identifier(value: Value) -> str | None:
    """Return an id or a name as text, a number by its digits; None for an empty text.

    Raises:
        BadValueError: `bad_envelope` for a boolean, a list or an object.
    """
    if type(value) is str:
        return value or None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        problem = unlike("text or a number", value)
        raise BadValueError(DeadLetterReason.BAD_ENVELOPE, problem)
    return str(value)


def country_code(value: Value) -> Value:
    """Return a country that is written as two letters; a name of one counts as absent.

    Raises:
        BadValueError: `bad_property` for what is no text.
    """
    if type(value) is not str:
        raise bad_property("text", value)
    return value if _COUNTRY.fullmatch(value) else None


def gather(value: Value, texts: dict[str, None]) -> list[tuple[int, Value]]:
    """Add to *texts* the texts of a list, or a single one, numbers by their digits.

    Nulls and empty texts count as absent. Return what else is in the list, with its position.

    Raises:
        BadValueError: `bad_property` for anything else, and for a list with nothing to read.
    """
    if not isinstance(value, list):
        if (text := _text(value)) is None:
            raise bad_property("text or a list of text", value)
        texts.setdefault(text)
        return []
    present = [(at, each) for at, each in enumerate(value) if each is not None and each != ""]
    read = [_text(each) for _, each in present]
    if present and not any(read):
        raise bad_property("text in the list", present[0][1])
    for text in read:
        if text is not None:
            texts.setdefault(text)
    return [each for each, text in zip(present, read, strict=True) if text is None]


def _text(value: Value) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return str(value)


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
