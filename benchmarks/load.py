"""The events of a benchmark.

60 % product views, 15 % category views, 10 % baskets, 5 % orders of three lines, 5 % identify,
3 % page, 2 % unmapped; 5,000 users; about 0.9 KB of Avro each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.avro.encoder import Encoder
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from consumer.model import Object
    from consumer.settings import KafkaSettings

USERS = 5_000
START = "2026-11-23T10:00:00.000Z"
CONTEXT: Object = {
    "ip": "203.0.113.7",
    "locale": "en-GB",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "page": {"url": "https://shop.example/p/45790-32", "title": "Monopoly: 3rd Edition"},
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0",
}


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


def calls(number: int, random: Random) -> Iterator[tuple[str, Object]]:
    """Yield *number* Segment calls and the user of each."""
    shares = (60, 15, 10, 5, 5, 3, 2)
    kinds = ("viewed", "category", "added", "order", "identify", "page", "unmapped")
    for index, kind in enumerate(random.choices(kinds, shares, k=number)):
        user = f"u-{random.randrange(USERS)}"
        call: Object = {"messageId": f"m-{index}", "userId": user, "timestamp": START}
        call |= {"sentAt": START, "receivedAt": START, "context": CONTEXT}
        match kind:
            case "viewed":
                call |= {"type": "track", "event": "Viewed Product"}
                call["properties"] = _product(random)
            case "category":
                call |= {"type": "track", "event": "Viewed Product Category"}
                call["properties"] = {"category": "Games", "brands": ["Hasbro"]}
            case "added":
                call |= {"type": "track", "event": "Added Product"}
                call["properties"] = _product(random) | {"quantity": 2}
            case "order":
                call |= {"type": "track", "event": "Order Completed"}
                call["properties"] = _order(random)
            case "identify":
                call |= {"type": "identify"}
                call["traits"] = {"email": f"{user}@example.com", "firstName": "Jane"}
            case "page":
                call |= {"type": "page", "name": "Home", "properties": {"title": "Home"}}
            case _:
                call |= {"type": "track", "event": "Signed Up", "properties": {"plan": "gold"}}
        yield user, call


def fill(settings: KafkaSettings, topic: str, number: int, random: Random) -> None:
    """Write *number* events to *topic*, keyed by user."""
    encode = Encoder()
    producer = TopicProducer(settings, topic)
    for user, call in calls(number, random):
        producer.put(Outgoing(user.encode(), encode(call)))
    producer.close()
