"""A Segment call beside what Seg is sent of it, for `translate --explain` on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from rich import box
from rich.table import Table
from rich.text import Text

from consumer.core.errors import PoisonError
from consumer.core.json_text import read_json
from consumer.core.model import Ignored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Value
    from consumer.translate.explain import Explanation, Made

VALUE_MAX_CHARACTERS: Final = 60


def side_by_side(number: int, line: bytes, explanation: Explanation) -> Table | Text:
    """Return the call in *line*, the file's line *number*, and what becomes of each value."""
    outcome = explanation.outcome
    if isinstance(outcome, PoisonError):
        return Text(f"line {number}: rejected, {outcome.reason}: {explanation.why}", "bold red")
    if isinstance(outcome, Ignored):
        return Text(f"line {number}: ignored, {outcome.reason}: {explanation.why}", "yellow")
    came = dict(values_by_path(read_json(line)))
    sent = dict(values_by_path(orjson.loads(outcome.body)))
    title = " ".join(filter(None, (f"line {number}:", outcome.type, outcome.event)))
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in ("Segment call", "Seg is sent", "by"):
        table.add_column(column, overflow="fold")
    for made in explanation.made:
        sources = "\n".join(_cell(source, came) for source in made.sources)
        table.add_row(Text(sources), Text(_cell(made.key, sent), "green"), Text(_by(made), "dim"))
    for left_out in outcome.left_out:
        problem = Text(f"no {left_out.key}: {left_out.why}", "bold yellow")
        table.add_row(Text(_cell(left_out.source, came)), problem, "")
    unreadable = {it.source for it in outcome.left_out}
    for unsent in explanation.unsent:
        if unsent.source not in unreadable:
            table.add_row(
                Text(_cell(unsent.source, came)), Text(f"not sent: {unsent.why}", "dim"), ""
            )
    return table


def _by(made: Made) -> str:
    if not made.sources:
        return "default"
    return "passed on" if made.row is None else "row"


def _cell(place: str, values: dict[str, Value]) -> str:
    """Return *place* and, where it has one, its value, cut."""
    if place not in values:
        return place
    text = orjson.dumps(values[place], default=str).decode()
    if len(text) > VALUE_MAX_CHARACTERS:
        text = f"{text[:VALUE_MAX_CHARACTERS]}…"
    return f"{place}: {text}"


def values_by_path(value: Value, place: str = "") -> Iterator[tuple[str, Value]]:
    """Yield every value in *value* with its path: `properties.products[0].sku`."""
    if place:
        yield place, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from values_by_path(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from values_by_path(inner, f"{place}[{at}]")
