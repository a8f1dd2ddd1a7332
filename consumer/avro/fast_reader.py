"""A reader written out as Python: what most writers' data take half the time with.

fastavro walks through the schema for each datum. The walk is known beforehand, so it is written out
once a schema, and compiled:

    branch = value[at]; at += 1                     `messageId`
    if branch == 0: v0 = None                       the first branch of its union, null
    elif branch == 2:                               the second, a string
        size = value[at]; at += 1
        ...
        v0 = value[start:at].decode()
    else: raise ValueError

Such a reader is right or raises. What is unusual in a datum (a number that is no time of our days,
an index in two bytes, an empty JSON text), and what is wrong with one, it leaves to the careful
reader in `decoder`, which has the words for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from consumer.avro.fast_code import IGNORED, Code, NotFastError
from consumer.core.errors import PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.avro.fast_code import Reads
    from consumer.avro.values import Node
    from consumer.core.model import Event

    FastReader: TypeAlias = Callable[[bytes, int], Event]
    """Takes a value and where the datum starts in it."""

UNUSUAL: Final = (IndexError, KeyError, ValueError, struct.error, PoisonError)
"""What a fast reader raises for a datum that it leaves to the careful one."""


def reader(fields: Sequence[Node], purposes: Mapping[str, Reads]) -> FastReader | None:
    """Return the reader of an envelope with *fields*, as `safe_schema` made them.

    None where they have what only the careful reader reads. *purposes* tells how a field's values
    are read; those of a field that it does not name are passed over.
    """
    code = Code(_SCOPE)
    lines: list[str] = []
    try:
        for number, field in enumerate(fields):
            reads = purposes.get(cast("str", field["name"]), IGNORED)
            lines += code.read(cast("Node | str", field["type"]), f"v{number}", reads)
    except NotFastError:
        return None
    names = {str(field["name"]): f"v{number}" for number, field in enumerate(fields)}
    if kind := names.get("type"):
        lines.append(f"if {kind} is None: raise ValueError")  # no event is without one
    known = ", ".join(f"{name!r}: {names[name]}" for name in names if name in purposes)
    # What reads beyond the end comes to stand beyond it, and never goes back.
    lines += ["if at != len(value): raise ValueError", f"return {{{known}}}"]
    return _compiled(lines, code.scope)


def _compiled(lines: Sequence[str], scope: dict[str, Any]) -> FastReader:
    exec("\n ".join(["def read(value, at):", *lines]), scope)  # noqa: S102 - our own text
    return cast("FastReader", scope["read"])


def _long_size(size: int, value: bytes, at: int) -> tuple[int, int]:
    """Go on with a varint of more than two bytes, up to 63 bits."""
    size &= (1 << 14) - 1
    for shift in range(14, 63, 7):
        byte = value[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
            return size, at
    raise ValueError


_SCOPE: Final[Mapping[str, object]] = {
    "from_bytes": int.from_bytes,
    "loads": orjson.loads,
    "long_size": _long_size,
    "unpack_double": struct.Struct("<d").unpack_from,
    "unpack_float": struct.Struct("<f").unpack_from,
}
