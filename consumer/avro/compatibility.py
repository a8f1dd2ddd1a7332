"""Whether data of a writer's schema can be read as Segment calls, told field by field.

It asks what the decoder asks, of each record and each field by itself. A field whose values cannot
be read costs itself alone; a problem costs every event of its record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.avro import read_as
from consumer.avro.plan import FIELDS, OBJECTS, canonical, converter
from consumer.avro.safe_schema import Rewriter, fields_of, resolved
from consumer.avro.schema_text import parsed
from consumer.avro.shapes import branches, implied, shape_of
from consumer.core.errors import PoisonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from consumer.avro.nodes import Schema
    from consumer.avro.shapes import Shape
    from consumer.core.model import Event


_TYPE: Final = frozenset({"string", "enum"})


class FieldState(StrEnum):
    """What becomes of a field."""

    OK = "ok"
    LEFT_OUT = "left out"
    """No value of it can be read; the event is delivered without it."""
    IGNORED = "ignored"
    """A Segment call has no such field; its values are thrown away."""
    ABSENT = "absent"
    """The writer does not have it, and need not."""
    PROBLEM = "problem"
    """No event of the record is delivered."""


class FieldReport(NamedTuple):
    """One field of a record of the writer's, or one that it lacks."""

    record: str
    """The record's name."""
    field: str
    """In Segment's spelling where it has one; a field within a field by its path."""
    state: FieldState
    detail: str
    """How it is read, or what is wrong; empty where there is nothing to say."""


def check(
    schemas: Sequence[str],
    types: Mapping[str, str] | None = None,
    delivers: Callable[[Event], bool] = lambda _event: True,
) -> list[FieldReport]:
    """Report on the last of *schemas*, JSON texts as `make_plan` takes them, with *types*.

    *delivers* says whether Seg gets an event of a type and a name.

    Raises:
        PoisonError: UNUSABLE_SCHEMA: it is no record of fields at all.
    """
    schema, named = parsed(schemas)
    reports: list[FieldReport] = []
    for branch in branches(schema):
        part = resolved(branch, named)
        if part["type"] == "record":
            reports += _Record(shape_of(part, named), named, types or {}).reports(delivers)
        elif part["type"] != "null":
            name = str(part.get("name", part["type"]))
            wrong = "expected a record with the fields of a Segment call"
            reports.append(FieldReport(name, "", FieldState.PROBLEM, wrong))
    return reports


def readable(reports: Sequence[FieldReport]) -> bool:
    """Tell whether the events of some record may be delivered."""
    lost = {report.record for report in reports if report.state is FieldState.PROBLEM}
    return any(report.record not in lost for report in reports)


class _Record:
    """One record that is an event, or has one in it."""

    def __init__(self, shape: Shape, named: Mapping[str, Schema], types: Mapping[str, str]) -> None:
        self._named = named
        self._rewriter = Rewriter(named)
        self._name = shape.name
        self._fields = canonical(shape.record)
        every = [name for name, _ in fields_of(shape.record)]
        self._written = dict(zip(self._fields, every, strict=True))
        self._told = {} if "type" in self._fields else implied(shape.name, types)

    def reports(self, delivers: Callable[[Event], bool]) -> Iterator[FieldReport]:
        """Yield what there is to say of each field."""
        if "type" not in self._fields and not self._told:
            why = "it says which call it is; or SEG_SCHEMAS__TYPES does, for this record's name"
            yield self._report("type", FieldState.PROBLEM, why)
        for name, kind in self._fields.items():
            yield self._of_field(name, kind)
            if name in OBJECTS:
                for place, words in read_as.within(name, kind, self._named):
                    yield self._report(place, FieldState.OK, f"read as {words}")
        for name, it in self._told.items():
            if name not in self._fields:
                yield self._report(name, FieldState.OK, f"{it}, by the record's name")
        yield from self._never_delivered(delivers)
        for name in sorted(FIELDS - self._fields.keys() - self._told.keys() - {"type"}):
            yield self._report(name, FieldState.ABSENT, "")

    def _of_field(self, name: str, kind: Schema) -> FieldReport:
        try:
            self._rewriter.field(name, kind, converter(name))
        except PoisonError as error:
            return self._report(name, FieldState.PROBLEM, error.detail)
        if name not in FIELDS:
            return self._report(name, FieldState.IGNORED, "")
        words, unfit = read_as.of_field(name, kind, self._named)
        kinds = self._rewriter.kinds(kind)
        if name == "type" and not kinds & _TYPE:
            wrong = f"expected {_list(sorted(_TYPE))}, came {_list(sorted(kinds))}"
            return self._report(name, FieldState.PROBLEM, wrong)
        parts = [f"read as {' or '.join(words)}"] if words else []
        if unfit:
            parts.append(f"values of {_list(unfit)} are left out")
        if self._written[name] != name:
            parts.append(f"written as {self._written[name]}")
        if name == "type" and "null" in kinds:
            parts.append("a record in which it is null is a dead letter")
        state = FieldState.OK if words or not unfit else FieldState.LEFT_OUT
        return self._report(name, state, "; ".join(parts))

    def _never_delivered(self, delivers: Callable[[Event], bool]) -> Iterator[FieldReport]:
        """Yield the problem that no type, or no name, that a datum may have is one of Seg's."""
        kinds, names = self._values("type"), self._values("event")
        if not kinds:
            return
        calls = [kind for kind in kinds if delivers({"type": kind, "event": "Order Completed"})]
        if not calls:
            wrong = f"none of {_list(kinds)} is a type of call that Seg gets"
            yield self._report("type", FieldState.PROBLEM, wrong)
        elif names is not None and not any(
            delivers({"type": kind, "event": name}) for kind in calls for name in (*names, "")
        ):
            wrong = f"none of {_list(names)} is an event that Seg gets"
            yield self._report("event", FieldState.PROBLEM, wrong if names else "it names a track")

    def _values(self, name: str) -> list[str] | None:
        """Return every text that the field *name* may hold; None where that may be any."""
        if name in self._told:
            return [self._told[name]]
        if name not in self._fields:
            return []
        found: list[str] = []
        for branch in branches(self._fields[name]):
            part = resolved(branch, self._named)
            if part["type"] == "enum" and isinstance(symbols := part["symbols"], list):
                found += [str(symbol) for symbol in symbols]
            elif part["type"] != "null":
                return None
        return found

    def _report(self, field: str, state: FieldState, detail: str) -> FieldReport:
        return FieldReport(self._name, field, state, detail)


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)
