"""Where each value of a call comes from, as `translate --explain` tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given

from consumer.commands.side_by_side import values_by_path
from consumer.core.errors import IgnoredReason, PoisonError
from consumer.core.model import Event, Ignored, SegCall
from consumer.translate import Translator, tables
from consumer.translate.explain import Explanation, Made, explain
from consumer.translate.unsent import Unsent
from tests.translate.test_golden import CASES, Case
from tests.translate.test_laws import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object, Value

EVENT_ROW: Final = "event"
MADE_CLEAN: Final = {"controls"}
"""Cases of values that JSON cannot hold, or not every reader: they do not arrive as they stood."""


def explained(event: object) -> Explanation:
    """Explain *event*, of a record of the epoch."""
    return explain(cast("Event", event), 0, Translator())


def leaves(value: Value, place: str = "") -> Iterator[str]:
    """Yield the path of each value in *value* that is no object and no list of objects."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and any(isinstance(it, dict) for it in value):
        for at, inner in enumerate(value):
            yield from leaves(inner, f"{place}[{at}]")
    else:
        yield place


def is_under(leaf: str, key: str) -> bool:
    """Tell whether *leaf* is *key* or inside it."""
    return leaf == key or leaf.startswith((f"{key}.", f"{key}["))


def check_every_value_is_explained(event: object) -> None:
    """Fail unless what is said to be made is what is sent, all of it and nothing else."""
    found = explained(event)
    if not isinstance(found.outcome, SegCall):
        assert found.made == ()
        assert found.why
        return
    sent = [*leaves(json.loads(found.outcome.body))]
    keys = [it.key for it in found.made]
    assert [leaf for leaf in sent if not any(is_under(leaf, key) for key in keys)] == []
    assert [key for key in keys if not any(is_under(leaf, key) for leaf in sent)] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_value_of_a_call_is_explained(case: Case) -> None:
    """Of every call of the cases: no value without its origin, no origin without its value."""
    check_every_value_is_explained(case.event)


@given(events)
def test_every_value_of_any_call_is_explained(event: object) -> None:
    """The slow way through the tables agrees with the fast one, whatever the event holds."""
    check_every_value_is_explained(event)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_source_stands_in_the_event(case: Case) -> None:
    """But for the record's time, and for what stands inside a text."""
    came = dict(values_by_path(case.event))
    texts = tuple(f"{place}[" for place, value in came.items() if isinstance(value, str))

    sources = {source for it in explained(case.event).made for source in it.sources}

    assert {
        it for it in sources - {*came, tables.RECORD_TIMESTAMP} if not it.startswith(texts)
    } == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_passed_on_is_what_stood_there(case: Case) -> None:
    """The value at the source is the value at the key: properties and traits, as JSON."""
    found = explained(case.event)
    if not isinstance(found.outcome, SegCall) or case.name in MADE_CLEAN:
        return
    came = dict(values_by_path(case.event))
    sent = dict(values_by_path(json.loads(found.outcome.body)))
    passed_on = {it.key: it.sources[0] for it in found.made if it.row is None and it.sources}

    assert {
        key: sent[key]
        for key, source in passed_on.items()
        if key.startswith(("properties.", "traits.")) and source in came
    } == {
        key: came[source]
        for key, source in passed_on.items()
        if key.startswith(("properties.", "traits.")) and source in came
    }


def made_of(event: Object) -> dict[str, Made]:
    """Return what is made of *event*, by its key."""
    return {it.key: it for it in explained(event).made}


def viewed(**properties: Value) -> Object:
    """Return a viewed product."""
    return {"type": "track", "event": "Viewed Product", "properties": properties}


def test_a_key_names_its_source_and_its_row() -> None:
    """The nearest of a row's sources; the row is that of the README's table."""
    made = made_of(viewed(product_id="7", price="18.99"))

    assert made["properties.Id"] == Made(
        "properties.Id", ("properties.product_id",), "properties.Id"
    )
    assert made["properties.Price"].sources == ("properties.price",)
    assert made["event"] == Made("event", ("event",), EVENT_ROW)


def test_what_no_row_names_is_passed_on() -> None:
    """It has no row; where Seg's name was taken by a row it has another."""
    made = made_of(viewed(id="7", Id="8", colour="red"))

    assert made["properties.colour"] == Made("properties.colour", ("properties.colour",), None)
    assert made["properties.Id_"] == Made("properties.Id_", ("properties.Id",), None)


def test_what_cannot_be_read_goes_on_from_where_it_stood() -> None:
    """Under a name of its own where it stood under Seg's."""
    made = made_of(viewed(Price="much"))

    assert made["properties.Price_"] == Made("properties.Price_", ("properties.Price",), None)


def test_a_row_that_gathers_names_all_its_sources() -> None:
    """`category` and `categories` are one list."""
    made = made_of(viewed(category="Tea", categories=["Green"]))

    sources = ("properties.categories", "properties.category")
    assert made["properties.Categories"].sources == sources


def test_the_lines_of_an_order_say_which_product_they_were() -> None:
    """Also where one of the list is no product, and where the list is text."""
    products = [None, {"sku": "s-1", "price": 2}]
    order: Object = {"type": "track", "event": "Order Completed"}

    for value in (products, json.dumps(products)):
        made = made_of({**order, "properties": {"products": cast("Value", value)}})

        line = made["properties.OrderLines[0].Price"]
        assert line.sources == ("properties.products[1].price",)
        assert line.row == "properties.OrderLines[].Price"
        assert made["properties.OrderLines[0].Quantity"].sources == ()


def test_the_product_inside_another_object_is_found() -> None:
    """As the translation looks for it: `properties.product`."""
    made = made_of(viewed(product={"sku": "s-1"}, source="mail"))

    assert made["properties.Id"].sources == ("properties.product.sku",)
    assert made["properties.source"].sources == ("properties.source",)


def test_the_time_of_the_record_is_no_field_of_the_call() -> None:
    """Where no timestamp of the call can be read."""
    made = made_of({"type": "page", "timestamp": "soon", "sentAt": None})

    assert made["timestamp"].sources == (tables.RECORD_TIMESTAMP,)


def test_traits_come_from_two_places() -> None:
    """A trait of the context counts where `traits` has none."""
    context: Object = {"traits": {"firstName": "Jane", "plan": "a"}}
    made = made_of({"type": "identify", "traits": {"plan": "b"}, "context": context})

    assert made["traits.FirstName"].sources == ("context.traits.firstName",)
    assert made["traits.plan"].sources == ("traits.plan",)


def test_a_computed_trait_comes_from_its_own_name() -> None:
    """As Personas calls it; one that JSON cannot hold is not sent."""
    personas: Object = {"personas": {"computation_key": "VIP Customers"}}

    for value, made in ((True, True), (float("nan"), False)):
        event: Object = {"type": "identify", "traits": {"VIP Customers": value}}
        found = made_of(event | {"context": personas})

        assert ("traits.vip_customers" in found) == made
        assert not made or found["traits.vip_customers"].sources == ("traits.VIP Customers",)


def test_what_is_not_sent_has_a_reason() -> None:
    """What nobody reads, what is empty, what lost, what is unreadable, what JSON cannot hold."""
    event = viewed(price=None, colour=float("nan")) | {
        "timestamp": "soon",
        "sentAt": 1_700_000_000_000,
        "receivedAt": 1_700_000_000_001,
        "context": {"ip": "::1", "page": {"url": "/", "referrer": "/a"}},
    }

    assert set(explained(event).unsent) == {
        Unsent("properties.price", "empty"),
        Unsent("properties.colour", "JSON has no text for NaN and the infinities"),
        Unsent("timestamp", "expected a time of the years 1970 to 9999, got text"),
        Unsent("receivedAt", "a nearer source won"),
        Unsent("context.ip", "no row reads it"),
        Unsent("context.page.referrer", "no row reads it"),
    }


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "screen"}, IgnoredReason.UNSUPPORTED_TYPE),
        ({"type": "track", "event": "Signed Up"}, IgnoredReason.UNMAPPED_EVENT),
        ({"type": "alias", "userId": "u"}, IgnoredReason.ALIAS_NOT_EMAIL),
        ({"type": "page", "integrations": {"Seg": False}}, IgnoredReason.INTEGRATION_DISABLED),
    ],
)
def test_what_is_ignored_says_why(event: Object, reason: IgnoredReason) -> None:
    """The reason of the metric, and a sentence."""
    found = explained(event)

    assert found.outcome == Ignored(reason)
    assert found.why
    assert (found.made, found.unsent) == ((), ())


def test_poison_says_why() -> None:
    """What has no type is rejected, with the text of the dead letter."""
    found = explained({"event": "Viewed Product"})

    assert isinstance(found.outcome, PoisonError)
    assert found.why == found.outcome.detail


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_row_that_is_named_is_in_the_table(case: Case) -> None:
    """A reader of the page finds each row in the README."""
    found = explained(case.event)
    if not isinstance(found.outcome, SegCall):
        return
    calls = {"*", found.outcome.event or found.outcome.type}
    known = {row.key for row in tables.rows() if row.call in calls} | {EVENT_ROW}

    assert {it.row for it in found.made} - {None} <= known
