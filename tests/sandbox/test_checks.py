"""What Seg takes, call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.checks import RefusedError, check
from consumer.sandbox.vocabulary import CUSTOMER, ORDER, PRODUCT
from tests.sandbox.client import page, track

if TYPE_CHECKING:
    from consumer.core.model import Object, Value

JSON: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
UNKNOWN = st.dictionaries(
    st.text().filter(lambda key: key not in {*PRODUCT, *ORDER, *CUSTOMER}), JSON
)


def identify(**traits: Value) -> Object:
    """Return an identify call."""
    return {"type": "identify", "timestamp": "2026-11-23T10:11:12.345Z", "traits": traits}


def alias(**ids: Value) -> Object:
    """Return an alias call."""
    return {"type": "alias", "timestamp": "2026-11-23T10:11:12.345Z", **ids}


LINE: Object = {"Id": "507f", "Price": 18.99, "Quantity": 2}

GOOD = [
    page("m-1"),
    page("m-1", page={"url": "https://shop.example/p/1", "title": "Monopoly"}),
    page("m-1", page={"title": 404}),
    identify(),
    identify(Email="jane@example.com", order_completed_last_30days=True),
    identify(Email="n/a"),
    identify(Email=None, FirstName=None),
    alias(previousId="old@example.com", userId="new@example.com"),
    track("RangeView", Categories=["Games"], Brands=[]),
    track("ProductView", Id=7, Name="Monopoly", Price=18.99, OriginalPrice=20),
    track("AddedToBasket", OrderLines=[{**LINE, "Added": True}]),
    track("OrderPlaced", Revenue=25, Repeat=True, _p=-1.5, OrderLines=[LINE, LINE]),
    track("OrderPlaced"),
]

BAD = [
    (["a"], "the call: expected an object, got a list"),
    (page("m-1", timestamp=None), "timestamp: expected RFC 3339"),
    (page("m-1", timestamp=1763892672345), "timestamp: expected RFC 3339"),
    (page("m-1", timestamp="2026-11-23T10:11:12Z"), "timestamp: expected RFC 3339"),
    (page("m-1", timestamp="2026-11-23T10:11:12.345+01:00"), "timestamp: expected RFC 3339"),
    (page("m-1", timestamp="2026-02-30T10:11:12.345Z"), "timestamp: expected RFC 3339"),
    ({"type": "page"}, "timestamp: required, but it is missing"),
    (page("m-1", messageId=7), "messageId: expected a string, got a number"),
    (page("m-1", userId=None), "userId: expected a string, got null"),
    (page("m-1", email="jane@example"), "email: expected an e-mail address, got a string"),
    (page("m-1", email="a@" + "b" * 249 + ".com"), "email: expected an e-mail address"),
    (page("m-1", page="/p/1"), "page: expected an object, got a string"),
    (page("m-1", page={"url": None}), "page.url: expected a single value, got null"),
    (page("m-1", properties=[]), "properties: expected an object, got a list"),
    (identify(FirstName=["Jane"]), "traits.FirstName: expected a single value or null, got a list"),
    (alias(userId="new@example.com"), "previousId: required, but it is missing"),
    (alias(previousId="u-1", userId="new@example.com"), "previousId: expected an e-mail address"),
    (alias(previousId="a@b.example", userId="u-1"), "userId: expected an e-mail address"),
    (track("RangeView", Categories="Games"), "properties.Categories: expected a list of strings"),
    (track("RangeView", Brands=["a", 1]), "properties.Brands: expected a list of strings"),
    (track("ProductView", Price="18.99"), "properties.Price: expected a number, got a string"),
    (track("ProductView", Price=True), "properties.Price: expected a number, got a boolean"),
    (track("AddedToBasket"), "properties.OrderLines: required, but it is missing"),
    (track("AddedToBasket", OrderLines=[]), "properties.OrderLines: expected a list with an"),
    (track("AddedToBasket", OrderLines=LINE), "properties.OrderLines: expected a list with an"),
    (track("OrderPlaced", OrderLines="1"), "properties.OrderLines: expected a list of order lines"),
    (track("OrderPlaced", OrderLines=[LINE, 7]), "properties.OrderLines[1]: expected an object"),
    (
        track("OrderPlaced", OrderLines=[{"Id": "507f"}]),
        "properties.OrderLines[0].Quantity: required, but it is missing",
    ),
    (
        track("OrderPlaced", OrderLines=[{**LINE, "Price": None}]),
        "properties.OrderLines[0].Price: expected a number, got null",
    ),
    (
        track("AddedToBasket", OrderLines=[{**LINE, "Added": False}]),
        "properties.OrderLines[0].Added: expected true, got a boolean",
    ),
    (track("Order Completed"), "event: expected one of RangeView, ProductView, AddedToBasket"),
    (page("m-1", type="track"), "event: expected one of RangeView"),
]


@pytest.mark.parametrize("call", GOOD)
def test_good(call: Object) -> None:
    """A call in Seg's vocabulary is taken as it is."""
    assert call == check(call)


@pytest.mark.parametrize(("call", "text"), BAD)
def test_bad(call: Value, text: str) -> None:
    """What is missing, or holds another kind of value, is refused with 400 and its place."""
    with pytest.raises(RefusedError) as refused:
        check(call)

    assert refused.value.status == 400
    assert str(refused.value).startswith(text)


@pytest.mark.parametrize("kind", ["group", "screen", "Track", "", None, 7, ["track"]])
def test_unsupported(kind: Value) -> None:
    """A type that Seg has no method for is refused with 501."""
    with pytest.raises(RefusedError) as refused:
        check(page("m-1", type=kind), "[3].")

    assert refused.value.status == 501
    text = "[3].type: expected one of identify, track, page, alias, got another"
    assert text == str(refused.value)


@given(UNKNOWN)
def test_unknown_keys(extra: Object) -> None:
    """Keys that are not in the vocabulary may hold anything."""
    for call in (track("ProductView", **extra), track("RangeView", **extra), identify(**extra)):
        assert call == check(call)


@given(JSON)
def test_no_value_in_the_text(value: Value) -> None:
    """Whatever comes as a price, it is either a number or refused, and the text names its type."""
    call = track("ProductView", Price=value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert check(call) is call
        return

    with pytest.raises(RefusedError) as refused:
        check(call)

    assert str(refused.value) in [
        f"properties.Price: expected a number, got {kind}"
        for kind in ("null", "a boolean", "a string", "a list", "an object")
    ]
