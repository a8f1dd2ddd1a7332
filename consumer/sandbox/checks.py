"""Which calls Seg accepts, and how it refuses the others.

Required keys must be there, known keys must hold their kind, unknown keys may hold anything. The
first error refuses the call; the text names the place and the type, never the value.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from consumer.core.errors import ConsumerError
from consumer.sandbox.vocabulary import (
    ALIAS,
    CALL,
    CUSTOMER,
    EVENTS,
    LINE,
    OBJECT,
    PAGE,
    json_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.core.model import Object, Value
    from consumer.sandbox.vocabulary import Kind, Vocabulary


class RefusedError(ConsumerError):
    """Seg refuses the request with *status* and the text."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


def check(call: Value, where: str = "") -> Object:
    """Return *call* if Seg takes it; *where* is its place in a batch, with a dot behind it.

    Raises:
        RefusedError: 501 for a type that Seg does not know, 400 for all else.
    """
    if not isinstance(call, dict):
        raise _refused(where.rstrip(".") or "the call", OBJECT, call)
    kind = call.get("type")
    checker = _TYPES.get(kind) if isinstance(kind, str) else None
    if checker is None:
        expected = ", ".join(_TYPES)
        raise RefusedError(
            HTTPStatus.NOT_IMPLEMENTED, f"{where}type: expected one of {expected}, got another"
        )
    _fields(call, CALL, where, required=("timestamp",))
    _fields(_object(call, "page"), PAGE, f"{where}page.")
    checker(call, where)
    return call


def _alias(call: Object, where: str) -> None:
    _fields(call, ALIAS, where, required=tuple(ALIAS))


def _identify(call: Object, where: str) -> None:
    _fields(_object(call, "traits"), CUSTOMER, f"{where}traits.")


def _page(_: Object, __: str) -> None:
    """Check nothing more: a page call has no keys of its own."""


def _track(call: Object, where: str) -> None:
    event = call.get("event")
    form = EVENTS.get(event) if isinstance(event, str) else None
    if form is None:
        expected = ", ".join(EVENTS)
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f"{where}event: expected one of {expected}, got another"
        )
    properties = _object(call, "properties")
    _fields(properties, form.vocabulary, f"{where}properties.", form.required)
    if "OrderLines" in form.vocabulary:
        _lines(properties.get("OrderLines"), f"{where}properties.OrderLines")


def _lines(lines: Value, where: str) -> None:
    for index, line in enumerate(lines if isinstance(lines, list) else ()):
        if not isinstance(line, dict):
            raise _refused(f"{where}[{index}]", OBJECT, line)
        _fields(line, LINE, f"{where}[{index}].", required=("Quantity",))


_TYPES: Final[Mapping[str, Callable[[Object, str], None]]] = {
    "identify": _identify,
    "track": _track,
    "page": _page,
    "alias": _alias,
}


def _object(call: Object, key: str) -> Object:
    """Return what the call holds under *key*, where `CALL` says an object; none is an empty one."""
    value = call.get(key)
    return value if isinstance(value, dict) else {}


def _fields(
    fields: Object, vocabulary: Vocabulary, where: str, required: tuple[str, ...] = ()
) -> None:
    for key in required:
        if key not in fields:
            raise _missing(where + key)
    for key, value in fields.items():
        kind = vocabulary.get(key)
        if kind is not None and not kind.fits(value):
            raise _refused(where + key, kind, value)


def _missing(place: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, f"{place}: required, but it is missing")


def _refused(place: str, kind: Kind, value: Value) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_REQUEST, f"{place}: expected {kind.expected}, got {json_type(value)}"
    )
