"""What the program says, one line for each change of state.

    log = logs.get()
    log.warning("seg_refused", reason="unauthorised", status=401)

A line is an event in snake_case and its facts. A line with a `reason` is a kind that may repeat:
the same event and reason are written once in `REPEAT_PERIOD_S`. The last one that was left out
follows at the period's end (`tell_repeats`), with how many were (`repeated`). Lines of other
libraries come as the event `library` in the same form; so do exceptions that nobody caught.

E-mail addresses and credentials do not belong in a line. Should one get there all the same,
in the text of somebody else's exception for example, it is masked: a net, not a licence.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TextIO, cast

import orjson
import structlog

from consumer.core.timing import SystemClock
from consumer.observe.masks import is_secret, masked

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, FilteringBoundLogger, Processor

    from consumer.core.model import Value
    from consumer.core.timing import Clock

REPEAT_PERIOD_S: Final = 30.0
"""An operator needs the first line at once, and a sign of life twice a minute."""

_KINDS_MAX: Final = 1_000  # texts of other libraries are unbounded: the memory of them is not


def get(**facts: Value) -> FilteringBoundLogger:
    """Return a logger whose lines all have *facts*; it may be made before `configure`.

    What calls it for every event keeps `get().bind()`, made after `configure`: a line below the
    level takes 0.1 microseconds there, and 3 here.
    """
    return cast("FilteringBoundLogger", structlog.get_logger(**facts))


def configure(
    *,
    level: Literal["debug", "info", "warning", "error"],
    layout: Literal["json", "console"] | None,
    stream: TextIO,
    clock: Clock,
) -> None:
    """Write all that is at or above *level* to *stream*, for the whole process.

    *layout* None is for people on a terminal and JSON elsewhere. Colours are a terminal's, unless
    the environment has `NO_COLOR` (https://no-color.org).
    """
    global _REPEATS  # noqa: PLW0603 - logging is a matter of the whole process
    _REPEATS = _Repeats(clock)
    terminal = stream.isatty()
    render: Processor = _json
    if layout == "console" or (layout is None and terminal):
        render = structlog.dev.ConsoleRenderer(
            colors=terminal and not os.environ.get("NO_COLOR"),
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    structlog.configure(
        processors=[
            _REPEATS,
            _Head(clock),
            structlog.processors.format_exc_info,
            _redact,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Library()], level=level.upper(), force=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def tell_repeats(*, to_the_end: bool = False) -> None:
    """Write what was left out in a period that is over; *to_the_end*, in any.

    To be called now and then: nobody may write a line of that kind again.
    """
    for method, event in _REPEATS.due(to_the_end=to_the_end):
        getattr(get(), method)(**event)


def silence() -> None:
    """Write nothing more, until `configure` is called again: all is said."""
    _REPEATS.silent = True


class _Repeats:
    """Leaves out a line that was just written, and counts."""

    def __init__(self, clock: Clock) -> None:
        self.silent = False
        self._clock = clock
        self._written_at_s: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], tuple[str, EventDict, int]] = {}

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        if self.silent:
            raise structlog.DropEvent
        if "reason" not in event or "repeated" in event:
            return event
        kind = (str(event["event"]), str(event["reason"]))
        now_s = self._clock.monotonic_s()
        written_at_s = self._written_at_s.get(kind)
        if written_at_s is not None and now_s - written_at_s < REPEAT_PERIOD_S:
            _, _, before = self._left_out.get(kind, (method, event, 0))
            self._left_out[kind] = method, event, before + 1
            raise structlog.DropEvent
        if len(self._written_at_s) >= _KINDS_MAX:
            self._written_at_s.clear()
            self._left_out.clear()
        self._written_at_s[kind] = now_s
        if (left_out := self._left_out.pop(kind, None)) is not None:
            event["repeated"] = left_out[2]
        return event

    def due(self, *, to_the_end: bool) -> list[tuple[str, EventDict]]:
        """Return, by how bad they are, the last line of each kind whose count is to be told."""
        if not self._left_out:
            return []
        now_s = self._clock.monotonic_s()
        told: list[tuple[str, EventDict]] = []
        for kind in list(self._left_out):  # another thread may write a line
            if to_the_end or now_s - self._written_at_s.get(kind, 0.0) >= REPEAT_PERIOD_S:
                method, event, count = self._left_out.pop(kind)
                self._written_at_s[kind] = now_s
                told.append((method, {**event, "repeated": count, "exc_info": None}))
        return told


_REPEATS = _Repeats(SystemClock())


class _Head:
    """Begins every line with when, how bad, and what."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: object, method: str, event: EventDict) -> EventDict:
        now = datetime.fromtimestamp(self._clock.wall_s(), UTC)
        return {
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": method,
            "event": event.pop("event"),
            **event,
        }


def _redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: _fact(key, value) for key, value in event.items()}


def _fact(name: str, value: object) -> Value:
    """Return *value* fit to be written; nothing of it but a number where *name* is a secret's."""
    if is_secret(name) and not isinstance(value, int | float | None):
        return "[hidden]"
    return _printable(value)


def _printable(value: object) -> Value:
    """Return *value* as JSON can hold it, masked; bytes are only counted."""
    match value:
        case None | bool() | float():
            return value
        case int() if value.bit_length() < 64:  # noqa: PLR2004 - orjson's range
            return value
        case Mapping():
            return {_text(str(key)): _fact(str(key), entry) for key, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_printable(entry) for entry in value]
        case bytes():
            return f"{len(value)} bytes"
        case BaseException():
            value = f"{type(value).__name__}: {value}"
    return _text(str(value))


def _text(text: str) -> str:
    """Return *text* masked, and without lone surrogates, which JSON cannot hold."""
    return masked(text).encode("utf-8", "replace").decode("utf-8")


def _json(_logger: object, _method: str, event: EventDict) -> str:
    return orjson.dumps(event).decode()


class _Library(logging.Handler):
    """Brings the lines of libraries that know only `logging` into the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, its text as the reason, or its `kind`: libraries repeat themselves."""
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        text, kind = record.getMessage(), getattr(record, "kind", None)
        more = {} if kind is None else {"detail": text}
        get().log(
            level,
            "library",
            library=record.name,
            reason=kind or text,
            exc_info=record.exc_info,
            **more,
        )


def _uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    get().critical("uncaught", exc_info=(kind, error, traceback))
