"""Segment calls as JSON text, one a line: how files and people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from consumer.core.model import Object


def read_call(line: bytes) -> Object:
    """Return the JSON object in *line*.

    Raises:
        PoisonError: BAD_JSON; the line is no JSON, or no object.
    """
    try:
        call = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise PoisonError(
            DeadLetterReason.BAD_JSON, f"expected a JSON object, got text that is none: {error.msg}"
        ) from error
    if not isinstance(call, dict):
        kind = type(call).__name__
        raise PoisonError(DeadLetterReason.BAD_JSON, f"expected a JSON object, got {kind}")
    return call


def key_of(call: Object) -> bytes | None:
    """Return the record key of a Segment call: who it is about."""
    for name in ("userId", "anonymousId", "previousId"):
        value = call.get(name)
        if value is not None:
            return str(value).encode()
    return None
