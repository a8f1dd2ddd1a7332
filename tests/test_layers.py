"""Who may import whom: the layers of the design, read from the source and not from its promises."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parent.parent / "consumer"

PAGE = ROOT.parent / "docs" / "architecture.md"


class Room(NamedTuple):
    """A row of the page's table."""

    imports: frozenset[str]
    """The rooms that it may import."""
    libraries: dict[str, tuple[str, ...]]
    """The outside libraries that it may meet; in these of its modules, or in all where it is ()."""


def rooms(page: str) -> dict[str, Room]:
    """Return the rooms of the table in *page*, from the top down."""
    section = page.partition("## The rooms\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {
        room.strip(" `"): Room(
            frozenset(re.findall(r"`(\w+)`", imports)),
            {
                name: tuple(re.findall(r"\w+", modules))
                for name, modules in re.findall(r"`(\w+)`(?: \(([^)]*)\))?", libraries)
            },
        )
        for room, _purpose, imports, libraries in rows
    }


ROOMS = rooms(PAGE.read_text(encoding="utf-8"))
EVERYBODYS = {"orjson"}
"""JSON is everybody's."""

TYPES_FOR_ALL = ("structlog.typing", "pydantic")
"""What may be named in an annotation anywhere: a logger, and a secret that must not be printed."""

PURE = ("core", "flow", "observe.counting", "observe.metrics", "program.gauges", "translate")
CLOCK = "core.timing"
"""What is tested with nothing but values: no clock, no randomness and no I/O of its own."""

IMPURE = {
    *("asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("select", "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
    *("urllib", "uuid"),
}


class Edge(NamedTuple):
    """One import: *module* needs *target*, which is ours or not; names are without `consumer.`."""

    module: str
    target: str
    is_ours: bool
    type_only: bool

    @property
    def text(self) -> str:
        """The edge in a failing test."""
        return f"{self.module} -> {self.target}" + (" (types)" if self.type_only else "")


def edges(sources: Mapping[str, str]) -> list[Edge]:
    """Return every import in *sources*, texts by module name, also those inside functions."""
    return [edge for module, text in sources.items() for edge in _edges_of(module, text, sources)]


def _edges_of(module: str, text: str, sources: Mapping[str, str]) -> Iterator[Edge]:
    tree = ast.parse(text)
    for_types = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for name in _imported(node):
            top, _, rest = name.partition(".")
            if top == "__future__" or name == "consumer":
                continue
            target = _module(rest, sources) if top == "consumer" else name
            yield Edge(module, target, top == "consumer", id(node) in for_types)


def _imported(node: ast.AST) -> Iterable[str]:
    """Return the dotted names that *node* imports, as deep as they are written."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.module is not None, "relative imports hide where a name comes from"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return ()


def _module(name: str, sources: Mapping[str, str]) -> str:
    """Return the module that *name*, perhaps of a thing in one, belongs to."""
    while name not in sources and "." in name:
        name = name.rpartition(".")[0]
    return name


@cache
def ours() -> tuple[Edge, ...]:
    """Return every import of the project."""
    sources = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text()
        )
        for path in sorted(ROOT.rglob("*.py"))
        if path != ROOT / "__init__.py"
    }
    return tuple(edges(sources))


def unlisted(all_edges: Iterable[Edge]) -> list[str]:
    """Return the imports from room to room that the table does not have."""
    return [
        edge.text
        for edge in all_edges
        if edge.is_ours
        and _room(edge.module) != _room(edge.target)
        and _room(edge.target) not in ROOMS[_room(edge.module)].imports
    ]


def _room(module: str) -> str:
    return module.partition(".")[0]


def cycles(all_edges: Iterable[Edge]) -> list[list[str]]:
    """Return the modules that need each other, also for types, one path for each cycle found."""
    needs: dict[str, list[str]] = {}
    for edge in all_edges:
        if edge.is_ours:
            needs.setdefault(edge.module, []).append(edge.target)
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for target in needs.get(module, ()):
                visit(target, [*path, module])
            done.add(module)

    for module in list(needs):
        visit(module, [])
    return found


def strangers(all_edges: Iterable[Edge]) -> list[str]:
    """Return the imports of outside libraries where they may not be."""
    return [
        edge.text
        for edge in all_edges
        if not edge.is_ours
        and _library(edge) not in sys.stdlib_module_names | EVERYBODYS
        and not (edge.type_only and edge.target.startswith(TYPES_FOR_ALL))
        and not _may_meet(edge)
    ]


def _may_meet(edge: Edge) -> bool:
    room, _, module = edge.module.partition(".")
    places = ROOMS[room].libraries.get(_library(edge))
    return places is not None and (not places or module in places)


def _library(edge: Edge) -> str:
    return edge.target.partition(".")[0]


def _within(module: str, places: Iterable[str]) -> bool:
    return any(not place or f"{module}.".startswith(f"{place}.") for place in places)


def test_every_folder_has_its_row() -> None:
    """A new room takes its place in the picture."""
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert found - {"__init__", "__pycache__", "py", "schemas"} == set(ROOMS)


def test_table_points_down() -> None:
    """A room imports only what stands below it in the table."""
    names = list(ROOMS)

    assert [
        (name, target)
        for place, name in enumerate(names)
        for target in ROOMS[name].imports
        if names.index(target) <= place
    ] == []


def test_rooms_import_what_their_row_says() -> None:
    """A room knows what is below it, and nobody knows who uses him."""
    assert unlisted(ours()) == []


def test_no_row_says_more_than_is_imported() -> None:
    """What is imported no more goes from the table."""
    used = {(_room(edge.module), _room(edge.target)) for edge in ours() if edge.is_ours}
    met = {(_room(edge.module), _library(edge)) for edge in ours() if not edge.is_ours}

    assert {(name, it) for name, room in ROOMS.items() for it in room.imports} - used == set()
    assert {(name, it) for name, room in ROOMS.items() for it in room.libraries} - met == set()


def test_no_two_modules_need_each_other() -> None:
    """Not even for the type checker."""
    assert cycles(ours()) == []


def test_each_outside_library_is_met_in_its_own_place() -> None:
    """An upgrade touches one module, and a fake stands in for one."""
    assert strangers(ours()) == []


def test_pure_modules_touch_nothing() -> None:
    """The heart runs under a fake clock, with nothing but values."""
    touched = [
        edge.text
        for edge in ours()
        if _within(edge.module, PURE)
        and edge.module != CLOCK
        and not edge.is_ours
        and not edge.type_only
        and edge.target.partition(".")[0] in IMPURE
    ]

    assert touched == []


def test_pipeline_never_reaches_the_sandbox() -> None:
    """A stand-in for Seg has no place in the program that runs in production."""
    reached, left = set[str](), ["program.app"]
    while left:
        module = left.pop()
        if module not in reached:
            reached.add(module)
            left += [edge.target for edge in ours() if edge.is_ours and edge.module == module]

    assert "flow.pipeline" in reached
    assert "kafka.source" in reached
    assert {
        module for module in reached if _within(module, ["sandbox", "demo", "commands"])
    } == set()


def made_up(**sources: str) -> list[Edge]:
    """Return the imports of modules that are not there."""
    return edges({name.replace("__", "."): text for name, text in sources.items()})


@pytest.mark.parametrize(
    "text",
    [
        "from consumer.flow.pipeline import Pipeline",
        "import consumer.flow.pipeline",
        "from consumer.flow import pipeline",
        "def late():\n    from consumer.flow.pipeline import Pipeline",
        "if TYPE_CHECKING:\n    from consumer.flow.pipeline import Pipeline",
        "from consumer.observe.metrics import Tally",
    ],
)
def test_import_that_points_up_or_aside_is_found(text: str) -> None:
    """However it is written; the second proof that the tests above can fail."""
    assert unlisted(made_up(core__ledger=text, flow__pipeline="", observe__metrics=""))


def test_import_that_points_down_or_stays_at_home_is_fine() -> None:
    """So that what is found is not everything."""
    assert not unlisted(
        made_up(
            flow__pipeline="from consumer.core.ledger import Ledger",
            seg__outbox="from consumer.seg.batch import Batch",
            commands__demo="from consumer.demo import WEBSITE_ID",
            core__ledger="",
            demo="",
            seg__batch="",
        )
    )


def test_room_without_a_row_is_found() -> None:
    """A new room must take its place."""
    with pytest.raises(KeyError, match="novelty"):
        unlisted(made_up(novelty="from consumer.core.ledger import Ledger", core__ledger=""))


def test_rows_are_read_as_they_are_written() -> None:
    """The rooms that a row names, and its libraries with the modules in brackets."""
    page = "## The rooms\n| `a` | is | `b` `c` | `x` (`m` `n`) `y` |\n| `b` | is | | |\n\n## End"

    assert rooms(page) == {
        "a": Room(frozenset({"b", "c"}), {"x": ("m", "n"), "y": ()}),
        "b": Room(frozenset(), {}),
    }


def test_cycle_is_found() -> None:
    """Also a long one, and one for types."""
    sources = {
        "seg__a": "from consumer.seg.b import B",
        "seg__b": "if TYPE_CHECKING:\n    from consumer.seg.c import C",
        "seg__c": "from consumer.seg import a",
    }

    assert [["seg.a", "seg.b", "seg.c", "seg.a"]] == cycles(made_up(**sources))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("flow__pipeline", "import confluent_kafka"),
        ("flow__pipeline", "from confluent_kafka.admin import AdminClient"),
        ("seg__outbox", "import pycurl"),
        ("kafka__source", "if TYPE_CHECKING:\n    from structlog import BoundLogger"),
        ("kafka__source", "from structlog.typing import FilteringBoundLogger"),
        ("translate__avrolike", "import fastavro"),
        ("core__ledger", "import never_heard_of"),
    ],
)
def test_library_out_of_place_is_found(module: str, text: str) -> None:
    """Also for types, but for the two that are everybody's."""
    assert strangers(made_up(**{module: text}))


def test_library_in_its_place_is_fine() -> None:
    """So that what is found is not everything."""
    assert not strangers(
        made_up(
            seg__client="import pycurl, select",
            avro__rest="import pycurl, select",
            flow__storm="if TYPE_CHECKING:\n    from structlog.typing import FilteringBoundLogger",
            program__wiring="if TYPE_CHECKING:\n    from pydantic import SecretStr",
            observe__health="import orjson",
        )
    )
