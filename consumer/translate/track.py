"""Track calls: what becomes of `properties` for each of Seg's events.

A viewed product, an order and a range are rewritten where they stand. An added product becomes
the one line of `OrderLines`; what is no key of a product stays at the top of `properties`. Where
nothing at the top says which product it is and `products` lists some, an added product's lines are
those of the list, and a viewed product is the one in a list of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

from consumer.translate.lists import objects_in
from consumer.translate.mapping import pass_on, rewrite, rewrite_each, split
from consumer.translate.notes import within
from consumer.translate.page import page_of_track
from consumer.translate.readers import BadValueError
from consumer.translate.tables import (
    BASKET_LINE,
    ORDER_PLACED,
    PRODUCT_LISTS,
    PRODUCT_VIEW,
    RANGE_VIEW,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.core.model import Object, Value
    from consumer.translate.envelope import TidyEvent
    from consumer.translate.mapping import Fill
    from consumer.translate.notes import Notes
    from consumer.translate.rows import Table

Translate: TypeAlias = "Callable[[Table, Object, Notes], Object]"
"""Returns the `properties` that are sent."""

_WHICH: Final = frozenset({"Id", "Sku", "Name"})
"""The keys that say which product an event is about."""


def _track(table: Table, translate: Translate = rewrite) -> Fill:
    def fill(sent: Object, event: TidyEvent, notes: Notes) -> None:
        page_of_track(sent, event, notes)
        properties = event.get("properties")
        start = len(notes)
        translated = translate(table, properties or {}, notes)
        if len(notes) > start:
            within(notes, start, "properties")
        if translated:
            sent["properties"] = translated

    return fill


def _basket(table: Table, properties: Object, notes: Notes) -> Object:
    name, elements = list_alone(table, properties)
    if elements:
        basket: Object = {"OrderLines": rewrite_each(table, "OrderLines", name, elements, notes)}
        rest = {other: value for other, value in properties.items() if other != name}
    else:
        line, rest = split(table, properties, notes)
        basket = {"OrderLines": [line]}
    pass_on(table, rest, basket)
    return basket


def _view(table: Table, properties: Object, notes: Notes) -> Object:
    name, elements = list_alone(table, properties)
    if len(elements) != 1:
        return rewrite(table, properties, notes)
    ((at, product),) = elements
    start = len(notes)
    found, rest = split(table, cast("Object", product), notes)
    within(notes, start, f"{name}[{at}]")
    pass_on(table, {other: it for other, it in properties.items() if other != name}, found)
    pass_on(table, rest, found)
    return found


def list_alone(table: Table, properties: Object) -> tuple[str, Sequence[tuple[object, Value]]]:
    """Return the list of products and its name, where nothing else says which product it is."""
    for name in PRODUCT_LISTS:
        if name in properties:
            break
    else:
        return "", ()
    for key, _, names in table.plans[tuple(properties)].tops:
        if key in _WHICH and any(not table.is_absent(it, properties[it]) for it in names):
            return "", ()
    try:
        return name, tuple(objects_in(properties[name]))
    except BadValueError:
        return "", ()


TABLES: Final = {
    "RangeView": RANGE_VIEW,
    "ProductView": PRODUCT_VIEW,
    "AddedToBasket": BASKET_LINE,
    "OrderPlaced": ORDER_PLACED,
}
"""The table for `properties`, by Seg's event."""

_ABOUT_ONE_PRODUCT: Final[dict[str, Translate]] = {"ProductView": _view, "AddedToBasket": _basket}

TRACKS: Final[dict[str, Fill]] = {
    event: _track(table, _ABOUT_ONE_PRODUCT.get(event, rewrite)) for event, table in TABLES.items()
}
"""What fills a track call, by Seg's event."""
