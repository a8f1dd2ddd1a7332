"""The events of a benchmark.

60 % product views, 15 % category views, 10 % baskets, 5 % orders of three lines, 5 % identify,
3 % page, 2 % unmapped; 5,000 users; about 0.9 KB of Avro each, in Confluent's framing.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from fastavro import parse_schema, schemaless_writer

from consumer.avro.encoder import Encoder
from consumer.avro.framing import confluent
from consumer.avro.schemas import CANONICAL, folder
from consumer.kafka.produce import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.core.model import Object, Value

TYPED: Final = "segment_event_typed.avsc"
SCHEMA_IDS: Final = {CANONICAL: 1, TYPED: 2}

USERS = 5_000
UNMAPPED = 0.02
START = "2026-11-23T10:00:00.000Z"
INSTANTS = ("timestamp", "sentAt", "receivedAt")
START_MS = 1_795_428_000_000
PAGE: Object = {"url": "https://shop.example/p/45790-32", "title": "Monopoly: 3rd Edition"}
CONTEXT: Object = {
    "ip": "203.0.113.7",
    "locale": "en-GB",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "page": PAGE,
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0",
}
PADDING = "The game of a lifetime. "
TYPED_NAMES = {"orderId": "order_id", "id": "product_id", "variant_name": "variant"}
DECIMALS = {"total", "revenue", "shipping", "tax", "price", "original_price"}


class Load(NamedTuple):
    """Which events."""

    events: int
    schema: str = CANONICAL
    unmapped: float = UNMAPPED
    """The share of those that Seg never sees."""
    size_bytes: int | None = None
    """How large each is made; None leaves them as they are."""


def _product(random: Random) -> Object:
    return {
        "id": f"507f1f77bcf86cd7994390{random.randrange(100):02d}",
        "sku": "45790-32",
        "name": "Monopoly: 3rd Edition",
        "price": random.randrange(100, 9999) / 100,
        "category": "Games",
        "categories": ["Games", "Board Games"],
        "brands": ["Hasbro"],
        "image_url": "http://example.com/url-to-product-image",
        "original_price": 19.99,
        "variant_name": "Product Variant Name",
    }


def _order(random: Random) -> Object:
    lines = [_product(random) | {"quantity": random.randrange(1, 4)} for _ in range(3)]
    return {
        "orderId": f"o-{random.randrange(10**9)}",
        "total": 30.5,
        "revenue": 25.25,
        "shipping": 3,
        "tax": 2,
        "currency": "USD",
        "products": list(lines),
    }


def calls(random: Random, unmapped: float = UNMAPPED) -> Iterator[tuple[str, Object]]:
    """Yield Segment calls and the user of each, without end."""
    shares = (60, 15, 10, 5, 5, 3, 98 * unmapped / (1 - unmapped))
    kinds = ("viewed", "category", "added", "order", "identify", "page", "unmapped")
    index = 0
    while True:
        for kind in random.choices(kinds, shares, k=1_000):
            user = f"u-{random.randrange(USERS)}"
            call: Object = {"messageId": f"m-{index}", "userId": user, "context": CONTEXT}
            call |= dict.fromkeys(INSTANTS, START)
            yield user, call | _of(kind, user, random)
            index += 1


def _of(kind: str, user: str, random: Random) -> Object:
    match kind:
        case "viewed":
            call = _track("Viewed Product", _product(random))
        case "category":
            call = _track("Viewed Product Category", {"category": "Games", "brands": ["Hasbro"]})
        case "added":
            call = _track("Added Product", _product(random) | {"quantity": 2})
        case "order":
            call = _track("Order Completed", _order(random))
        case "identify":
            traits: Object = {"email": f"{user}@example.com", "firstName": "Jane"}
            call = {"type": "identify", "traits": traits}
        case "page":
            call = {"type": "page", "name": "Home", "properties": {"title": "Home"}}
        case _:
            call = _track("Signed Up", _product(random))
    return call


def _track(event: str, properties: Object) -> Object:
    return {"type": "track", "event": event, "properties": properties}


@cache
def records(load: Load) -> list[Outgoing]:
    """Return the records of *load*, keyed by user: the same each time."""
    random = Random(7)  # noqa: S311 - seeded
    encode = _typed_encoder() if load.schema == TYPED else Encoder(SCHEMA_IDS[CANONICAL])
    made = zip(range(load.events), calls(random, load.unmapped), strict=False)
    return [
        Outgoing(user.encode(), encode(_sized(call, load.size_bytes))) for _, (user, call) in made
    ]


def _sized(call: Object, size_bytes: int | None) -> Object:
    if size_bytes is None:
        return call
    call = call | {"context": {"page": PAGE}}  # to be small enough
    missing = size_bytes - len(orjson.dumps(call))
    properties = call.get("properties")
    if missing > 0 and isinstance(properties, dict):
        padding: Object = {"description": PADDING * (missing // len(PADDING))}
        return call | {"properties": properties | padding}
    return call


def _typed_encoder() -> Callable[[Object], bytes]:
    schema = parse_schema(orjson.loads((folder() / TYPED).read_bytes()))
    header = confluent(SCHEMA_IDS[TYPED])

    def encode(call: Object) -> bytes:
        datum: dict[str, Any] = dict(call) | dict.fromkeys(INSTANTS, START_MS)
        if "properties" in datum:
            datum["properties"] = _typed(datum["properties"])
        buffer = BytesIO()
        buffer.write(header)
        schemaless_writer(buffer, schema, datum)
        return buffer.getvalue()

    return encode


def _typed(value: Value) -> Any:  # noqa: ANN401 - Avro's, with decimals
    match value:
        case dict():
            return {
                TYPED_NAMES.get(name, name): _decimal(part) if name in DECIMALS else _typed(part)
                for name, part in value.items()
            }
        case list():
            return [_typed(part) for part in value]
        case _:
            return value


def _decimal(value: Value) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.0001"))
