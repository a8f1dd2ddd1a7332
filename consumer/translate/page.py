"""Page calls, and the page that a track call happened on.

`page.url` and `page.title` are looked for in the whole call. On a page call they are taken out of
`properties`; the call's `name` is the last resort for the title, and goes on as `page.name` where
the title is another. The call's `category` goes on as `page.category`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from consumer.translate.envelope import text_of
from consumer.translate.notes import note
from consumer.translate.plans import AS_IT_IS
from consumer.translate.readers import BadValueError
from consumer.translate.rows import dig, path
from consumer.translate.tables import PAGE, PAGE_OF_TRACK

if TYPE_CHECKING:
    from consumer.core.model import Object
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.notes import Notes

_PAGE: Final = tuple(
    (row.key, row.read, tuple(path(source) for source in row.sources if "." in source))
    for row in PAGE
)
_PAGE_OF_TRACK: Final = tuple(
    (row.key, AS_IT_IS[row.read], row.read, source.removeprefix("context.page."))
    for row in PAGE_OF_TRACK
    for source in row.sources
)


def page(sent: Object, event: TidyEvent, notes: Notes) -> None:
    """Add what a page call holds."""
    found, taken = find_page(cast("Object", event), notes)
    name = text_of(event, "name", notes)
    if name is not None and found.setdefault("title", name) != name:
        found["name"] = name
    category = text_of(event, "category", notes)
    if category is not None:
        found["category"] = category
    if found:
        sent["page"] = found
    properties = event.get("properties")
    if properties:
        rest = {name: value for name, value in properties.items() if name not in taken}
        if rest:
            sent["properties"] = rest


def find_page(call: Object, notes: Notes) -> tuple[Object, set[str]]:
    """Return the page's url and title, and the names of the properties that are in it."""
    found: Object = {}
    taken: set[str] = set()
    for key, read, ways in _PAGE:
        for way in ways:
            value = dig(call, way)
            try:
                single = None if value is None else read(value)
            except BadValueError as error:
                note(notes, f"page.{key}", ".".join(way), error)
                continue
            if way[0] == "properties":
                taken.add(way[1])
            if single is not None:
                found[key] = single
                break
    return found, taken


def page_of_track(sent: Object, event: TidyEvent, notes: Notes) -> None:
    """Add the page that a track call happened on, where the context tells it."""
    context = event.get("context")
    seen = context.get("page") if context else None
    if type(seen) is not dict:
        return
    found: Object = {}
    for key, as_it_is, read, name in _PAGE_OF_TRACK:
        value = seen.get(name)
        if value and type(value) in as_it_is:
            found[key] = value
        elif value is not None:
            try:
                single = read(value)
            except BadValueError as error:
                note(notes, f"page.{key}", f"context.page.{name}", error)
            else:
                if single is not None:
                    found[key] = single
    if found:
        sent["page"] = found
