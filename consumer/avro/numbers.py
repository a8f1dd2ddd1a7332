"""Avro's numbers as JSON numbers: finite, exact, and with no more digits than were meant.

Functions of fastavro's mechanism for logical types, see `values`.
"""

from __future__ import annotations

import math
import struct
from decimal import Context, Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

from fastavro import parse_schema, schemaless_reader

from consumer.avro.nodes import FIELD
from consumer.core.errors import DeadLetterReason, PoisonError

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


def finite(data: float, node: Node, _reader: object) -> float:
    """Return *data* as it is.

    Raises:
        PoisonError: BAD_NUMBER for NaN and the infinities.
    """
    if math.isfinite(data):
        return data
    raise _bad(node, "a finite number, came NaN or infinity")


def shortest(data: float, node: Node, reader: object) -> float:
    """Return the number with the fewest digits that is the float *data*.

    Raises:
        PoisonError: BAD_NUMBER for NaN and the infinities.
    """
    single = struct.pack("<f", finite(data, node, reader))
    for digits in range(6, 9):  # six always fit into a float, nine always tell it from the next
        short = float(f"{data:.{digits}g}")
        if struct.pack("<f", short) == single:
            return short
    return float(f"{data:.9g}")


def decimal(data: bytes, node: Node, _reader: object) -> Value:
    """Return the number with the unscaled value *data*, the scale is the node's.

    Raises:
        PoisonError: BAD_NUMBER for more than _DECIMAL_MAX_BYTES.
    """
    return _scaled(_unscaled(data, node), cast("int", node["scale"]))


def big_decimal(data: bytes, node: Node, _reader: object) -> Value:
    """Return the number in *data*: its unscaled value as bytes, then its scale.

    Source: Avro 1.12, "Decimal", the alternative representation; Java's `Conversions`.

    Raises:
        PoisonError: BAD_NUMBER for what is none, or more than _DECIMAL_MAX_BYTES.
    """
    try:
        written = cast("dict[str, object]", schemaless_reader(BytesIO(data), _BIG_DECIMAL, None))
    except (EOFError, LookupError):
        raise _bad(node, "a big-decimal, came other bytes") from None
    unscaled, scale = _unscaled(cast("bytes", written["unscaled"]), node), written["scale"]
    if not isinstance(scale, int) or abs(scale) > MAX_SCALE:
        raise _bad(node, f"a big-decimal with a scale of at most {MAX_SCALE}, came a larger one")
    return _scaled(unscaled, scale) if scale >= 0 else _scaled(unscaled * 10**-scale, 0)


def _unscaled(data: bytes, node: Node) -> int:
    if len(data) > _DECIMAL_MAX_BYTES:
        raise _bad(node, f"a decimal of at most {_DECIMAL_MAX_BYTES} bytes, came {len(data)}")
    return int.from_bytes(data, "big", signed=True)


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


def _bad(node: Node, expected: str) -> PoisonError:
    return PoisonError(DeadLetterReason.BAD_NUMBER, f"{node[FIELD]}: expected {expected}")
