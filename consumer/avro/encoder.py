"""From a Segment call to a canonical Avro datum, for `seg-consumer produce` and the demo.

Nothing of the call is lost: a key without a field of its own travels in `extra`. Numbers as ids
become text, ISO 8601 timestamps milliseconds (a time without a zone is taken as UTC).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Final

import orjson
from fastavro import parse_schema, schemaless_writer

from consumer.avro import framing
from consumer.avro.plan import INSTANTS, OBJECTS
from consumer.avro.schemas import CANONICAL, folder, rabin, read
from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Value

EXTRA: Final = "extra"

MAX_LEVELS: Final = 500
"""JSON within JSON that is encoded: twice what Seg can be sent, and half of what the interpreter's
own writer takes, which differs from version to version."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LONGS: Final = range(-(2**63), 2**63)


class Encoder:
    """Encodes calls as single objects, or in Confluent's framing where *schema_id* is given."""

    def __init__(self, schema_id: int | None = None) -> None:
        path = folder() / CANONICAL
        self.schema = read(path)
        """The canonical schema's text, as a registry takes it."""
        schema = orjson.loads(self.schema)
        fields = {field["name"]: field for field in schema["fields"] if field["name"] != EXTRA}
        self._names = fields.keys()
        self._types = frozenset(fields["type"]["type"]["symbols"]) - {fields["type"]["default"]}
        self._parsed = parse_schema(schema)
        self._header = (
            framing.single_object(rabin(self.schema, path))
            if schema_id is None
            else framing.confluent(schema_id)
        )

    def __call__(self, call: Mapping[str, Value]) -> bytes:
        """Return *call*, a Segment call as JSON holds it, as the value of a Kafka record.

        Raises:
            PoisonError: BAD_ENVELOPE, BAD_TIMESTAMP, BAD_NUMBER, BAD_JSON or TOO_DEEP; the text
                names the field.
        """
        kind = call.get("type")
        if not isinstance(kind, str) or kind not in self._types:
            came = "another text" if isinstance(kind, str) else type(kind).__name__
            raise _bad("type", f"one of {', '.join(sorted(self._types))}", came)
        datum = {name: _field(name, call.get(name)) for name in self._names}
        extra = {name: value for name, value in call.items() if name not in self._names}
        datum[EXTRA] = _json(EXTRA, extra) if extra else None
        buffer = BytesIO()
        buffer.write(self._header)
        schemaless_writer(buffer, self._parsed, datum)
        return buffer.getvalue()


def _field(name: str, value: Value) -> str | int | bytes | None:
    if value is None:
        return None
    if name in OBJECTS:
        return _json(name, value)
    if name in INSTANTS:
        return _milliseconds(name, value)
    return _text(name, value)


def _json(name: str, value: Value) -> bytes:
    if not isinstance(value, dict):
        raise _bad(name, "an object", type(value).__name__)
    if _is_deeper(value, MAX_LEVELS):
        raise PoisonError(
            DeadLetterReason.TOO_DEEP,
            f"{name}: expected at most {MAX_LEVELS} levels of nesting, came more",
        )
    try:
        # Not orjson: it turns NaN into null and refuses integers of more than 64 bits.
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:
        raise PoisonError(
            DeadLetterReason.BAD_JSON, f"{name}: expected Unicode text, came half a surrogate pair"
        ) from None
    except ValueError:
        raise PoisonError(
            DeadLetterReason.BAD_NUMBER, f"{name}: expected finite numbers, came NaN or infinity"
        ) from None


def _is_deeper(value: Value, levels: int) -> bool:
    pending: list[tuple[Value, int]] = [(value, 1)]
    while pending:
        outer, level = pending.pop()
        if isinstance(outer, dict | list):
            if level > levels:
                return True
            inner = outer.values() if isinstance(outer, dict) else outer
            pending.extend((element, level + 1) for element in inner)
    return False


def _milliseconds(name: str, value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value in _LONGS:
        return value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _bad_timestamp(name, "another text") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    raise _bad_timestamp(name, type(value).__name__)


def _text(name: str, value: Value) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _bad(name, "text or a number", type(value).__name__)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _bad(name, "Unicode text", "half a surrogate pair") from None
    return value


def _bad_timestamp(name: str, came: str) -> PoisonError:
    detail = f"{name}: expected a date and time of ISO 8601 or milliseconds, came {came}"
    return PoisonError(DeadLetterReason.BAD_TIMESTAMP, detail)


def _bad(name: str, expected: str, came: str) -> PoisonError:
    return PoisonError(DeadLetterReason.BAD_ENVELOPE, f"{name}: expected {expected}, came {came}")
