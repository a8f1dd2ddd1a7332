"""One datum of one schema: its bytes become an event, the fast way where there is one."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from fastavro import schemaless_reader

from consumer.avro.fast_reader import UNUSUAL
from consumer.avro.plan import EXTRA, NOTHING, Plans
from consumer.avro.shapes import AFTER
from consumer.avro.values import open_object
from consumer.core.errors import DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from consumer.avro.plan import Plan
    from consumer.core.model import Event, Value

    Raw: TypeAlias = dict[str, Any]  # whatever the writer's schema says


def read_datum(plan: Plan | Plans, value: bytes, start: int, *, exactly: bool) -> Event:
    """Return the event of the datum that begins at byte *start* of *value* and ends it.

    *exactly* gives integers beyond 64 bits within JSON text by their digits, and takes more time.

    Raises:
        PoisonError: there is none of the writer's schema.
    """
    if plan.fast is not None and not exactly:
        try:
            return plan.fast(value, start)
        except UNUSUAL:
            pass
    return read_carefully(plan, value, start)


def read_carefully(plan: Plan | Plans, value: bytes, start: int) -> Event:
    """Do the same by fastavro, for what the fast reader leaves alone."""
    if isinstance(plan, Plans):
        return _read_branch(plan, value, start)
    buffer = BytesIO(value)
    buffer.seek(start)
    try:
        event = cast("Raw", schemaless_reader(buffer, plan.schema, None))
    except (EOFError, LookupError, UnicodeDecodeError) as error:
        detail = f"a datum of the writer's schema, came one that raises {type(error).__name__}"
        raise _bad_avro(f"{detail} near byte {buffer.tell()} of {len(value)}") from None
    _check_end(value, buffer.tell())
    if plan.is_row:
        after: Raw | None = event[AFTER]
        if after is None:
            return NOTHING
        event = after
    event |= plan.implied
    _tidy(plan, event)
    present = {name: it for name, it in event.items() if it is not None}
    return cast("Event", present)


def _read_branch(plans: Plans, value: bytes, start: int) -> Event:
    index = value[start] if start < len(value) else 1
    if index & 1 or index >> 1 >= len(plans.branches):
        raise _bad_avro(f"one of {len(plans.branches)} branches of the writer's union, came none")
    plan = plans.branches[index >> 1]
    if plan is None:
        _check_end(value, start + 1)
        return NOTHING
    if isinstance(plan, PoisonError):
        raise PoisonError(plan.reason, plan.detail)
    return read_carefully(plan, value, start + 1)


def _check_end(value: bytes, end: int) -> None:
    if end < len(value):
        raise PoisonError(
            DeadLetterReason.TRAILING_BYTES,
            f"expected the datum to end the value, came {len(value) - end} bytes more;"
            " was it written with another schema?",
        )


def _tidy(plan: Plan, event: Raw) -> None:
    """Leave in *event* what an event has a place for, and read its open objects."""
    for name in plan.ignored:
        del event[name]
    for name in plan.objects:
        value = event[name]
        if isinstance(value, bytes | str):
            event[name] = _extra(value) if name == EXTRA else open_object(value, name)


def _extra(text: bytes | str) -> Value:
    """Return what the canonical schema has no field for; None where it is not as we write it."""
    try:
        return open_object(text, EXTRA)
    except PoisonError:
        return None


def _bad_avro(expected: str) -> PoisonError:
    return PoisonError(DeadLetterReason.BAD_AVRO, f"expected {expected}")
