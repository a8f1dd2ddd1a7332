"""The translation as data: which Segment name becomes which of Seg's, row by row.

To add a key, add a row here and a folder to `tests/translate/golden/`. A row has no conditions:
what needs an `if` is a reader with a name and tests of its own. What happens to the sources
that no row takes says `mapping`.

A source stands for each way to spell it: case and what separates words do not count, so that
`product_id` means `Product ID` and `ProductID`, too (`plans.bare`). Where a row has two spellings
of one word, the first beats the second.

Sources of the names: Segment's e-commerce spec v1 and v2 (`id` and `orderId` are v1,
`product_id`, `order_id`, `brand`, `variant` and `subtotal` v2), Seg's Segment page
(`original_price`, `variant_name`, `delivery_method`, `_p`), Seg's published store plugins
(the keys on the left).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.translate.numbers import number
from consumer.translate.readers import country_code, scalar, trimmed
from consumer.translate.rows import Listed, Merged, Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIMARY_EVENTS: Final = {
    "Viewed Product Category": "RangeView",
    "Viewed Product": "ProductView",
    "Added Product": "AddedToBasket",
    "Order Completed": "OrderPlaced",
}
"""The names on Seg's own Segment page."""

ALTERNATE_EVENTS: Final = {
    "Product List Viewed": "RangeView",
    "Product Viewed": "ProductView",
    "Product Added": "AddedToBasket",
    "Completed Order": "OrderPlaced",
}
"""The other spelling of each in Segment's two e-commerce specs; these can be switched off."""

EVENTS: Final = PRIMARY_EVENTS | ALTERNATE_EVENTS
"""Segment's track events, written exactly so, and the Seg event that each becomes."""

# fmt: off
_LISTS: Final = (
    Merged("Categories", ("categories", "category")),
    Merged("Brands",     ("brands", "brand")),
)

_PRODUCT: Final = (
    Row("Id",            scalar, ("id", "product_id", "productId", "sku")),
    Row("Sku",           scalar, ("sku",)),
    Row("Name",          scalar, ("name",)),
    Row("Price",         number, ("price",)),
    Row("Quantity",      number, ("quantity",)),
    Row("OriginalPrice", number, ("original_price", "originalPrice")),
    Row("ImageUrl",      scalar, ("image_url", "imageUrl")),
    Row("VariantName",   scalar, ("variant_name", "variantName", "variant")),
)

RANGE_VIEW: Final = Table((), _LISTS)
PRODUCT_VIEW: Final = Table(_PRODUCT, _LISTS)
BASKET_LINE: Final = Table(_PRODUCT, _LISTS, defaults={"Quantity": 1, "Added": True})
ORDER_LINE: Final = Table(_PRODUCT, _LISTS, defaults={"Quantity": 1})

_ORDER_LINES: Final = Listed("OrderLines", ORDER_LINE, ("products", "product_list"))

ORDER_PLACED: Final = Table((
    Row("Id",              scalar, ("orderId", "order_id", "id")),
    Row("Revenue",         number, ("revenue", "total", "subtotal")),
    Row("Total",           number, ("total",)),
    Row("DeliveryRevenue", number, ("shipping",)),
    Row("DeliveryMethod",  scalar, ("delivery_method", "deliveryMethod")),
    Row("Tax",             number, ("tax",)),
    Row("Discount",        number, ("discount",)),
    Row("Coupon",          scalar, ("coupon",)),
    Row("Currency",        scalar, ("currency", "currency_code", "currencyCode")),
    Row("Repeat",          scalar, ("repeat",)),
    Row("_p",              number, ("_p",)),
), _LISTS, (_ORDER_LINES,))

PRODUCT_LISTS: Final = (*_ORDER_LINES.sources, "product")
"""Where the product of an event about one stands, if not at the top of `properties`."""

TRAITS: Final = Table((
    Row("Email",       trimmed, ("email",)),
    Row("Title",       scalar,  ("title",)),
    Row("FirstName",   scalar,  ("firstName", "first_name")),
    Row("LastName",    scalar,  ("lastName", "last_name")),
    Row("CountryCode", scalar,  ("countryCode", "country_code", "address.country"), country_code),
))

# These look into the whole call, not into one of its objects.
PAGE: Final = (
    Row("url",   scalar, ("properties.url", "context.page.url")),
    Row("title", scalar, ("properties.title", "context.page.title", "name")),
)
PAGE_OF_TRACK: Final = (
    Row("url",   scalar, ("context.page.url",)),
    Row("title", scalar, ("context.page.title",)),
)
# fmt: on

EMAIL: Final = (
    *("traits.email", "traits.Email", "context.traits.email", "context.traits.Email"),
    *("properties.email", "userId"),
)
"""Where the address is looked for that matches a call to a customer, nearest first."""

TIMESTAMPS: Final = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
"""Where the time is looked for, nearest first; last comes the Kafka record's own."""

RECORD_TIMESTAMP: Final = "the Kafka record's timestamp"


_ENVELOPE: Final = (
    *("timestamp", "messageId", "userId", "anonymousId", "previousId", "name", "category"),
    *("properties", "traits", "context", "integrations", "page.url", "page.title"),
)
KEYS: Final = (
    *_ENVELOPE,
    *sorted(RANGE_VIEW.keys | BASKET_LINE.keys | ORDER_PLACED.keys | TRAITS.keys),
)
"""Every key that a value may be left out of."""


class TableRow(NamedTuple):
    """One row as the README shows it."""

    call: str
    """Seg's event, or the type of a call that is no track; `*` for every call."""
    key: str
    """Where the value stands in what is sent: `properties.OrderLines[].Id`."""
    sources: tuple[str, ...]
    """Where it comes from in the Segment call, nearest first: `properties.products[].sku`."""


def rows() -> Iterator[TableRow]:
    """Yield the whole table, row by row."""
    yield TableRow("*", "timestamp", (*TIMESTAMPS, RECORD_TIMESTAMP))
    yield TableRow("*", "email", EMAIL)
    yield from _of_table("RangeView", RANGE_VIEW, "properties", "properties")
    yield from _of_table("ProductView", PRODUCT_VIEW, "properties", "properties")
    yield from _of_table("AddedToBasket", BASKET_LINE, "properties.OrderLines[]", "properties")
    yield from _of_table("OrderPlaced", ORDER_PLACED, "properties", "properties")
    yield from _of_table(
        "OrderPlaced", ORDER_LINE, "properties.OrderLines[]", "properties.products[]"
    )
    for call in ("RangeView", "ProductView", "AddedToBasket", "OrderPlaced"):
        yield from (TableRow(call, f"page.{row.key}", row.sources) for row in PAGE_OF_TRACK)
    yield from (TableRow("page", f"page.{row.key}", row.sources) for row in PAGE)
    yield from _of_table("identify", TRAITS, "traits", "traits")
    yield from (TableRow("alias", name, (name,)) for name in ("previousId", "userId"))


def _of_table(call: str, table: Table, target: str, source: str) -> Iterator[TableRow]:
    pairs: list[Row | Merged | Listed] = [*table.rows, *table.listed, *table.merged]
    for row in pairs:
        names = tuple(f"{source}.{name}" for name in row.sources)
        yield TableRow(call, f"{target}.{row.key}", names)
