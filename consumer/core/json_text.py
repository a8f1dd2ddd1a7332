r"""JSON text, read exactly: what the usual readers bend or refuse is kept, for others to judge.

orjson does the work. What it refuses though it is common, and what it rounds, is read by Python's
own reader:

    NaN, Infinity, 1e999        `NotFinite`, as Python's `json.dumps` writes them
    "\ud83d" without its half   the half, which UTF-8 cannot hold
    integers beyond 64 bits     their digits, as text
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from consumer.core.model import Value

_SIGNED_64: Final = range(-(2**63), 2**64)
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG: Final = b"0" * 19
"""So many digits may be more than 64 bits hold."""


_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


class NotFinite(float):
    """NaN or an infinity: JSON has no text for it.

    A class of its own, for orjson writes a plain float of this kind as null, silently, and refuses
    this one.
    """

    __slots__ = ()


def read_json(text: bytes | str) -> Value:
    """Return the JSON value in *text*.

    Raises:
        orjson.JSONDecodeError: *text* is no JSON, or nested too deep (`is_too_deep`).
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        value: Value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if is_too_deep(error):  # how deep Python's own reader goes depends on its version
            raise
    else:
        if _LONG not in raw.translate(_DIGITS_ALIKE):
            return value
    return _read_exactly(raw)


def kind_of(value: object) -> str:
    """Return what *value* is, in JSON's words; never the value."""
    if isinstance(value, float):
        return "a number" if isfinite(value) else "NaN or an infinity"
    return _KINDS.get(type(value), "something else")


def is_too_deep(error: orjson.JSONDecodeError) -> bool:
    """Tell whether the text has more levels than orjson reads (1,024)."""
    return "limit" in error.msg


def _read_exactly(raw: bytes) -> Value:
    try:
        value: Value = json.loads(
            raw.decode("utf-8", "surrogatepass"),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=NotFinite,
        )
    except (ValueError, RecursionError):
        value = orjson.loads(raw)  # has the words for what is wrong, and reads some levels more
    return value


def _integer(digits: str) -> int | str:
    # Twenty characters and a sign: `int` takes long for more, or refuses.
    return whole if len(digits) <= 21 and (whole := int(digits)) in _SIGNED_64 else digits  # noqa: PLR2004


def _float(digits: str) -> float:
    number = float(digits)
    return number if isfinite(number) else NotFinite(number)
