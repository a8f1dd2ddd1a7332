"""The words of a call in Seg's vocabulary, and what each may hold (the project's wire document).

Numbers are numbers and lists are lists, whatever the sender of the event wrote. Where Seg
promises no more, a word holds any single value. Only a trait may be null, which removes it:
what is absent is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from consumer.core.model import Value

if TYPE_CHECKING:
    from collections.abc import Mapping


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EMAIL_MAX_CHARACTERS = 254
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class Kind(NamedTuple):
    """A kind of value."""

    expected: str
    fits: Callable[[Value], bool]


Vocabulary: TypeAlias = "Mapping[str, Kind]"
"""The kinds of the keys that are known; others may hold anything."""


def _is_email(value: Value) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= _EMAIL_MAX_CHARACTERS
        and _EMAIL.fullmatch(value) is not None
    )


def _is_timestamp(value: Value) -> bool:
    if not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:  # 30 February
        return False
    return True


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: Value) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


EMAIL: Final = Kind("an e-mail address", _is_email)
LINES: Final = Kind("a list of order lines", lambda value: isinstance(value, list))
SOME_LINES: Final = Kind(
    "a list with an order line", lambda value: isinstance(value, list) and value != []
)
NUMBER: Final = Kind("a number", _is_number)
OBJECT: Final = Kind("an object", lambda value: isinstance(value, dict))
SINGLE: Final = Kind("a single value", lambda value: isinstance(value, str | int | float))
TRAIT: Final = Kind(
    "a single value or null", lambda value: value is None or isinstance(value, str | int | float)
)
TEXT: Final = Kind("a string", lambda value: isinstance(value, str))
TEXTS: Final = Kind("a list of strings", _is_texts)
TIMESTAMP: Final = Kind("RFC 3339 in UTC with milliseconds", _is_timestamp)
TRUE: Final = Kind("true", lambda value: value is True)

CALL: Final[Vocabulary] = {
    "timestamp": TIMESTAMP,
    "messageId": TEXT,
    "userId": TEXT,
    "anonymousId": TEXT,
    "email": EMAIL,
    "page": OBJECT,
    "properties": OBJECT,
    "traits": OBJECT,
}
ALIAS: Final[Vocabulary] = {"previousId": EMAIL, "userId": EMAIL}
PAGE: Final[Vocabulary] = {"url": SINGLE, "title": SINGLE}
CUSTOMER: Final[Vocabulary] = {
    "Email": TRAIT,
    "Title": TRAIT,
    "FirstName": TRAIT,
    "LastName": TRAIT,
    "CountryCode": TRAIT,
}
RANGE: Final[Vocabulary] = {"Categories": TEXTS, "Brands": TEXTS}
PRODUCT: Final[Vocabulary] = {
    **RANGE,
    "Id": SINGLE,
    "Sku": SINGLE,
    "Name": SINGLE,
    "Price": NUMBER,
    "OriginalPrice": NUMBER,
    "ImageUrl": SINGLE,
    "VariantName": SINGLE,
}
LINE: Final[Vocabulary] = {**PRODUCT, "Quantity": NUMBER, "Added": TRUE}
BASKET: Final[Vocabulary] = {"OrderLines": SOME_LINES}
ORDER: Final[Vocabulary] = {
    "OrderLines": LINES,
    "Id": SINGLE,
    "Email": SINGLE,
    "Date": SINGLE,
    "Revenue": NUMBER,
    "Total": NUMBER,
    "DeliveryRevenue": NUMBER,
    "DeliveryMethod": SINGLE,
    "Tax": NUMBER,
    "Discount": NUMBER,
    "Coupon": SINGLE,
    "Currency": SINGLE,
    "Repeat": SINGLE,
    "_p": NUMBER,
}


class Form(NamedTuple):
    """What is known of the properties of an event, and what must be there."""

    vocabulary: Vocabulary
    required: tuple[str, ...] = ()


EVENTS: Final[Mapping[str, Form]] = {
    "RangeView": Form(RANGE),
    "ProductView": Form(PRODUCT),
    "AddedToBasket": Form(BASKET, ("OrderLines",)),
    "OrderPlaced": Form(ORDER),
}

_NAMES: Final[Mapping[type, str]] = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def json_type(value: Value) -> str:
    """Return what *value* is, in a word that may stand in an error text."""
    return _NAMES[type(value)]
