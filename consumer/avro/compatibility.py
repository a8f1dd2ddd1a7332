"""Whether data of a writer's schema can be read as Segment calls, told field by field.

It asks what the decoder asks, of each field by itself: a schema without a problem here is one with
which no record can become a dead letter for its types.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.avro.plan import FIELDS, INSTANTS, OBJECTS, canonical, converter
from consumer.avro.safe_schema import Rewriter, fields_of, resolved
from consumer.avro.schema_text import parsed
from consumer.core.errors import PoisonError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.avro.safe_schema import Schema


class FieldState(StrEnum):
    """What becomes of a field."""

    OK = "ok"
    IGNORED = "ignored"
    """A Segment call has no such field; its values are thrown away."""
    ABSENT = "absent"
    """The writer does not have it, and need not."""
    PROBLEM = "problem"


class FieldReport(NamedTuple):
    """One field of the writer, or one that it lacks."""

    field: str
    """In Segment's spelling where it has one."""
    state: FieldState
    detail: str
    """What is wrong or worth knowing; empty where nothing is."""


_OBJECT: Final = frozenset({"null", "map", "record", "string", "bytes"})
_INSTANT: Final = frozenset({"null", "string", "enum", "int", "long"})
_TEXT: Final = frozenset({"null", "string", "enum", "bytes", "fixed", "int", "long"})
_TYPE: Final = frozenset({"string", "enum"})


def check(schemas: Sequence[str]) -> list[FieldReport]:
    """Report on the last of *schemas*, JSON texts as `make_plan` takes them.

    Raises:
        PoisonError: UNUSABLE_SCHEMA: it is no record of fields at all.
    """
    schema, named = parsed(schemas)
    record = resolved(schema, named)
    rewriter = Rewriter(named)
    fields = canonical(record)
    written = {
        name: original for name, (original, _) in zip(fields, fields_of(record), strict=True)
    }
    reports = [_report(rewriter, name, part, written[name]) for name, part in fields.items()]
    absent = sorted(FIELDS - fields.keys() - {"type"})
    reports += [FieldReport(name, FieldState.ABSENT, "") for name in absent]
    if "type" not in fields:
        reports.insert(0, FieldReport("type", FieldState.PROBLEM, "it says which call it is"))
    return reports


def readable(reports: Sequence[FieldReport]) -> bool:
    """Tell whether no report is of a problem."""
    return all(report.state is not FieldState.PROBLEM for report in reports)


def _report(rewriter: Rewriter, name: str, schema: Schema, written: str) -> FieldReport:
    try:
        rewriter.field(name, schema, converter(name))
    except PoisonError as error:
        return FieldReport(name, FieldState.PROBLEM, error.detail)
    if name not in FIELDS:
        return FieldReport(name, FieldState.IGNORED, "")
    kinds = rewriter.kinds(schema)
    fine = _fine(name)
    if not kinds & (fine - {"null"}):
        return FieldReport(name, FieldState.PROBLEM, _wrong(kinds, fine))
    if wrong := kinds - fine:
        return FieldReport(
            name, FieldState.PROBLEM, f"values of these branches cannot be: {_wrong(wrong, fine)}"
        )
    detail = f"written as {written}" if written != name else ""
    if name == "type" and "null" in kinds:
        detail = "a record in which it is null is a dead letter"
    return FieldReport(name, FieldState.OK, detail)


def _fine(name: str) -> frozenset[str]:
    if name == "type":
        return _TYPE | {"null"}
    if name in OBJECTS:
        return _OBJECT
    return _INSTANT if name in INSTANTS else _TEXT


def _wrong(came: set[str], fine: frozenset[str]) -> str:
    return f"expected {', '.join(sorted(fine))}, came {', '.join(sorted(came))}"
