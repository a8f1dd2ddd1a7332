"""Track calls: what becomes of `properties` for each of Seg's events.

A viewed product, an order and a range are rewritten where they stand. An added product becomes
the one line of `OrderLines`; what is no key of a product stays at the top of `properties`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.translate.mapping import pass_on, rewrite, split
from consumer.translate.page import page_of_track
from consumer.translate.readers import BadValueError
from consumer.translate.tables import BASKET_LINE, ORDER_PLACED, PRODUCT_VIEW, RANGE_VIEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.model import Event, Object
    from consumer.translate.mapping import Fill, Table


def _track(table: Table, translate: Callable[[Table, Object], Object] = rewrite) -> Fill:
    def fill(sent: Object, event: Event) -> None:
        page_of_track(sent, event)
        properties = event.get("properties")
        try:
            translated = translate(table, {} if properties is None else properties)
        except BadValueError as error:
            raise error.within("properties") from None
        if translated:
            sent["properties"] = translated

    return fill


def _basket(table: Table, properties: Object) -> Object:
    line, rest = split(table, properties)
    basket: Object = {"OrderLines": [line]}
    pass_on(table, rest, basket)
    return basket


TRACKS: Final[dict[str, Fill]] = {
    "RangeView": _track(RANGE_VIEW),
    "ProductView": _track(PRODUCT_VIEW),
    "AddedToBasket": _track(BASKET_LINE, _basket),
    "OrderPlaced": _track(ORDER_PLACED),
}
"""What fills a track call, by Seg's event."""
