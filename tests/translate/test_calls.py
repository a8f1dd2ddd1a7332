"""What the types of call do beside the table: pages, baskets, aliases, Personas."""

from __future__ import annotations

from typing import cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import IgnoredReason
from consumer.core.model import Event, Ignored, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.identify import snake_case
from tests.translate.calls import send


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
    ("event", "key", "source"),
    [
        ({"type": "page", "properties": {"url": {"a": 1}}}, "page.url", "properties.url"),
        ({"type": "page", "context": {"page": {"title": []}}}, "page.title", "context.page.title"),
        ({"type": "page", "name": ["n"]}, "name", "name"),
        (
            {"type": "identify", "traits": {"address": {"country": ["US"]}}},
            "CountryCode",
            "traits.address.country",
        ),
        ({"type": "identify", "traits": {"email": {"a": 1}}}, "Email", "traits.email"),
        (
            {"type": "identify", "context": {"traits": {"title": {}}}},
            "Title",
            "context.traits.title",
        ),
        (
            {"type": "track", "event": "Viewed Product", "context": {"page": {"url": {}}}},
            "page.url",
            "context.page.url",
        ),
        (
            {
                "type": "track",
                "event": "Completed Order",
                "properties": {"products": [{}, {"price": "?"}]},
            },
            "Price",
            "properties.products[1].price",
        ),
    ],
)
def test_what_is_left_out_is_named_from_the_top_of_the_call(
    event: Event, key: str, source: str
) -> None:
    """The source starts at the Segment call; the key is Seg's."""
    call = Translator()(event, None)

    assert isinstance(call, SegCall)
    assert [(it.key, it.source) for it in call.left_out] == [(key, source)]


def test_an_unreadable_url_goes_on_as_a_property() -> None:
    """The next source wins, and nothing is lost."""
    url: Object = {"href": "u"}
    context: Object = {"page": {"url": "v", "title": ""}}
    call = Translator()({"type": "page", "properties": {"url": url}, "context": context}, None)

    assert isinstance(call, SegCall)
    sent = orjson.loads(call.body)
    assert (sent["page"], sent["properties"]) == ({"url": "v"}, {"url": url})


def test_empty_texts_of_a_page_are_absent() -> None:
    """The next source is taken, last the name."""
    event: Event = {
        "type": "page",
        "name": "Home",
        "properties": {"url": "", "title": ""},
        "context": {"page": {"url": "u", "title": ""}},
    }

    assert send(event) == {"type": "page", "page": {"url": "u", "title": "Home"}}


def test_a_pages_category_goes_on() -> None:
    """Segment's libraries write it at the top of the call."""
    assert send({"type": "page", "category": "Docs"})["page"] == {"category": "Docs"}


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


def test_a_products_list_is_taken_where_nothing_else_tells_the_product() -> None:
    """All of it for a basket, and the one of a list of one for a view."""
    both: Object = {"list": "l", "products": [{"id": "a"}, {"sku": "b", "quantity": "2"}]}
    one: Object = {"list": "l", "product": {"id": "a", "list": "m", "colour": "red"}}

    assert send({"type": "track", "event": "Added Product", "properties": both})["properties"] == {
        "OrderLines": [
            {"Id": "a", "Quantity": 1, "Added": True},
            {"Id": "b", "Sku": "b", "Quantity": 2, "Added": True},
        ],
        "list": "l",
    }
    assert send({"type": "track", "event": "Viewed Product", "properties": one})["properties"] == {
        "Id": "a",
        "list": "l",
        "list_": "m",
        "colour": "red",
    }
    assert (
        send({"type": "track", "event": "Viewed Product", "properties": both})["properties"] == both
    )


@pytest.mark.parametrize("told", [{"id": "x"}, {"Product ID": "x"}, {"name": "x"}, {"SKU": "x"}])
@pytest.mark.parametrize("event", ["Added Product", "Viewed Product"])
def test_a_products_list_is_passed_on_where_the_product_is_told(event: str, told: Object) -> None:
    """The list is about others."""
    properties: Object = {**told, "products": [{"id": "a"}]}

    sent = send({"type": "track", "event": event, "properties": properties})["properties"]

    assert isinstance(sent, dict)
    assert sent["products"] == [{"id": "a"}]


@pytest.mark.parametrize("products", [[], "none", None, [1], {}])
@pytest.mark.parametrize("event", ["Added Product", "Viewed Product"])
def test_a_products_list_without_products_changes_nothing(event: str, products: Value) -> None:
    """It is a property like any other."""
    sent = send({"type": "track", "event": event, "properties": {"products": products}})

    assert cast("Object", sent["properties"])["products"] == products


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
        ({"Email": "jane@example.com"}, False),
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


def test_traits_come_from_the_context_where_the_call_has_none() -> None:
    """Key by key, in Seg's words; what the call says itself comes first, null included."""
    context: Object = {"traits": {"first_name": "A", "email": "a@b.c", "plan": "p", "x": 1}}
    event: Event = {"type": "identify", "context": context}

    assert send(event)["traits"] == {"FirstName": "A", "Email": "a@b.c", "plan": "p", "x": 1}
    assert send({**event, "traits": {"firstName": "B", "plan": None, "email": None}})["traits"] == {
        "FirstName": "B",
        "Email": None,
        "plan": None,
        "x": 1,
    }


def test_a_null_trait_is_sent_as_null() -> None:
    """So Segment removes a trait; a known one goes under Seg's name, if no source has a value."""
    traits: Object = {
        "email": None,
        "first_name": "A",
        "firstName": None,
        "Last Name": None,
        "x": None,
    }

    assert send({"type": "identify", "traits": traits})["traits"] == {
        "FirstName": "A",
        "Email": None,
        "LastName": None,
        "x": None,
    }


@pytest.mark.parametrize(("country", "code"), [("DE", "DE"), ("USA", None), ("Germany", None)])
def test_a_country_of_an_address_is_a_code_or_none(country: str, code: str | None) -> None:
    """`CountryCode` is taken from an address only where that has one."""
    sent = send({"type": "identify", "traits": {"address": {"country": country}}})["traits"]

    assert cast("Object", sent).get("CountryCode") == code


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
