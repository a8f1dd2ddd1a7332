"""Track calls: what becomes of `properties` for each of Seg's events.

A viewed product, an order and a range are rewritten where they stand. An added product becomes
the one line of `OrderLines`; what is no key of a product stays at the top of `properties`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from consumer.translate.page import page_of_track
from consumer.translate.readers import BadValueError
from consumer.translate.rewrite import pass_on, rewrite, split
from consumer.translate.tables import BASKET_LINE, ORDER_PLACED, PRODUCT_VIEW, RANGE_VIEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.model import Event, Object
    from consumer.translate.rewrite import Fill


def _track(translate: Callable[[Object], Object]) -> Fill:
    def fill(sent: Object, event: Event) -> None:
        page_of_track(sent, event)
        properties = event.get("properties")
        try:
            translated = translate({} if properties is None else properties)
        except BadValueError as error:
            raise error.within("properties") from None
        if translated:
            sent["properties"] = translated

    return fill


def _basket(properties: Object) -> Object:
    line, rest = split(BASKET_LINE, properties)
    basket: Object = {"OrderLines": [line]}
    pass_on(BASKET_LINE, rest, basket)
    return basket


TRACKS: Final[dict[str, Fill]] = {
    "RangeView": _track(partial(rewrite, RANGE_VIEW)),
    "ProductView": _track(partial(rewrite, PRODUCT_VIEW)),
    "AddedToBasket": _track(_basket),
    "OrderPlaced": _track(partial(rewrite, ORDER_PLACED)),
}
"""What fills a track call, by Seg's event."""
