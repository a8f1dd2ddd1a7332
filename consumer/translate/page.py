"""Page calls, and the page that a track call happened on.

`page.url` and `page.title` are looked for in the whole call. On a page call they are taken out of
`properties`; the call's `name` is the last resort for the title, and goes on as `page.name`
where the title is another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from consumer.translate.mapping import dig, path
from consumer.translate.readers import AS_IT_IS, BadValueError
from consumer.translate.tables import PAGE, PAGE_OF_TRACK

if TYPE_CHECKING:
    from consumer.core.model import Event, Object

_PAGE: Final = tuple((row.key, row.read, tuple(map(path, row.sources))) for row in PAGE)
_TAKEN: Final = frozenset(way[1] for _, _, ways in _PAGE for way in ways if way[0] == "properties")
"""Properties that are the first source of their row: each one present is sent as `page`."""


_PAGE_OF_TRACK: Final = tuple(
    (row.key, AS_IT_IS[row.read], row.read, source.removeprefix("context.page."))
    for row in PAGE_OF_TRACK
    for source in row.sources
)


def page(sent: Object, event: Event) -> None:
    """Add what a page call holds.

    Raises:
        BadValueError: a url or title is a list or an object.
    """
    found = _find(cast("Object", event))
    name = event.get("name")
    if name is not None and found["title"] != name:
        found["name"] = name
    if found:
        sent["page"] = found
    properties = event.get("properties")
    if properties is not None:
        rest = {name: value for name, value in properties.items() if name not in _TAKEN}
        if rest:
            sent["properties"] = rest


def _find(call: Object) -> Object:
    found: Object = {}
    for key, read, ways in _PAGE:
        for way in ways:
            value = dig(call, way)
            if value is not None:
                try:
                    found[key] = read(value)
                except BadValueError as error:
                    raise error.within(".".join(way)) from None
                break
    return found


def page_of_track(sent: Object, event: Event) -> None:
    """Add the page that a track call happened on, where the context tells it.

    Raises:
        BadValueError: a url or title is a list or an object.
    """
    context = event.get("context")
    seen = context.get("page") if context else None
    if type(seen) is not dict:
        return
    found: Object = {}
    for key, as_it_is, read, name in _PAGE_OF_TRACK:
        value = seen.get(name)
        if type(value) in as_it_is:
            found[key] = value
        elif value is not None:
            try:
                found[key] = read(value)
            except BadValueError as error:
                raise error.within(f"context.page.{name}") from None
    if found:
        sent["page"] = found
