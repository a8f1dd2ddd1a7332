"""The bytes that go over the wire: always JSON that every receiver reads.

Nothing of a text may stop a call, and nothing that is no text may pass for one:

    half a surrogate pair, NUL and the other controls       the replacement character
    (but tab, LF and CR), in values and in names
    integers beyond 64 bits                                 their digits, as text
    NaN and the infinities                                  left out
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Final

import orjson

from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from consumer.core.model import Object, Value

_MAX_DEPTH: Final = 254
"""orjson writes no deeper (it reads 1,024 levels)."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LATE_CONTROLS: Final = re.compile(rb"\xc2[\x80-\x9f]")
"""The controls beyond ASCII, in UTF-8."""
_BACKSLASH: Final = 0x5C
_DELETE: Final = 0x7F
_PLUS: Final = 0x2B
_EXPONENT: Final = re.compile(rb"[0-9]e\+[0-9]")
_REPLACEMENT: Final = "\ufffd"
_SIGNED_64: Final = range(-(2**63), 2**64)


def to_json(sent: Object) -> bytes:
    """Return the JSON text of *sent*, UTF-8; what had to be made clean is clean in *sent*, too.

    Raises:
        PoisonError: `too_deep`.
    """
    try:
        body = orjson.dumps(sent)
    except orjson.JSONEncodeError:
        return _cleaned(sent)
    # orjson escapes controls: a body without a backslash has none below 0x20. (A byte is looked
    # for as a number: as bytes it would take twenty times as long.)
    if _BACKSLASH in body or _DELETE in body or not body.isascii():
        return _looked_through(sent, body)
    # A copy: orjson leaves 4 KB allocated for each, however short, and bodies wait long.
    return b"%b" % body


def has_large_number(body: bytes) -> bool:
    """Tell whether *body* holds a number that orjson writes with an exponent."""
    return _PLUS in body and _EXPONENT.search(body) is not None


def _looked_through(sent: Object, body: bytes) -> bytes:
    """Return *body*, or a clean one where it does hold controls."""
    suspects = (b"\\u00", b"\\b", b"\\f", b"\x7f")
    if any(suspect in body for suspect in suspects) or _LATE_CONTROLS.search(body):
        return _cleaned(sent)
    return b"%b" % body


def _cleaned(sent: Object) -> bytes:
    _check_depth(sent)
    clean = _clean_object(sent)
    sent.clear()
    sent.update(clean)
    return b"%b" % orjson.dumps(sent)


def _check_depth(sent: Object) -> None:
    pending: list[tuple[Value, int]] = [(sent, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, (dict, list)):
            if depth > _MAX_DEPTH:
                problem = f"expected at most {_MAX_DEPTH} levels of nesting, got more"
                raise PoisonError(DeadLetterReason.TOO_DEEP, problem)
            inner = value.values() if isinstance(value, dict) else value
            pending.extend((element, depth + 1) for element in inner)


def clean_text(text: str) -> str:
    """Return *text* with the replacement character for each control and half a surrogate pair."""
    return _CONTROLS.sub(_REPLACEMENT, text)


def _clean(value: Value) -> Value:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return _clean_object(value)
    if isinstance(value, list):
        return [_clean(element) for element in value if not is_nothing(element)]
    if isinstance(value, int) and value not in _SIGNED_64:
        return str(value)
    return value


def _clean_object(source: Object) -> Object:
    clean: Object = {}
    for name, value in source.items():
        if not is_nothing(value):
            free = clean_text(name)
            while free in clean or (free != name and free in source):
                free += "_"
            clean[free] = _clean(value)
    return clean


def is_nothing(value: Value) -> bool:
    """Tell whether *value* is one for which JSON has no text: NaN or an infinity."""
    return isinstance(value, float) and not isfinite(value)
