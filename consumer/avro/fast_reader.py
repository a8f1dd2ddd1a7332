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

from consumer.avro.fast_code import IGNORED, Code, NotFastError, branches_of
from consumer.avro.shapes import AFTER
from consumer.core.errors import PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.avro.fast_code import Reads
    from consumer.avro.nodes import Node
    from consumer.core.model import Event

FastReader: TypeAlias = "Callable[[bytes, int], Event]"
"""Takes a value and where the datum starts in it."""

UNUSUAL: Final = (IndexError, KeyError, ValueError, struct.error, PoisonError)
"""What a fast reader raises for a datum that it leaves to the careful one."""


def reader(
    fields: Sequence[Node],
    purposes: Mapping[str, Reads],
    implied: Mapping[str, str],
    row: Sequence[Node] | None,
) -> FastReader | None:
    """Return the reader of an event with *fields*, as `safe_schema` made them.

    None where they have what only the careful reader reads. *purposes* tells how a field's values
    are read; those of a field that it does not name are passed over. *implied* is put in. *row* is
    the envelope of Debezium's around it, where there is one.
    """
    code = Code(_SCOPE)
    try:
        lines = _event(code, fields, purposes, implied)
        if row is not None:
            lines = _row(code, row, lines)
    except NotFastError:
        return None
    # What reads beyond the end comes to stand beyond it, and never goes back.
    return _compiled([*lines, "if at != len(value): raise ValueError", "return event"], code.scope)


def of_branches(readers: Sequence[FastReader | None]) -> FastReader:
    """Return the reader of a union with *readers* for its branches."""
    by_index = {2 * index: it for index, it in enumerate(readers) if it is not None}
    return lambda value, at: by_index[value[at]](value, at + 1)


def _event(
    code: Code, fields: Sequence[Node], purposes: Mapping[str, Reads], implied: Mapping[str, str]
) -> list[str]:
    lines: list[str] = []
    parts = [f"{name!r}: {it!r}" for name, it in implied.items()]
    for number, field in enumerate(fields):
        name = cast("str", field["name"])
        reads = purposes.get(name, IGNORED)
        lines += code.read(cast("Node | str", field["type"]), f"v{number}", reads)
        if name in purposes:
            parts.append(f"{name!r}: v{number}")
        if name == "type":
            lines.append(f"if v{number} is None: raise ValueError")  # no event is without one
    return [*lines, f"event = {{{', '.join(parts)}}}"]


def _row(code: Code, row: Sequence[Node], event: Sequence[str]) -> list[str]:
    """Return the lines that read the fields of *row*, of which one is the *event*."""
    lines: list[str] = []
    for field in row:
        kind = cast("Node", field["type"])
        if field["name"] != AFTER:
            lines += code.read(kind, "_", IGNORED)
        elif kind["type"] == "union":
            index = next(at for at, it in enumerate(branches_of(kind)) if it != "null")
            lines += [f"if value[at] != {2 * index}: raise ValueError", "at += 1", *event]
        else:
            lines += event
    return lines


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
