"""Avro's numbers as JSON numbers: exact, and with no more digits than were meant.

Functions of fastavro's mechanism for logical types, see `values`.
"""

from __future__ import annotations

import base64
import math
import struct
from decimal import Context, Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

from fastavro import parse_schema, schemaless_reader

from consumer.core.json_text import NotFinite

if TYPE_CHECKING:
    from consumer.avro.nodes import Node
    from consumer.core.model import Value

_DECIMAL_MAX_BYTES: Final = 128
"""Far more digits than any price, few enough to convert in a microsecond."""
MAX_SCALE: Final = 128
_BIG_DECIMAL: Final = parse_schema(
    {
        "type": "record",
        "name": "BigDecimal",
        "fields": [{"name": "unscaled", "type": "bytes"}, {"name": "scale", "type": "int"}],
    }
)
_EXACT_BELOW: Final = 10**15
"""A double tells all numbers of 15 digits apart, and its shortest text is the number's own."""


def finite(data: float, _node: Node, _reader: object) -> float:
    """Return *data*, NaN and the infinities as `NotFinite`."""
    return data if math.isfinite(data) else NotFinite(data)


def shortest(data: float, _node: Node, _reader: object) -> float:
    """Return the number with the fewest digits that is the float *data*; `finite` holds, too."""
    if not math.isfinite(data):
        return NotFinite(data)
    single = struct.pack("<f", data)
    for digits in range(6, 9):  # six always fit into a float, nine always tell it from the next
        short = float(f"{data:.{digits}g}")
        if struct.pack("<f", short) == single:
            return short
    return float(f"{data:.9g}")


def text(data: bytes, _node: Node, _reader: object) -> str:
    """Return *data* as text where they are UTF-8, else in base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")


def decimal(data: bytes, node: Node, reader: object) -> Value:
    """Return the number with the unscaled value *data* and the node's scale.

    More than _DECIMAL_MAX_BYTES are no number that anybody means: they come as bytes do.
    """
    if len(data) > _DECIMAL_MAX_BYTES:
        return text(data, node, reader)
    return _scaled(int.from_bytes(data, "big", signed=True), cast("int", node["scale"]))


def big_decimal(data: bytes, node: Node, reader: object) -> Value:
    """Return the number in *data*: its unscaled value as bytes, then its scale.

    What is none, or has more than MAX_SCALE zeros, comes as bytes do.

    Source: Avro 1.12, "Decimal", the alternative representation; Java's `Conversions`.
    """
    try:
        written = cast("dict[str, object]", schemaless_reader(BytesIO(data), _BIG_DECIMAL, None))
    except (EOFError, LookupError):
        return text(data, node, reader)
    unscaled, scale = cast("bytes", written["unscaled"]), cast("int", written["scale"])
    if len(unscaled) > _DECIMAL_MAX_BYTES or abs(scale) > MAX_SCALE:
        return text(data, node, reader)
    number = int.from_bytes(unscaled, "big", signed=True)
    return _scaled(number, scale) if scale >= 0 else _scaled(number * 10**-scale, 0)


def _scaled(unscaled: int, scale: int) -> Value:
    """Return *unscaled* / 10 ** *scale*, as text where no double is exactly that."""
    if scale == 0:
        return unscaled if -(2**63) <= unscaled < 2**63 else str(unscaled)
    if abs(unscaled) < _EXACT_BELOW:
        short: float = unscaled / 10**scale
        return short
    exact = Decimal(unscaled).scaleb(-scale, Context(prec=len(str(abs(unscaled)))))
    number = float(exact)
    return number if Decimal(repr(number)) == exact else format(exact, "f")
