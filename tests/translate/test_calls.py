"""What the types of call do beside the table: pages, baskets, aliases, Personas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import IgnoredReason
from consumer.core.model import Event, Ignored, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.identify import snake_case
from tests.translate.calls import refuse, send


def test_a_track_call_tells_its_page_and_no_more_of_its_context() -> None:
    """Of the context, the page's url and title are sent."""
    context: Object = {"ip": "8.8.8.8", "page": {"url": "u", "title": None, "path": "/"}}

    sent = send({"type": "track", "event": "Viewed Product", "context": context})

    assert sent == {"type": "track", "event": "ProductView", "page": {"url": "u"}}


@pytest.mark.parametrize("context", [{}, {"page": None}, {"page": "u"}, {"page": {}}, {"page": []}])
def test_a_context_without_a_page_gives_none(context: Object) -> None:
    """What is no object has no url."""
    assert "page" not in send({"type": "track", "event": "Viewed Product", "context": context})
    assert "page" not in send({"type": "page", "context": context})


def test_a_page_call_takes_url_and_title_out_of_its_properties() -> None:
    """What is sent as `page` is not sent again; all else stays in `properties`."""
    sent = send(
        {
            "type": "page",
            "name": "Home",
            "properties": {"url": "u", "title": "t", "name": "n", "colour": None},
            "context": {"page": {"url": "other", "title": "other"}},
        }
    )

    assert sent == {
        "type": "page",
        "page": {"url": "u", "title": "t", "name": "Home"},
        "properties": {"name": "n", "colour": None},
    }


def test_a_pages_name_is_not_sent_beside_an_equal_title() -> None:
    """The name is passed on only where it says something that the title does not."""
    assert send({"type": "page", "name": "Home", "properties": {"title": "Home"}}) == {
        "type": "page",
        "page": {"title": "Home"},
    }


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (
            {"type": "page", "properties": {"url": {"href": "u"}}},
            "properties.url: expected a single value, got an object",
        ),
        (
            {"type": "page", "context": {"page": {"title": ["t"]}}},
            "context.page.title: expected a single value, got a list",
        ),
        (
            {"type": "identify", "traits": {"address": {"country": ["US"]}}},
            "traits.address.country: expected a single value, got a list",
        ),
        (
            {"type": "identify", "traits": {"email": ["a@b.c"]}},
            "traits.email: expected a single value, got a list",
        ),
    ],
)
def test_a_bad_value_is_named_from_the_top_of_the_call(event: Event, detail: str) -> None:
    """The path starts at the Segment call."""
    assert refuse(event).detail == detail


def test_an_added_product_keeps_the_rest_at_the_top() -> None:
    """The product's keys make the line; losers and unknown names stay at the top."""
    properties: Object = {
        "id": "1",
        "product_id": "2",
        "Quantity": "3",
        "cart_id": "c",
        "sku": None,
    }

    sent = send({"type": "track", "event": "Added Product", "properties": properties})

    assert sent["properties"] == {
        "OrderLines": [{"Id": "1", "Quantity": 3, "Added": True}],
        "product_id": "2",
        "cart_id": "c",
    }


def test_an_added_product_without_properties_is_one_piece_of_something() -> None:
    """The event is worth having even where nothing is known of the product."""
    sent = send({"type": "track", "event": "Added Product"})

    assert sent["properties"] == {"OrderLines": [{"Quantity": 1, "Added": True}]}


@pytest.mark.parametrize(
    ("previous_id", "user_id"),
    [("a@b.c", "u-1"), ("u-1", "a@b.c"), ("a@b.c", None), (None, "a@b.c"), (None, None)],
)
def test_an_alias_of_anything_but_two_addresses_is_ignored(
    previous_id: str | None, user_id: str | None
) -> None:
    """Both have to be e-mail addresses."""
    result = Translator()({"type": "alias", "previousId": previous_id, "userId": user_id}, None)

    assert result == Ignored(IgnoredReason.ALIAS_NOT_EMAIL)


@pytest.mark.parametrize(
    ("traits", "anonymous"),
    [
        ({"email": "jane@example.com"}, False),
        ({"email": " jane@example.com "}, False),
        ({"email": "jane"}, True),
        ({"email": None}, True),
        ({}, True),
        (None, True),
    ],
)
def test_an_identify_without_an_address_in_its_traits_is_anonymous(
    traits: Object | None, *, anonymous: bool
) -> None:
    """It is delivered all the same; an address found elsewhere does not make it known."""
    call = Translator()({"type": "identify", "userId": "u@example.com", "traits": traits}, None)

    assert isinstance(call, SegCall)
    assert call.anonymous is anonymous


def test_no_other_call_is_anonymous() -> None:
    """Only an identify is there to tell who somebody is."""
    call = Translator()({"type": "page", "anonymousId": "a-1"}, None)

    assert isinstance(call, SegCall)
    assert call.anonymous is False


def test_an_invalid_address_is_passed_on_as_a_trait() -> None:
    """It matches nobody, but it is the sender's to send."""
    sent = send({"type": "identify", "traits": {"email": " n/a "}})

    assert sent == {"type": "identify", "traits": {"Email": "n/a"}}


def personas(key: Value, traits: Object) -> Event:
    """Return an identify from Personas."""
    return {
        "type": "identify",
        "context": {"personas": {"computation_class": "audience", "computation_key": key}},
        "traits": traits,
    }


@pytest.mark.parametrize(
    ("key", "traits", "expected"),
    [
        ("vip", {"vip": True}, {"vip": True}),
        ("VIP Customers", {"VIP Customers": False}, {"vip_customers": False}),
        ("vip_customers", {"VIP Customers": True, "x y": 1}, {"vip_customers": True, "x y": 1}),
        ("Last Buy", {"last_buy": None}, {"last_buy": None}),
        ("total", {"total": {"EUR": 4.5}, "Total": 2}, {"total": {"EUR": 4.5}, "Total": 2}),
        ("first_name", {"first_name": "x"}, {"first_name": "x"}),
        ("aud_1", {"Big Spender": True, "email": "a@b.c"}, {"Email": "a@b.c", "big_spender": True}),
        (None, {"Big Spender": True}, {"big_spender": True}),
        ("aud_1", {"Big Spender": True, "Other": 1}, {"Big Spender": True, "Other": 1}),
        (
            "Big Spender",
            {"Big Spender": 1, "big_spender": 2},
            {"big_spender": 1, "big_spender_": 2},
        ),
        (
            "Big Spender",
            {"big_spender": 2, "Big Spender": 1},
            {"big_spender": 1, "big_spender_": 2},
        ),
        ("aud_1", {"email": "a@b.c"}, {"Email": "a@b.c"}),
    ],
)
def test_the_trait_that_personas_computed_goes_under_its_snake_case_key(
    key: Value, traits: Object, expected: Object
) -> None:
    """`computation_key` says which one it is; where it names none, the only unknown one is it."""
    assert send(personas(key, traits))["traits"] == expected


@pytest.mark.parametrize("context", [None, {}, {"personas": None}, {"personas": "yes"}])
def test_without_personas_no_trait_is_renamed(context: Object | None) -> None:
    """A trait that no row knows keeps its name."""
    sent = send({"type": "identify", "context": context, "traits": {"Big Spender": True}})

    assert sent["traits"] == {"Big Spender": True}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Order Completed Last 30days", "order_completed_last_30days"),
        ("orderCompletedLast30Days", "order_completed_last30_days"),
        ("VIPCustomers", "vip_customers"),
        ("High-Value  Customers!", "high_value_customers"),
        ("Käufer Österreich", "käufer_österreich"),
        ("j_o_first_purchase__opened_email_dje83h", "j_o_first_purchase__opened_email_dje83h"),
        ("_private", "_private"),
        ("30 days", "30_days"),
        ("!!!", "!!!"),
        ("", ""),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    """Humps, spaces and signs become underscores, capitals small letters."""
    assert snake_case(name) == expected


@given(st.text())
def test_snake_case_is_stable(name: str) -> None:
    """A name that is snake_case already stays as it is."""
    assert snake_case(snake_case(name)) == snake_case(name)
