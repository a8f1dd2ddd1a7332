"""Each folder of `golden/` is one Segment call, and by hand what becomes of it.

event.json     the Segment call, as Segment or Seg published it or as the table calls for it
seg.json       what Seg gets, or
ignored.json   why it gets nothing, or
rejected.json  why the record is dead-lettered
ORIGIN         where the call is from
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

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

FOLDERS: Final = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
OUTCOMES: Final = {"seg.json", "ignored.json", "rejected.json"}


def load(file: Path) -> Object:
    """Read a JSON object."""
    return cast("Object", json.loads(file.read_text(encoding="utf-8")))


def outcome(event: Object) -> tuple[str, Object]:
    """Translate, and say it the way the folders do."""
    try:
        result = Translator()(cast("Event", event), RECORD_TIMESTAMP_MS)
    except PoisonError as error:
        return "rejected.json", {"rejected": str(error.reason), "detail": error.detail}
    if isinstance(result, Ignored):
        return "ignored.json", {"ignored": str(result.reason)}
    return "seg.json", cast("Object", json.loads(result.body))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_becomes_of_the_call(folder: Path) -> None:
    """The call becomes exactly what the folder says, to the last digit and type."""
    (file,) = OUTCOMES & {path.name for path in folder.iterdir()}
    expected = load(folder / file)

    name, actual = outcome(load(folder / "event.json"))

    assert (file, json.dumps(expected, sort_keys=True)) == (
        name,
        json.dumps(actual, sort_keys=True),
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_has_its_three_files(folder: Path) -> None:
    """A folder holds the call, one outcome and its origin, and nothing that no test reads."""
    files = {path.name for path in folder.iterdir()}

    assert len(files) == 3
    assert {"event.json", "ORIGIN"} < files
    assert len(files & OUTCOMES) == 1
    assert (folder / "ORIGIN").read_text(encoding="utf-8").strip()


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


def rows_of(folder: Path) -> list[TableRow]:
    """Return the rows of the call that a folder's event becomes; none where it becomes none."""
    if not (folder / "seg.json").exists():
        return []
    seg = load(folder / "seg.json")
    return [row for row in rows() if row.call in {"*", seg.get("event", seg["type"])}]


def shown(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each (call, key, source) that a folder shows at work."""
    event = load(folder / "event.json")
    for row in rows_of(folder):
        sent = holders(load(folder / "seg.json"), row.key)
        if any(value_at(holder, rest) is not None for holder, rest in sent):
            yield from ((row.call, row.key, source) for source in winners(event, row))


ALL_ROWS: Final = [(row.call, row.key, source) for row in rows() for source in row.sources]
SHOWN: Final = {folder.name: set(shown(folder)) for folder in FOLDERS}


@pytest.mark.parametrize("row", ALL_ROWS, ids="-".join)
def test_every_source_of_every_row_wins_in_some_folder(row: tuple[str, str, str]) -> None:
    """A row, or a source of one, that no folder shows at work is not proven."""
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
    for folder in FOLDERS
    for row in rows_of(folder)
    for sources in present(load(folder / "event.json"), row)
    for pair in pairwise(sources)
}


@pytest.mark.parametrize("pair", sorted(RIVALS), ids="-before-".join)
def test_neighbouring_sources_meet_in_some_folder(pair: tuple[str, str]) -> None:
    """Where no folder has both of two neighbouring sources, their order is not proven."""
    assert pair in MET


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_folder_shows_something(folder: Path) -> None:
    """A folder shows a row of its call, the rule for Personas, or a refusal."""
    rows_shown = [row for row in SHOWN[folder.name] if row[0] != "*"]
    personas = value_at(load(folder / "event.json"), "context.personas.computation_key")

    assert rows_shown or personas or not (folder / "seg.json").exists()


def test_every_event_name_is_shown() -> None:
    """Each of the eight event names stands in a folder that reaches Seg."""
    reached = {
        load(folder / "event.json").get("event")
        for folder in FOLDERS
        if (folder / "seg.json").exists()
    }

    assert {*EVENTS, None} == reached


def test_every_reason_to_ignore_is_shown() -> None:
    """Each reason for which translation ignores a call has a folder."""
    given = {load(file)["ignored"] for file in GOLDEN.glob("*/ignored.json")}

    others = {IgnoredReason.TOMBSTONE, IgnoredReason.UNSUPPORTED_BY_SEG}
    assert set(IgnoredReason) - others == given
