"""Segment calls, and what becomes of each.

`golden/` has a folder for each call that shows a row of the table at work, worked out by hand:

    event.json      the Segment call, as Segment or Seg published it or as the table calls for it
    seg.json        what Seg gets, or
    ignored.json    why it gets nothing
    left_out.json   where some of it cannot be read: key, source and why of each such value
    ORIGIN          where the call is from

`published.jsonl` has calls out of public repositories, one a line, with their origin. Names of
properties, types of values, numbers and the spelling of times are as they were published; texts,
ids, addresses and names of people are replaced. `made.jsonl` has calls made by hand, one a line,
for each reading of untidy values.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import pytest

from consumer.core.errors import IgnoredReason, PoisonError
from consumer.core.model import Event, Ignored, Object, Value
from consumer.translate import Translator
from consumer.translate.tables import EVENTS, TableRow, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN: Final = Path(__file__).with_name("golden")
RECORD_TIMESTAMP_MS: Final = 1_764_000_000_123
"""2025-11-24T16:00:00.123Z: the Kafka record's, for calls that have no time of their own."""

RECORD_TIMESTAMP: Final = "the Kafka record's timestamp"

OUTCOMES: Final = {"seg.json": "call", "ignored.json": "ignored"}


class Case(NamedTuple):
    """One call and its outcome, as `seg-consumer translate` prints it."""

    name: str
    event: Object
    outcome: Object
    left_out: Value


def load(file: Path) -> Value:
    """Read a JSON value."""
    return cast("Value", json.loads(file.read_text(encoding="utf-8")))


def of_folder(folder: Path) -> Case:
    """Read a folder of `golden/`."""
    (file,) = OUTCOMES.keys() & {path.name for path in folder.iterdir()}
    outcome = load(folder / file)
    event = cast("Object", load(folder / "event.json"))
    left_out = load(folder / "left_out.json") if (folder / "left_out.json").exists() else []
    pairs: Value = [row[:2] for row in cast("list[list[str]]", left_out)]  # type: ignore[misc] # texts are values
    named: Object = {"call": outcome} if file == "seg.json" else cast("Object", outcome)
    return Case(folder.name, event, named, pairs)


def of_line(line: str) -> Case:
    """Read a line of a `.jsonl`."""
    row = json.loads(line)
    return Case(row["name"], row["call"], row["expected"], row.get("left_out", []))


def lines(name: str) -> list[str]:
    """Return the lines of a file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()


FOLDERS: Final = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
PUBLISHED: Final = lines("published.jsonl")
MADE: Final = lines("made.jsonl")
CASES: Final = [*map(of_folder, FOLDERS), *map(of_line, PUBLISHED), *map(of_line, MADE)]
SENT: Final = [case for case in CASES if "call" in case.outcome]


def outcome(event: Object) -> tuple[Object, Value]:
    """Translate, and say it the way the cases do."""
    try:
        result = Translator()(cast("Event", event), RECORD_TIMESTAMP_MS)
    except PoisonError as error:
        return {"rejected": str(error.reason)}, []
    if isinstance(result, Ignored):
        return {"ignored": str(result.reason)}, []
    return {"call": json.loads(result.body)}, [[it.key, it.source] for it in result.left_out]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_becomes_of_the_call(case: Case) -> None:
    """The call becomes exactly what the case says, to the last digit and type."""
    actual, left_out = outcome(case.event)
    expected = case.outcome

    assert json.dumps(expected, sort_keys=True) == json.dumps(actual, sort_keys=True)
    assert case.left_out == left_out


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_has_its_files(folder: Path) -> None:
    """A folder holds the call, one outcome and its origin, and nothing that no test reads."""
    files = {path.name for path in folder.iterdir()} - {"left_out.json"}

    assert len(files) == 3
    assert {"event.json", "ORIGIN"} < files
    assert len(files & OUTCOMES.keys()) == 1
    assert (folder / "ORIGIN").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("line", PUBLISHED, ids=lambda line: json.loads(line)["name"])
def test_a_published_call_names_its_origin_and_nobody(line: str) -> None:
    """The origin is a file of a commit; no address but of example.com is in it."""
    assert re.fullmatch(r"github:[\w./-]+@[0-9a-f]{12}:\S+#L\d+", json.loads(line)["origin"])
    assert set(re.findall(r"@([\w-]+\.[\w.]+)", json.dumps(json.loads(line)["call"]))) <= {
        "example.com"
    }


def test_there_are_a_hundred_published_calls() -> None:
    """No line stands twice, and no name."""
    assert len({json.dumps(json.loads(line)["call"]) for line in PUBLISHED}) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


def value_at(source: Value, dotted: str) -> Value:
    """Look *dotted* up; None where a step is missing."""
    for name in dotted.split("."):
        if not isinstance(source, dict):
            return None
        source = source.get(name)
    return source


def holders(source: Object, dotted: str) -> list[tuple[Value, str]]:
    """Pair each object that the rest of a path with `[]` is looked up in with that rest."""
    head, brackets, tail = dotted.partition("[].")
    if not brackets:
        return [(source, dotted)]
    elements = value_at(source, head)
    return [(element, tail) for element in elements] if isinstance(elements, list) else []


def present(event: Object, row: TableRow) -> Iterator[list[str]]:
    """Yield the sources of *row* that are present, for each object that has the row."""
    for position in range(len(holders(event, row.sources[0]))):
        found = [(source, *holders(event, source)[position]) for source in row.sources]
        yield [
            source
            for source, holder, rest in found
            if source == RECORD_TIMESTAMP or value_at(holder, rest) is not None
        ]


def winners(event: Object, row: TableRow) -> Iterator[str]:
    """Yield the sources that win *row* on this call, worked out from the table's text alone."""
    merges = row.key.endswith(("Categories", "Brands"))
    for sources in present(event, row):
        yield from sources if merges else sources[:1]


def rows_of(case: Case) -> list[TableRow]:
    """Return the rows of the call that a case's event becomes; none where it becomes none."""
    seg = case.outcome.get("call")
    if not isinstance(seg, dict):
        return []
    return [row for row in rows() if row.call in {"*", seg.get("event", seg["type"])}]


def shown(case: Case) -> Iterator[tuple[str, str, str]]:
    """Yield each (call, key, source) that a case shows at work."""
    for row in rows_of(case):
        sent = holders(cast("Object", case.outcome["call"]), row.key)
        if any(value_at(holder, rest) is not None for holder, rest in sent):
            yield from ((row.call, row.key, source) for source in winners(case.event, row))


ALL_ROWS: Final = [(row.call, row.key, source) for row in rows() for source in row.sources]
TIDY: Final = [case for case in CASES if not case.left_out]
SHOWN: Final = {case.name: set(shown(case)) for case in TIDY}


@pytest.mark.parametrize("row", ALL_ROWS, ids="-".join)
def test_every_source_of_every_row_wins_in_some_case(row: tuple[str, str, str]) -> None:
    """A row, or a source of one, that no case shows at work is not proven."""
    assert [name for name, rows_shown in SHOWN.items() if row in rows_shown]


def name_in_object(source: str) -> str:
    """Drop the object that a source stands in: a product's rows are the same in three places."""
    for place in ("properties.products[].", "traits.", "properties."):
        if source.startswith(place):
            return source.removeprefix(place)
    return source


RIVALS: Final = {
    tuple(map(name_in_object, pair))
    for row in rows()
    if row.call != "*"  # these have tests of their own
    for pair in pairwise(row.sources)
}
MET: Final = {
    tuple(map(name_in_object, pair))
    for case in TIDY
    for row in rows_of(case)
    for sources in present(case.event, row)
    for pair in pairwise(sources)
}


@pytest.mark.parametrize("pair", sorted(RIVALS), ids="-before-".join)
def test_neighbouring_sources_meet_in_some_case(pair: tuple[str, str]) -> None:
    """Where no case has both of two neighbouring sources, their order is not proven."""
    assert pair in MET


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_folder_shows_something(folder: Path) -> None:
    """A folder shows a row of its call, the rule for Personas, or what is left out."""
    case = of_folder(folder)
    rows_shown = [row for row in shown(case) if row[0] != "*"]
    personas = value_at(case.event, "context.personas.computation_key")

    assert rows_shown or personas or case.left_out or "call" not in case.outcome


def test_every_event_name_is_shown() -> None:
    """Each of the eight event names stands in a case that reaches Seg."""
    reached = {case.event.get("event") for case in SENT}

    assert {*EVENTS, None} <= reached


def test_every_reason_to_ignore_is_shown() -> None:
    """Each reason for which translation ignores a call has a case."""
    given = {case.outcome["ignored"] for case in CASES if "ignored" in case.outcome}

    others = {IgnoredReason.TOMBSTONE, IgnoredReason.UNSUPPORTED_BY_SEG}
    assert set(IgnoredReason) - others == given
