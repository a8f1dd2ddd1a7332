"""A reader of flat records, written out as Python: what most writers' data take half the time with.

fastavro walks through the schema for each datum. Where each field of the envelope is text, bytes, a
long, an enum, or a union of such and null, the walk is known beforehand; so it is written out once
a schema, and compiled:

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

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consumer.avro.values import Node
    from consumer.core.model import Event

    FastReader = Callable[[bytes, int], Event]
    """Takes a value and where the datum starts in it."""

UNUSUAL: Final = (IndexError, KeyError, ValueError)
"""What a flat reader raises for a datum that it leaves to the careful one."""

_SIZE: Final = """
size = value[at]; at += 1
if size > 127:
    size = size & 127 | value[at] << 7; at += 1
    if size > 16383: size, at = long_size(size, value, at)
start = at
at += size >> 1
if size & 1: raise ValueError
"""
"""The size of text: a varint, doubled, for Avro's are signed."""

_INSTANT: Final = """
bits = from_bytes(value[at : at + 6], "little"); at += 6
if bits & 0x808080808081 != 0x008080808080: raise ValueError
bits = bits & 0x007F007F007F | (bits & 0x7F007F007F00) >> 1
{v} = (bits & 0x3FFF | bits >> 2 & 0xFFFC000 | bits >> 4 & 0x3FFF0000000) >> 1
"""
"""Milliseconds from 1987 to 2039 are varints of six bytes, not negative: their sevens of bits are
put together in twos, and then all three at once."""

_VARINT: Final = """
while value[at] > 127: at += 1
at += 1
"""

_TEXT: Final = _SIZE + "{v} = value[start:at].decode()\n"
_OBJECT: Final = (
    _SIZE
    + "{v} = loads(value[start:at])\n"
    + "if {v}.__class__ is not dict and {v} is not None: raise ValueError\n"
)
_SYMBOL: Final = "{v} = symbols_{v}[value[at]]; at += 1\n"
_NULL: Final = "{v} = None\n"

Reads: TypeAlias = "Mapping[str, str]"
"""The lines that read each type, as a format of the variable `v`; other types are not flat."""

TEXT: Final[Reads] = {"null": _NULL, "string": _TEXT, "enum": _SYMBOL}
INSTANT: Final[Reads] = {"null": _NULL, "long": _INSTANT, "string": _TEXT}
OBJECT: Final[Reads] = {"null": _NULL, "bytes": _OBJECT, "string": _OBJECT}
IGNORED: Final[Reads] = {
    "null": "pass",
    "string": _TEXT,
    "bytes": _SIZE,
    "int": _VARINT,
    "long": _VARINT,
    "enum": _SYMBOL,
    "boolean": "at += 1",
    "float": "at += 4",
    "double": "at += 8",
}

ONE_BYTE: Final = 64
"""So many branches and symbols have an index of one byte, which is twice their number."""


def reader(fields: Sequence[Node], purposes: Mapping[str, Reads]) -> FastReader | None:
    """Return the reader of an envelope with *fields*, as `safe_schema` made them; None if not flat.

    *purposes* tells how a field's values are read; those of a field that it does not name are
    passed over.
    """
    symbols: dict[str, object] = {}
    lines: list[str] = []
    for number, field in enumerate(fields):
        reads = purposes.get(cast("str", field["name"]), IGNORED)
        code = _field(cast("Node | str", field["type"]), reads, f"v{number}", symbols)
        if code is None:
            return None
        lines += code
    names = {str(field["name"]): f"v{number}" for number, field in enumerate(fields)}
    if kind := names.get("type"):
        lines.append(f"if {kind} is None: raise ValueError")  # no event is without one
    known = ", ".join(f"{name!r}: {names[name]}" for name in names if name in purposes)
    # What reads beyond the end comes to stand beyond it, and never goes back.
    lines += ["if at != len(value): raise ValueError", f"return {{{known}}}"]
    return _compiled(lines, symbols)


def _field(
    node: Node | str, reads: Reads, variable: str, symbols: dict[str, object]
) -> list[str] | None:
    """Return the lines that read a field of the type *node* into *variable*."""
    if isinstance(node, str) or node["type"] != "union":
        return _leaf(node, reads, variable, symbols)
    branches = [node[index] for index in range(len(node) - 1)]
    if len(branches) > ONE_BYTE:
        return None
    lines = ["branch = value[at]; at += 1"]
    for index, branch in enumerate(branches):
        code = _leaf(cast("Node | str", branch), reads, variable, symbols)
        if code is None:
            return None
        lines += [
            f"{'el' if index else ''}if branch == {2 * index}:",
            *(f"    {it}" for it in code),
        ]
    return [*lines, "else: raise ValueError"]


def _leaf(
    node: Node | str, reads: Reads, variable: str, symbols: dict[str, object]
) -> list[str] | None:
    kind = node if isinstance(node, str) else node["type"]
    code = reads.get(cast("str", kind))
    if code is None:
        return None
    if isinstance(node, dict):
        if "logicalType" in node:
            return None
        if kind == "enum":
            every = cast("dict[int, str]", node["symbols"])
            symbols[f"symbols_{variable}"] = {
                2 * index: symbol for index, symbol in every.items() if index < ONE_BYTE
            }
    return code.format(v=variable).strip().splitlines()


def _compiled(lines: Iterable[str], symbols: Mapping[str, object]) -> FastReader:
    body = "\n    ".join(["def read(value, at):", *lines])
    scope: dict[str, Any] = {
        "from_bytes": int.from_bytes,
        "loads": orjson.loads,
        "long_size": _long_size,
        **symbols,
    }
    exec(body, scope)  # noqa: S102 - our own text: nothing in it is the writer's
    return cast("FastReader", scope["read"])


def _long_size(size: int, value: bytes, at: int) -> tuple[int, int]:
    """Go on with a size of more than two bytes."""
    size &= (1 << 14) - 1
    for shift in (14, 21, 28):  # longer ones are of more than 16 GiB
        byte = value[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte <= 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
            return size, at
    raise ValueError
