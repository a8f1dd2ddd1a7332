"""The lines of Python that read each type of Avro, for `fast_reader`.

A line reads at `value[at]`, moves `at` on and assigns what it read. What is nested is written in
place: a call would cost as much as the reading. Whatever a line takes, it looks at a byte that is
there or raises, so no count that a datum claims lasts longer than its bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

from fastavro.read import LOGICAL_READERS

from consumer.avro.safe_schema import MAX_BRANCHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.avro.nodes import Node

_LONG_FROM_BYTE: Final = """
size = value[at]; at += 1
if size > 127:
    size = size & 127 | value[at] << 7; at += 1
    if size > 16383: size, at = long_size(size, value, at)
"""
"""A varint. Avro's are signed by zigzag: a size is doubled, an odd one is negative."""

_SIZE: Final = _LONG_FROM_BYTE + "start = at\nat += size >> 1\nif size & 1: raise ValueError\n"
_LONG: Final = _LONG_FROM_BYTE + "{v} = size >> 1 ^ -(size & 1)\n"
_TEXT: Final = _SIZE + "{v} = value[start:at].decode()\n"
_BYTES: Final = _SIZE + "{v} = value[start:at]\n"
_DOUBLE: Final = "{v}, = unpack_double(value, at); at += 8\n"
_FLOAT: Final = "{v}, = unpack_float(value, at); at += 4\n"
_FINITE: Final = _DOUBLE + "if {v} - {v}: raise ValueError\n"  # NaN, also of the infinities
_FIXED: Final = "{v} = value[at : at + {size}]; at += {size}\nvalue[at - 1]\n"
_BOOLEAN: Final = "{v} = value[at] == 1\nif value[at] > 1: raise ValueError\nat += 1\n"
_SYMBOL: Final = "{v} = {symbols}[value[at]]; at += 1\n"
_NULL: Final = "{v} = None\n"
_OBJECT: Final = (
    _SIZE
    + "{v} = loads(value[start:at])\n"
    + "if {v}.__class__ is not dict and {v} is not None: raise ValueError\n"
)
_DECIMAL: Final = (
    _SIZE
    + "if size > 12: raise ValueError\n"  # six bytes are less than the 15 digits that a double has
    + '{v} = from_bytes(value[start:at], "big", signed=True){scaled}\n'
)
_INSTANT: Final = """
bits = from_bytes(value[at : at + 6], "little"); at += 6
if bits & 0xC08080808081 != 0x408080808080: raise ValueError
bits = bits & 0x007F007F007F | (bits & 0x7F007F007F00) >> 1
{v} = (bits & 0x3FFF | bits >> 2 & 0xFFFC000 | bits >> 4 & 0x3FFF0000000) >> 1
"""
"""Milliseconds from November 2004 to 2039 are varints of six bytes, not negative, and the highest
bit is set: their sevens of bits are put together in twos, and then all three at once."""

Reads: TypeAlias = "Mapping[str, str]"
"""The lines that read each type, by its name or by `type logical-type` where its values are
converted; types that it does not name are read by the careful reader."""

VALUE: Final = {
    "null": _NULL,
    "boolean": _BOOLEAN,
    "int": _LONG,
    "long": _LONG,
    "float": _FLOAT,
    "double": _DOUBLE,
    "double seg-value-": _FINITE,
    "string": _TEXT,
    "bytes": _BYTES,
    "bytes seg-value-": _TEXT,
    "bytes seg-value-decimal": _DECIMAL,
    "fixed": _FIXED,
    "enum": _SYMBOL,
    "array": "",
    "map": "",
    "record": "",
}
_OF_RECORD: Final = VALUE | {"null": "pass"}  # a null field is absent, see `values`
OBJECT: Final = VALUE | {"bytes": _OBJECT, "string": _OBJECT}
INSTANT: Final = VALUE | dict.fromkeys(
    ("long", "long seg-instant-timestamp-millis", "long seg-instant-local-timestamp-millis"),
    _INSTANT,
)
IGNORED: Final = VALUE | {"int": "while value[at] > 127: at += 1\nat += 1\n", "bytes": _SIZE}

_CONVERTED: Final = {
    "int": _LONG,
    "long": _LONG,
    "float": _FLOAT,
    "bytes": _BYTES,
    "fixed": _FIXED,
}
"""How a value is read that a function of `values` converts then."""

MAX_TYPES: Final = 1_000
MAX_LEVELS: Final = 12
"""Python nests no more than twenty loops, and an array's items are in two."""


class NotFastError(Exception):
    """The schema has what only the careful reader reads."""


class Code:
    """The lines of one reader, and the objects that stand in them by a name."""

    def __init__(self, scope: Mapping[str, object]) -> None:
        self.scope = dict(scope)
        self._types = 0
        self._numbers = 0

    def read(self, node: Node | str, into: str, reads: Reads, level: int = 1) -> list[str]:
        """Return the lines that assign a value of the type *node* to *into*, by *reads*.

        Raises:
            NotFastError: for a type that *reads* does not have, or too many types.
        """
        self._types += 1
        if self._types > MAX_TYPES or level > MAX_LEVELS:
            raise NotFastError
        if isinstance(node, str):
            node = {"type": node}
        match node["type"]:
            case "union":
                return self._union(node, into, reads, level)
            case "record" if "record" in reads:
                return self._record(node, into, level)
            case "map" if "map" in reads:
                return self._map(node, into, level)
            case "array" if "array" in reads:
                return self._array(node, into, level)
            case _:
                return self._leaf(node, into, reads)

    def _union(self, node: Node, into: str, reads: Reads, level: int) -> list[str]:
        branches = branches_of(node)
        if len(branches) > MAX_BRANCHES:
            raise NotFastError
        lines = ["branch = value[at]; at += 1"]
        for index, branch in enumerate(branches):
            code = self.read(branch, into, reads, level + 1)
            lines += [f"{'el' if index else ''}if branch == {2 * index}:", *indented(code)]
        return [*lines, "else: raise ValueError"]

    def _record(self, node: Node, into: str, level: int) -> list[str]:
        name = self._named("object")
        lines = [f"{name} = {into} = {{}}"]
        for field in cast("Sequence[Node]", node["fields"]):
            kind = cast("Node | str", field["type"])
            place = f"{name}[{field['name']!r}]"  # a literal: text of the writer's is never code
            lines += self.read(kind, place, _OF_RECORD, level + 1)
        return lines

    def _map(self, node: Node, into: str, level: int) -> list[str]:
        name, key = self._named("map"), self._named("key")
        place = f"{name}[{key}]"
        code = self.read(cast("Node | str", node["values"]), place, VALUE, level + 1)
        return [f"{name} = {into} = {{}}", *_items([*_lines(_TEXT, v=key), *code])]

    def _array(self, node: Node, into: str, level: int) -> list[str]:
        name, item = self._named("items"), self._named("item")
        code = self.read(cast("Node | str", node["items"]), item, VALUE, level + 1)
        return [f"{name} = {into} = []", *_items([*code, f"{name}.append({item})"])]

    def _leaf(self, node: Node, into: str, reads: Reads) -> list[str]:
        kind = cast("str", node["type"])
        logical = cast("str | None", node.get("logicalType"))
        template = reads.get(kind if logical is None else f"{kind} {logical}")
        if template is not None:
            return _lines(template, v=into, **self._details(node))
        if logical is None or kind not in reads or kind not in _CONVERTED:
            raise NotFastError
        convert = self._object("convert", LOGICAL_READERS[f"{kind}-{logical}"])
        raw = _lines(_CONVERTED[kind], v="raw", size=node.get("size"))
        return [*raw, f"{into} = {convert}(raw, {self._object('node', node)}, None)"]

    def _details(self, node: Node) -> dict[str, object]:
        """Return what a template may need of *node* besides the place for the value."""
        if node["type"] == "enum":
            every = cast("dict[int, str]", node["symbols"])
            symbols = {2 * index: symbol for index, symbol in every.items() if index < MAX_BRANCHES}
            return {"symbols": self._object("symbols", symbols)}
        scale = cast("int", node.get("scale", 0))
        return {"size": node.get("size"), "scaled": f" / {10**scale}" if scale else ""}

    def _object(self, name: str, it: object) -> str:
        name = self._named(name)
        self.scope[name] = it
        return name

    def _named(self, name: str) -> str:
        self._numbers += 1
        return f"{name}_{self._numbers}"


def branches_of(union: Node) -> list[Node | str]:
    """Return the types of *union*, which `safe_schema` keeps by their index."""
    return [cast("Node | str", union[index]) for index in range(len(union) - 1)]


def indented(lines: Iterable[str]) -> list[str]:
    """Return *lines* as a block."""
    return [f" {line}" for line in lines]


def _items(code: Sequence[str]) -> list[str]:
    """Return the lines that run *code* for each item of an array or map.

    Blocks with a negative count, which say their size, are rare: they raise ValueError.
    """
    lines = [*_lines(_LONG_FROM_BYTE), "if not size: break", "if size & 1: raise ValueError"]
    return ["while True:", *indented([*lines, "for _ in range(size >> 1):", *indented(code)])]


def _lines(template: str, **details: object) -> list[str]:
    return template.format(**details).strip().splitlines()
