"""The types of Avro that hold no others, each as an object that reads its data.

`read` takes the value of a record and where a datum begins in it, and returns the datum as a JSON
value and where it ends. It is right or raises: what is unusual, and what is damaged, is left to the
careful reader. Whatever it takes, it looks at a byte that is there or raises, so no count that a
datum claims lasts longer than its bytes. What reads beyond the end comes to stand beyond it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.avro.nodes import Node

_loads: Final = orjson.loads
_from_bytes: Final = int.from_bytes
_unpack_double: Final = struct.Struct("<d").unpack_from
_unpack_float: Final = struct.Struct("<f").unpack_from

_DECIMAL_BYTES: Final = 6
"""Longer ones may have more than the 15 digits that a double holds."""
_INSTANT_FROM: Final = 1 << 41
_INSTANT_UNTIL: Final = 1 << 42
"""Milliseconds from November 2004 to 2039, by zigzag."""


class Kind:
    """A type."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the datum at *at*, and where it ends.

        Raises:
            IndexError, ValueError, struct.error: it is not for the fast reader.
        """
        raise NotImplementedError


def _long(byte: int, value: bytes, at: int) -> tuple[int, int]:
    """Go on with a varint whose first *byte* says that more follow, up to 63 bits."""
    size = byte & 0x7F
    for shift in range(7, 63, 7):
        byte = value[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
            return size, at
    raise ValueError


def count_of(value: bytes, at: int) -> tuple[int, int]:
    """Return how many bytes or items follow, and where."""
    size = value[at]
    at += 1
    if size > 0x7F:  # noqa: PLR2004
        size, at = _long(size, value, at)
    if size & 1:  # by zigzag it is negative
        raise ValueError
    return size >> 1, at


class Null(Kind):
    """Nothing, in no byte."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:  # noqa: ARG002
        """Return None."""
        return None, at


class Boolean(Kind):
    """One byte, 0 or 1."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return whether it is 1."""
        if value[at] > 1:
            raise ValueError
        return value[at] == 1, at + 1


class Long(Kind):
    """An int or a long."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the number."""
        size = value[at]
        at += 1
        if size > 0x7F:  # noqa: PLR2004
            size, at = _long(size, value, at)
        return size >> 1 ^ -(size & 1), at


class Instant(Kind):
    """Milliseconds of our days."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return them."""
        byte = value[at]
        if byte <= 0x7F:  # noqa: PLR2004
            raise ValueError
        size, at = _long(byte, value, at + 1)
        if size & 1 or not _INSTANT_FROM <= size < _INSTANT_UNTIL:
            raise ValueError
        return size >> 1, at


class Float(Kind):
    """Four bytes."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the number."""
        return _unpack_float(value, at)[0], at + 4


class Double(Kind):
    """Eight bytes."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the number."""
        return _unpack_double(value, at)[0], at + 8


class Finite(Kind):
    """A double that JSON has."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the number."""
        number: float = _unpack_double(value, at)[0]
        if number - number != 0.0:  # NaN, also of the infinities
            raise ValueError
        return number, at + 8


class Text(Kind):
    """A string, or bytes that are to be one."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the text."""
        size = value[at]
        at += 1
        if size > 0x7F:  # noqa: PLR2004
            size, at = _long(size, value, at)
        if size & 1:
            raise ValueError
        end = at + (size >> 1)
        return value[at:end].decode(), end


class Bytes(Kind):
    """Bytes."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return them."""
        size, at = count_of(value, at)
        return value[at : at + size], at + size


class JsonObject(Kind):
    """The text of a JSON object, or of null."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the object."""
        size = value[at]
        at += 1
        if size > 0x7F:  # noqa: PLR2004
            size, at = _long(size, value, at)
        if size & 1:
            raise ValueError
        end = at + (size >> 1)
        it = _loads(value[at:end])
        if it is not None and type(it) is not dict:
            raise ValueError
        return it, end


class Decimal(Kind):
    """A decimal in bytes."""

    def __init__(self, scale: int) -> None:
        self._divisor: Final[int] = 10**scale

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the number that it is exactly, or that has its digits."""
        size, at = count_of(value, at)
        if size > _DECIMAL_BYTES:
            raise ValueError
        number: int = _from_bytes(value[at : at + size], "big", signed=True)
        return (number if self._divisor == 1 else number / self._divisor), at + size


class Fixed(Kind):
    """So many bytes."""

    def __init__(self, size: int) -> None:
        self._size: Final = size

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return them."""
        end = at + self._size
        if end > len(value):
            raise ValueError
        return value[at:end], end


def index_of(value: bytes, at: int) -> int:
    """Return the index of a branch or a symbol, in one byte."""
    index = value[at]
    if index & 1 or index > 0x7F:  # noqa: PLR2004
        raise ValueError
    return index >> 1


class Symbol(Kind):
    """An enum."""

    def __init__(self, symbols: list[str]) -> None:
        self._symbols: Final = symbols

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return the symbol."""
        return self._symbols[index_of(value, at)], at + 1


class Converted(Kind):
    """A type whose values a function of `values` makes JSON values."""

    def __init__(self, raw: Kind, convert: Callable[..., Any], node: Node) -> None:
        self._raw: Final = raw
        self._convert: Final = convert
        self._node: Final = node

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return what the function makes of it."""
        it, at = self._raw.read(value, at)
        return self._convert(it, self._node, None), at


class PassedOver(Kind):
    """An int or a long that nobody reads."""

    def read(self, value: bytes, at: int) -> tuple[Any, int]:
        """Return None."""
        while value[at] > 0x7F:  # noqa: PLR2004
            at += 1
        return None, at + 1
