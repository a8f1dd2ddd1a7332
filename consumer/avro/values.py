"""Avro values as JSON values.

fastavro calls a function of this module for each value whose kind JSON lacks, by its own mechanism
for custom logical types: a node of the schema carries `logicalType: seg-...`, and `LOGICAL_READERS`
says which function that is. So a value is converted in the branch of the union that wrote it, where
two branches may give the same Python type (`bytes` and a decimal, `long` and a timestamp).

    float, double      the number; a float gets the shortest digits that mean it: 18.99 and not
                       18.989999771118164. NaN and the infinities are `NotFinite`
    decimal            a number where a JSON number holds it exactly, else its digits as text;
                       big-decimal likewise
    bytes              text where they are UTF-8, else base64
    fixed              hexadecimal text; a uuid 8-4-4-4-12
    date, time-*       ISO 8601 text; duration likewise, P1M2DT3.004S
    timestamp-*        RFC 3339 text in UTC, all digits of the unit; local-timestamp-* without a Z;
                       beyond the calendar the number itself
    record             without its null fields: in a record, null is the only way to be absent
    others             as they are; an unknown logical type is its underlying type (Avro's rule)
"""

from __future__ import annotations

import math
import struct
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson
from fastavro.read import LOGICAL_READERS

from consumer.avro.numbers import big_decimal, decimal, finite, shortest, text
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.json_text import NotFinite, is_too_deep, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.avro.nodes import Node
    from consumer.core.model import Object, Value

    Reader = Callable[..., Value]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
_MILLISECONDS_NOW: Final = range(10**12, 10**13)


def open_object(text: bytes | str, field: str) -> Value:
    """Return the JSON value that *text* holds, an object as a rule; None where it is empty.

    Raises:
        PoisonError: BAD_JSON, TOO_DEEP.
    """
    if not text:
        return None
    try:
        return read_json(text)
    except orjson.JSONDecodeError as error:
        if is_too_deep(error):
            reason = DeadLetterReason.TOO_DEEP
            detail = "a JSON object of moderate depth, came one of more than 1,024 levels"
        else:
            reason = DeadLetterReason.BAD_JSON
            detail = f"the text of a JSON object: {error.msg} at character {error.pos}"
        raise PoisonError(reason, f"{field}: expected {detail}") from None


def _hex(data: bytes, _node: Node, _reader: object) -> str:
    return data.hex()


def _uuid(data: bytes, _node: Node, _reader: object) -> str:
    return str(uuid.UUID(bytes=data))


def _duration(data: bytes, _node: Node, _reader: object) -> str:
    months, days, ms = struct.unpack("<III", data)
    return f"P{months}M{days}DT{ms // 1000}.{ms % 1000:03d}S"


def _date(data: int, _node: Node, _reader: object) -> str | int:
    moment = _moment(data * 86_400)
    return data if moment is None else moment.date().isoformat()


def _time(per_second: int) -> Reader:
    def read(data: int, _node: Node, _reader: object) -> str | int:
        seconds, fraction = divmod(data, per_second)
        moment = _moment(seconds)
        if moment is None or not 0 <= seconds < 86_400:  # noqa: PLR2004 - a day
            return data
        return moment.time().isoformat() + _fraction(fraction, per_second)

    return read


def _timestamp(per_second: int, zone: str) -> Reader:
    def read(data: int, _node: Node, _reader: object) -> str | int:
        seconds, fraction = divmod(data, per_second)
        moment = _moment(seconds)
        if moment is None:
            return data
        return moment.replace(tzinfo=None).isoformat() + _fraction(fraction, per_second) + zone

    return read


def _moment(seconds: int) -> datetime | None:
    """Return the moment; None beyond the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _fraction(units: int, per_second: int) -> str:
    return f".{units:0{len(str(per_second)) - 1}d}"


def _present(data: Object, _node: Node, _reader: object) -> Object:
    return {name: value for name, value in data.items() if value is not None}


def _instant(units: int) -> Reader:
    """Return the reader of a time in so many *units* a millisecond.

    Milliseconds of 13 digits come as a number. Others would be taken for another unit: they come
    as text, and times beyond the calendar as what no time is.
    """

    def read(data: int, _node: Node, _reader: object) -> Value:
        ms = data // units
        if ms in _MILLISECONDS_NOW:
            return ms
        moment = _moment(ms // 1000)
        if moment is None:
            return NotFinite(math.inf)
        return moment.replace(microsecond=ms % 1000 * 1000).isoformat()

    return read


def _days(data: int, node: Node, reader: object) -> Value:
    return _in_ms(data * _DAY_MS, node, reader)


_in_ms: Final = _instant(1)

VALUE_READERS: Final[dict[tuple[str, str], Reader]] = {
    ("float", ""): shortest,
    ("double", ""): finite,
    ("bytes", ""): text,
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
    ("int", "date"): _days,
    ("long", "timestamp-millis"): _instant(1),
    ("long", "timestamp-micros"): _instant(10**3),
    ("long", "timestamp-nanos"): _instant(10**6),
    ("long", "local-timestamp-millis"): _instant(1),
    ("long", "local-timestamp-micros"): _instant(10**3),
    ("long", "local-timestamp-nanos"): _instant(10**6),
}
"""How the envelope's timestamps become milliseconds where the schema tells their unit."""


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
    return as_value(kind, logical) if kind in {"map", "record", "fixed"} else None


def as_is(_kind: str, _logical: str) -> str | None:
    """Convert nothing: the field is thrown away."""
    return None
