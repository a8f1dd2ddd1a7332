"""Avro values as JSON values.

fastavro calls a function of this module for each value whose kind JSON lacks, by its own mechanism
for custom logical types: a node of the schema carries `logicalType: seg-...`, and `LOGICAL_READERS`
says which function that is. So a value is converted in the branch of the union that wrote it, where
two branches may give the same Python type (`bytes` and a decimal, `long` and a timestamp).

    float, double      a finite number; a float gets the shortest digits that mean it: 18.99 and not
                       18.989999771118164
    decimal            a number where a JSON number holds it exactly, else its digits as text;
                       big-decimal likewise
    bytes              text where they are UTF-8, else base64
    fixed              hexadecimal text; a uuid 8-4-4-4-12
    date, time-*       ISO 8601 text; duration likewise, P1M2DT3.004S
    timestamp-*        RFC 3339 text in UTC, all digits of the unit; local-timestamp-* without the Z
    record             without its null fields: in a record, null is the only way to be absent
    others             as they are; an unknown logical type is its underlying type (Avro's rule)
"""

from __future__ import annotations

import base64
import struct
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson
from fastavro.read import LOGICAL_READERS

from consumer.avro.nodes import FIELD, Node
from consumer.avro.numbers import big_decimal, decimal, finite, shortest
from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Object, Value

    Reader = Callable[..., Value]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000


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


def _text(data: bytes, _node: Node, _reader: object) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")


def _hex(data: bytes, _node: Node, _reader: object) -> str:
    return data.hex()


def _uuid(data: bytes, _node: Node, _reader: object) -> str:
    return str(uuid.UUID(bytes=data))


def _duration(data: bytes, _node: Node, _reader: object) -> str:
    months, days, ms = struct.unpack("<III", data)
    return f"P{months}M{days}DT{ms // 1000}.{ms % 1000:03d}S"


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
    ("float", ""): shortest,
    ("double", ""): finite,
    ("bytes", ""): _text,
    ("fixed", ""): _hex,
    ("record", ""): _present,
    ("bytes", "decimal"): decimal,
    ("fixed", "decimal"): decimal,
    ("bytes", "big-decimal"): big_decimal,
    ("fixed", "uuid"): _uuid,
    ("fixed", "duration"): _duration,
    ("int", "date"): _date,
    ("int", "time-millis"): _time(10**3),
    ("long", "time-micros"): _time(10**6),
    ("long", "time-nanos"): _time(10**9),
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
