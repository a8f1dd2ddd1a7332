"""Avro values as JSON values.

fastavro calls a function of this module for each value whose kind JSON lacks, by its own mechanism
for custom logical types: a node of the schema carries `logicalType: seg-...`, and `LOGICAL_READERS`
says which function that is. So a value is converted in the branch of the union that wrote it, where
two branches may give the same Python type (`bytes` and a decimal, `long` and a timestamp).

    float, double      a finite number; a float gets the shortest digits that mean it: 18.99 and not
                       18.989999771118164
    decimal            a number where a JSON number holds it exactly, else its digits as text
    bytes, fixed       text where they are UTF-8, else base64
    uuid on fixed      text, 8-4-4-4-12
    date, time-*       ISO 8601 text
    timestamp-*        RFC 3339 text in UTC, all digits of the unit; local-timestamp-* without the Z
    record             without its null fields: in a record, null is the only way to be absent
    others             as they are; an unknown logical type is its underlying type (Avro's rule)
"""

from __future__ import annotations

import base64
import math
import struct
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import orjson
from fastavro.read import LOGICAL_READERS

from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Object, Value

    Reader = Callable[..., Value]

Node: TypeAlias = "dict[str | int, object]"
"""A node of a reading schema, see `plan`."""

FIELD: Final = "seg-field"
"""The key under which a node keeps the name of its field, for the texts of errors."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
_DECIMAL_MAX_BYTES: Final = 128
"""Far more digits than any price, few enough to convert in a microsecond."""
_EXACT_BELOW: Final = 10**15
"""A double tells all numbers of 15 digits apart, and its shortest text is the number's own."""


def open_object(text: bytes | str, field: str) -> Object | None:
    """Return the JSON object that *text* holds; None where it is empty or JSON's null.

    Raises:
        PoisonError: BAD_JSON, TOO_DEEP, or BAD_ENVELOPE where *text* is neither text nor bytes.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if text in (b"", ""):
            return None
        raise _no_object(text, field, error) from None
    if type(value) is dict or value is None:
        return value
    raise PoisonError(
        DeadLetterReason.BAD_JSON,
        f"{field}: expected the text of a JSON object, came that of a {type(value).__name__}",
    )


def _no_object(text: object, field: str, error: orjson.JSONDecodeError) -> PoisonError:
    if not isinstance(text, bytes | str):
        reason = DeadLetterReason.BAD_ENVELOPE
        detail = f"an object or its JSON text, came {type(text).__name__}"
    elif "limit" in error.msg:
        reason = DeadLetterReason.TOO_DEEP
        detail = "a JSON object of moderate depth, came one of more than 1,024 levels"
    else:
        reason = DeadLetterReason.BAD_JSON
        detail = f"the text of a JSON object: {error.msg} at character {error.pos}"
    return PoisonError(reason, f"{field}: expected {detail}")


def _finite(data: float, node: Node, _reader: object) -> float:
    if math.isfinite(data):
        return data
    raise PoisonError(
        DeadLetterReason.BAD_NUMBER,
        f"{node[FIELD]}: expected a finite number, came NaN or infinity",
    )


def _shortest(data: float, node: Node, reader: object) -> float:
    single = struct.pack("<f", _finite(data, node, reader))
    for digits in range(6, 9):  # six always fit into a float, nine always tell it from the next
        short = float(f"{data:.{digits}g}")
        if struct.pack("<f", short) == single:
            return short
    return float(f"{data:.9g}")


def _text(data: bytes, _node: Node, _reader: object) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")


def _uuid(data: bytes, _node: Node, _reader: object) -> str:
    return str(uuid.UUID(bytes=data))


def _decimal(data: bytes, node: Node, _reader: object) -> Value:
    if len(data) > _DECIMAL_MAX_BYTES:
        raise PoisonError(
            DeadLetterReason.BAD_NUMBER,
            f"{node[FIELD]}: expected a decimal of at most {_DECIMAL_MAX_BYTES} bytes,"
            f" came {len(data)}",
        )
    unscaled = int.from_bytes(data, "big", signed=True)
    scale = cast("int", node["scale"])
    if scale == 0:
        return unscaled if -(2**63) <= unscaled < 2**63 else str(unscaled)
    if abs(unscaled) < _EXACT_BELOW:
        return unscaled / 10**scale
    exact = Decimal(unscaled).scaleb(-scale, Context(prec=len(str(abs(unscaled)))))
    number = float(exact)
    return number if Decimal(repr(number)) == exact else format(exact, "f")


def _date(data: int, node: Node, _reader: object) -> str:
    return _moment(data * 86_400, node).date().isoformat()


def _time(per_second: int) -> Reader:
    def read(data: int, node: Node, _reader: object) -> str:
        if not 0 <= data < 86_400 * per_second:
            raise _out_of_range(node)
        seconds, fraction = divmod(data, per_second)
        return _moment(seconds, node).time().isoformat() + _fraction(fraction, per_second)

    return read


def _timestamp(per_second: int, zone: str) -> Reader:
    def read(data: int, node: Node, _reader: object) -> str:
        seconds, fraction = divmod(data, per_second)
        moment = _moment(seconds, node).replace(tzinfo=None)
        return moment.isoformat() + _fraction(fraction, per_second) + zone

    return read


def _moment(seconds: int, node: Node) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise _out_of_range(node) from None


def _fraction(units: int, per_second: int) -> str:
    return f".{units:0{len(str(per_second)) - 1}d}"


def _out_of_range(node: Node) -> PoisonError:
    return PoisonError(
        DeadLetterReason.BAD_NUMBER,
        f"{node[FIELD]}: expected a date or time within the years 1 to 9999, came one outside",
    )


def _present(data: Object, _node: Node, _reader: object) -> Object:
    return {name: value for name, value in data.items() if value is not None}


def _floor(units: int) -> Reader:
    return lambda data, _node, _reader: data // units


VALUE_READERS: Final[dict[tuple[str, str], Reader]] = {
    ("float", ""): _shortest,
    ("double", ""): _finite,
    ("bytes", ""): _text,
    ("fixed", ""): _text,
    ("record", ""): _present,
    ("bytes", "decimal"): _decimal,
    ("fixed", "decimal"): _decimal,
    ("fixed", "uuid"): _uuid,
    ("int", "date"): _date,
    ("int", "time-millis"): _time(10**3),
    ("long", "time-micros"): _time(10**6),
    ("long", "timestamp-millis"): _timestamp(10**3, "Z"),
    ("long", "timestamp-micros"): _timestamp(10**6, "Z"),
    ("long", "timestamp-nanos"): _timestamp(10**9, "Z"),
    ("long", "local-timestamp-millis"): _timestamp(10**3, ""),
    ("long", "local-timestamp-micros"): _timestamp(10**6, ""),
    ("long", "local-timestamp-nanos"): _timestamp(10**9, ""),
}
"""By type and logical type ("" for none): how a value within an open object, or an id, is read."""

INSTANT_READERS: Final[dict[tuple[str, str], Reader]] = {
    ("int", "date"): lambda data, _node, _reader: data * _DAY_MS,
    ("long", "timestamp-micros"): _floor(10**3),
    ("long", "timestamp-nanos"): _floor(10**6),
    ("long", "local-timestamp-micros"): _floor(10**3),
    ("long", "local-timestamp-nanos"): _floor(10**6),
}
"""How the envelope's timestamps become milliseconds; a long without a row holds them already."""


LOGICAL_READERS.update(
    {
        f"{kind}-seg-{purpose}-{logical}": reader
        for purpose, readers in (("value", VALUE_READERS), ("instant", INSTANT_READERS))
        for (kind, logical), reader in readers.items()
    }
)


def _too_deep(*_: object) -> Value:
    raise PoisonError(
        DeadLetterReason.TOO_DEEP, "expected a datum of moderate depth, came one of too many levels"
    )


LOGICAL_READERS["null-seg-too-deep"] = _too_deep
TOO_DEEP: Final[Node] = {"type": "null", "logicalType": "seg-too-deep"}
"""The node of a type that must not be reached."""


def as_value(kind: str, logical: str) -> str | None:
    """Return the logical type that makes fastavro read such a node as a JSON value, if any must."""
    return f"seg-value-{logical}" if (kind, logical) in VALUE_READERS else None


def as_instant(kind: str, logical: str) -> str | None:
    """Return the logical type that makes fastavro read such a node as milliseconds, if any must."""
    return f"seg-instant-{logical}" if (kind, logical) in INSTANT_READERS else None


def as_object(kind: str, logical: str) -> str | None:
    """Like `as_value`, but leave bytes alone: on an open object they are its JSON text."""
    return as_value(kind, logical) if kind in {"map", "record"} else None


def as_is(_kind: str, _logical: str) -> str | None:
    """Convert nothing: the field is thrown away."""
    return None
