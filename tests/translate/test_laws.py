"""What holds for every event, whatever is in it."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

import orjson
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import PoisonError
from consumer.core.model import Event, Object, SegCall, Value
from consumer.translate import KEYS, Translator, tables
from consumer.translate.numbers import number
from consumer.translate.readers import BadValueError

if TYPE_CHECKING:
    from consumer.translate.rows import Listed, Merged, Row, Table

TABLES: Final = {
    "Viewed Product Category": tables.RANGE_VIEW,
    "Product Viewed": tables.PRODUCT_VIEW,
    "Added Product": tables.BASKET_LINE,
    "Completed Order": tables.ORDER_PLACED,
}


def rows_of(table: Table) -> list[Row | Merged | Listed]:
    """Return every row of *table*."""
    return [*table.rows, *table.merged, *table.listed]


NAMES: Final = sorted(
    {
        name
        for table in (*TABLES.values(), tables.TRAITS)
        for row in rows_of(table)
        for name in (*row.sources, row.key)
    }
)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)
singles = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.sampled_from(["18.99", "3", "n/a", "jane@example.com", "2026-11-23T10:11:12.345Z"]),
)
names = st.one_of(st.sampled_from([*NAMES, "Id_", "OrderLines_", "url", "title"]), texts)
values = st.recursive(
    singles,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
likely = st.one_of(
    singles, st.lists(texts, max_size=3), st.lists(st.just({"sku": "s"}), max_size=2)
)
objects = st.dictionaries(names, values | likely, max_size=8)
optional_objects = st.none() | objects | singles
optional_texts = st.none() | texts | st.just("jane@example.com")
times = st.one_of(
    st.none(), st.integers(-(2**63), 2**63), texts, st.floats(), st.just("2026-11-23T10:11:12Z")
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "track", "identify", "page", "alias", "group"])},
    optional={
        "event": st.none() | st.sampled_from([*tables.EVENTS, "Other"]),
        **dict.fromkeys(
            ("messageId", "userId", "anonymousId", "previousId", "name"), optional_texts
        ),
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), times),
        **dict.fromkeys(("properties", "traits"), optional_objects),
        "integrations": singles | st.dictionaries(st.sampled_from(["All", "Seg"]), singles),
        "context": st.none()
        | st.fixed_dictionaries(
            {}, optional={"page": values, "traits": optional_objects, "personas": optional_objects}
        ),
    },
)


def translate(event: object) -> SegCall | None:
    """Return the call for an event, None where it is ignored or poison."""
    try:
        result = Translator()(cast("Event", event), 0)
    except PoisonError:
        return None
    return result if isinstance(result, SegCall) else None


@given(events)
def test_an_event_is_sent_ignored_or_poison(event: object) -> None:
    """No event makes translation fail in any other way, and none is changed by it."""
    before = deepcopy(event)

    translate(event)

    assert event == before


@given(events)
def test_what_is_sent_is_json_without_nulls_of_ours(event: object) -> None:
    """The body is an object; absent fields are left out of it, and so are empty objects."""
    call = translate(event)
    if call is None:
        return

    sent = orjson.loads(call.body)

    assert all(value is not None and value != {} for value in sent.values())
    assert {it.key for it in call.left_out} <= set(KEYS)
    assert sent["type"] == call.type
    assert sent.get("event") == call.event


@given(events)
def test_the_time_that_is_sent_is_the_time_that_is_counted(event: object) -> None:
    """`timestamp` is the millisecond of `occurred_at_ms`, in UTC."""
    call = translate(event)
    if call is None:
        return

    moment = datetime.fromisoformat(orjson.loads(call.body)["timestamp"])

    since_epoch = moment - datetime.fromisoformat("1970-01-01T00:00:00Z")
    assert call.occurred_at_ms is not None
    assert (since_epoch.days * 86_400 + since_epoch.seconds) * 1000 + (
        since_epoch.microseconds // 1000
    ) == call.occurred_at_ms


def arrived(table: Table, name: str, value: Value, *places: Object) -> bool:
    """Tell whether a property stands in one of *places*, by its own name or by a row's key."""
    own = [place[key] for place in places for key in place if key.rstrip("_") == name.rstrip("_")]
    if name in {*tables.PRODUCT_LISTS, "OrderLines"}:
        return True  # read one by one: the next test
    if value in own or not table.knows(name):
        return value in own
    if table.is_absent(name, value):
        return True
    keys = [place[row.key] for row in table.rows for place in places if row.key in place]
    lists = [place[row.key] for row in table.merged for place in places if row.key in place]
    gathered = [text for texts in lists if isinstance(texts, list) for text in texts]
    elements = value if isinstance(value, list) else [value]
    return (
        any(it in keys for it in (as_number(value), *elements))
        or (isinstance(value, str) and (not value.strip() or value.strip() in keys))
        or all(
            isinstance(it, dict | list | bool) or it in (None, "") or str(it) in gathered
            for it in elements
        )
    )


def as_number(value: Value) -> Value:
    """Read numeric text as the rows for numbers do; leave the rest as it is."""
    try:
        return number(value)
    except BadValueError:
        return value


@given(st.sampled_from(sorted(TABLES)), objects)
def test_no_property_is_lost(name: str, properties: Object) -> None:
    """Each property of a track call stands in what is sent: under Seg's name or its own."""
    call = translate({"type": "track", "event": name, "properties": properties})
    if call is None:
        return

    sent = orjson.loads(call.body).get("properties", {})

    places = [sent]
    if name == "Added Product":
        places.append(sent["OrderLines"][0])
    for key, value in properties.items():
        assert arrived(TABLES[name], key, value, *places)


@given(st.lists(objects, max_size=3))
def test_no_property_of_an_order_line_is_lost(products: list[Value]) -> None:
    """Each property of each product stands in the line of the same position."""
    properties: Object = {"products": products}
    call = translate({"type": "track", "event": "Order Completed", "properties": properties})
    if call is None:
        return

    lines = orjson.loads(call.body)["properties"]["OrderLines"]

    assert len(lines) == len(products)
    for product, line in zip(products, lines, strict=True):
        assert isinstance(product, dict)
        for key, value in product.items():
            assert arrived(tables.ORDER_LINE, key, value, line)


@given(objects)
def test_no_trait_is_lost(traits: Object) -> None:
    """Each trait of an identify stands in what is sent: under Seg's name or its own, null too."""
    call = translate({"type": "identify", "traits": traits})
    if call is None:
        return

    sent = orjson.loads(call.body).get("traits", {})

    for key, value in traits.items():
        assert arrived(tables.TRAITS, key, value, sent)


@given(st.sampled_from(sorted(TABLES)), objects)
def test_segs_keys_stand_in_the_order_of_the_table(name: str, properties: Object) -> None:
    """The order in which a sender names things does not show in Seg's keys."""
    backwards: Object = dict(reversed(properties.items()))
    one = translate({"type": "track", "event": name, "properties": properties})
    other = translate({"type": "track", "event": name, "properties": backwards})
    if one is None or other is None:
        return

    keys = {row.key for row in TABLES[name].rows} | {row.key for row in TABLES[name].merged}
    first, second = (orjson.loads(call.body).get("properties", {}) for call in (one, other))

    assert [key for key in first if key in keys] == [key for key in second if key in keys]
    assert first.keys() == second.keys()
