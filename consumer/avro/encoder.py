"""From a Segment call to a canonical Avro datum, for `seg-consumer produce` and the demo.

Nothing of the call is lost, and nothing of it is judged: what a field cannot hold (a time that
nobody can read, an id that is an object) travels in `extra`, as does a key without a field of its
own. Numbers as ids become text, times milliseconds.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Final

import orjson
from fastavro import parse_schema, schemaless_writer

from consumer.avro import framing
from consumer.avro.plan import EXTRA, INSTANTS, OBJECTS
from consumer.avro.schemas import CANONICAL, folder, rabin, read
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.instants import instant_ms
from consumer.core.json_text import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Value

MAX_LEVELS: Final = 500
"""JSON within JSON that is encoded: twice what Seg can be sent, and half of what the interpreter's
own writer takes, which differs from version to version."""

_HALVES: Final = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs, which UTF-8 cannot hold."""


class Encoder:
    """Encodes calls as single objects, or in Confluent's framing where *schema_id* is given."""

    def __init__(self, schema_id: int | None = None) -> None:
        path = folder() / CANONICAL
        self.schema = read(path)
        """The canonical schema's text, as a registry takes it."""
        schema = orjson.loads(self.schema)
        fields = {field["name"]: field for field in schema["fields"] if field["name"] != EXTRA}
        self._names = fields.keys()
        self._types = frozenset(fields["type"]["type"]["symbols"])
        self._other_type = fields["type"]["default"]
        self._parsed = parse_schema(schema)
        self._header = (
            framing.single_object(rabin(self.schema, path))
            if schema_id is None
            else framing.confluent(schema_id)
        )

    def __call__(self, call: Mapping[str, Value]) -> bytes:
        """Return *call*, a Segment call as JSON holds it, as the value of a Kafka record.

        Raises:
            PoisonError: BAD_ENVELOPE for a call without a type, or TOO_DEEP.
        """
        kind = call.get("type")
        if not isinstance(kind, str):
            came = "none" if kind is None else kind_of(kind)
            problem = f"type: expected the text of a type of Segment's calls, came {came}"
            raise PoisonError(DeadLetterReason.BAD_ENVELOPE, problem)
        symbol = kind.strip().lower()
        datum: dict[str, str | int | bytes | None] = {"type": symbol}
        if symbol not in self._types:
            datum["type"] = self._other_type
        extra = {name: value for name, value in call.items() if name not in self._names}
        for name in self._names - {"type"}:
            value = call.get(name)
            datum[name] = held = None if value is None else _field(name, value)
            if held is None and value is not None:
                extra[name] = value
        datum[EXTRA] = _json(EXTRA, extra) if extra else None
        buffer = BytesIO()
        buffer.write(self._header)
        schemaless_writer(buffer, self._parsed, datum)
        return buffer.getvalue()


def _field(name: str, value: Value) -> str | int | bytes | None:
    """Return *value* as the field *name* holds it; None where it cannot."""
    if name in OBJECTS:
        return _json(name, value)
    if name in INSTANTS:
        return instant_ms(value)
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return str(value)


def _json(name: str, value: Value) -> bytes:
    if _is_deeper(value, MAX_LEVELS):
        raise PoisonError(
            DeadLetterReason.TOO_DEEP,
            f"{name}: expected at most {MAX_LEVELS} levels of nesting, came more",
        )
    # Not orjson: it turns NaN into null and refuses integers of more than 64 bits.
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode() if _HALVES.search(text) is None else json.dumps(value).encode()


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
