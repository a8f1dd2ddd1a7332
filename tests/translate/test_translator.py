"""What is sent at all, and what is ignored or refused before anything is read."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.errors import DeadLetterReason, IgnoredReason, PoisonError
from consumer.core.model import Event, Ignored, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.tables import ALTERNATE_EVENTS, EVENTS, PRIMARY_EVENTS, rows
from tests.translate.calls import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

DISABLED = Ignored(IgnoredReason.INTEGRATION_DISABLED)
UNMAPPED = Ignored(IgnoredReason.UNMAPPED_EVENT)
UNSUPPORTED = Ignored(IgnoredReason.UNSUPPORTED_TYPE)


@pytest.mark.parametrize(
    "integrations",
    [
        None,
        {},
        {"All": True},
        {"All": False, "Seg": True},
        {"All": False, "Seg": {}},
        {"All": False, "Seg": {"option": False}},
        {"All": None},
        {"All": "false"},
        {"All": 0},
        {"seg": False, "SEG": False, "ALL": False},
        {"All": True, "all": False},
        [],
        ["Mixpanel"],
        "none",
        False,
        {"Segment.io": False, "Mixpanel": False},
        {"Seg": "false"},
        {"Seg": 0, "All": False},
        {"Seg": [], "All": False},
    ],
)
def test_seg_is_wanted(integrations: Value) -> None:
    """Seg's own key counts before `All`; only `false` says no, and names are case-sensitive."""
    result = Translator()({"type": "page", "integrations": integrations}, None)

    assert isinstance(result, SegCall)


@pytest.mark.parametrize(
    "integrations",
    [
        {"Seg": False},
        {"Seg": False, "All": True},
        {"All": False},
        {"All": False, "seg": True},
        {"All": False, "Seg": None},
        {"all": False},
        {"all": False, "Seg": None, "All": None},
    ],
)
def test_seg_is_not_wanted(integrations: Object) -> None:
    """`false` for Seg, or for all where Seg's key is absent or null."""
    assert Translator()({"type": "page", "integrations": integrations}, None) == DISABLED


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "group"},
        {"type": "track", "event": "Report Submitted"},
        {"type": "alias", "userId": "u-1"},
        {"type": "page", "timestamp": "yesterday"},
        {"type": ["page"]},
        {"type": "track", "event": {}, "properties": [1]},
        {"type": "track", "event": "Viewed Product", "properties": {"price": "?"}},
    ],
)
def test_integrations_are_asked_before_anything_else(event: Event) -> None:
    """Whatever is wrong with a call that Seg shall not have is none of our business."""
    assert Translator()({**event, "integrations": {"All": False}}, None) == DISABLED


@pytest.mark.parametrize(
    "kind", ["screen", "group", "delete", "record", "unknown", "ProductView", ""]
)
def test_other_types_are_ignored(kind: str) -> None:
    """Seg takes identify, track, page and alias."""
    event: Event = {"type": kind, "timestamp": "yesterday", "traits": "x", "userId": {}}

    assert Translator()(event, None) == UNSUPPORTED


@pytest.mark.parametrize("kind", ["TRACK", "Track", " track "])
def test_a_type_in_another_case_is_that_type(kind: str) -> None:
    """Enums of Avro are often in capitals."""
    call = Translator()({"type": kind, "event": "Viewed Product"}, None)

    assert isinstance(call, SegCall)
    assert (call.type, orjson.loads(call.body)["type"]) == ("track", "track")


@pytest.mark.parametrize("kind", [5, True, ["track"], {"a": 1}])
def test_a_type_that_is_no_text_is_poison(kind: Value) -> None:
    """Nobody knows what call it is."""
    assert refuse({"type": kind}).reason == DeadLetterReason.BAD_ENVELOPE


@pytest.mark.parametrize("event", [{}, {"event": "Viewed Product"}, {"type": None}])
def test_a_call_without_a_type_is_poison(event: Event) -> None:
    """What has no type is no Segment call."""
    error = refuse(event)

    assert error.reason == DeadLetterReason.BAD_ENVELOPE
    assert error.detail == "type: expected the text of a type of Segment's calls, got none"


@pytest.mark.parametrize("name", EVENTS)
def test_both_spellings_are_known(name: str) -> None:
    """Segment's two e-commerce specs have a name each for the same thing."""
    call = Translator()({"type": "track", "event": name}, None)

    assert isinstance(call, SegCall)
    assert call.event == EVENTS[name]


@pytest.mark.parametrize("name", ALTERNATE_EVENTS)
def test_the_other_spellings_can_be_switched_off(name: str) -> None:
    """Then they are events like any other."""
    assert Translator(v2_names=False)({"type": "track", "event": name}, None) == UNMAPPED


@pytest.mark.parametrize("name", PRIMARY_EVENTS)
def test_the_names_on_segs_own_page_are_always_known(name: str) -> None:
    """The switch is for the other four."""
    assert isinstance(Translator(v2_names=False)({"type": "track", "event": name}, None), SegCall)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize(
    "respell",
    [
        str.upper,
        str.lower,
        lambda name: name.replace(" ", "_"),
        lambda name: name.replace(" ", "").lower(),
        lambda name: f"  {name}_\t",
    ],
)
def test_case_and_separators_do_not_count(name: str, respell: Callable[[str], str]) -> None:
    """Names are matched as Segment's own code does: analytics-events."""
    call = Translator()({"type": "track", "event": respell(name)}, None)

    assert isinstance(call, SegCall)
    assert call.event == EVENTS[name]


@pytest.mark.parametrize(
    "name",
    [
        *(None, "", "   ", "ProductView", "Order", "Order Complete", "Product Viewed!", 5),
        *("Viewed-Product", "Viewed  Product", "View edProduct", "Order Completed " * 20),
        *(["Viewed Product"], {"name": "Viewed Product"}),
    ],
)
def test_other_names_are_no_event_of_segs(name: Value) -> None:
    """One space or underscore stands between words, and nothing else counts as one."""
    assert Translator()({"type": "track", "event": name}, None) == UNMAPPED


def test_a_value_that_cannot_be_read_may_cost_the_event() -> None:
    """Whoever would rather stop such events than send them without a key says so."""
    event: Event = {"type": "track", "event": "Viewed Product", "properties": {"price": "?"}}
    with pytest.raises(PoisonError) as caught:
        Translator(dead_letters=True)(event, None)

    assert caught.value.reason == DeadLetterReason.BAD_NUMBER
    assert caught.value.detail == "properties.price: expected a number, got text"
    call = Translator()(event, None)
    assert isinstance(call, SegCall)
    assert [it.key for it in call.left_out] == ["Price"]


def test_a_tidy_event_leaves_nothing_out() -> None:
    """It is delivered in either mode."""
    event: Event = {"type": "track", "event": "Viewed Product", "properties": {"price": 1}}

    assert Translator(dead_letters=True)(event, None) == Translator()(event, None)


@pytest.mark.parametrize(
    ("user_id", "anonymous_id", "user"),
    [("u-1", "a-1", "u-1"), (None, "a-1", "a-1"), ("", "a-1", "a-1"), (None, None, None)],
)
def test_the_user_is_the_user_id_or_else_the_anonymous_id(
    user_id: str | None, anonymous_id: str | None, user: str | None
) -> None:
    """Calls can be kept in order by user."""
    call = Translator()(
        {"type": "page", "messageId": "m-1", "userId": user_id, "anonymousId": anonymous_id}, 5
    )

    assert isinstance(call, SegCall)
    assert call[:6] == ("page", None, "m-1", user, 5, False)


def test_the_event_is_not_changed() -> None:
    """Translation is pure: the same event gives the same call, as often as it is asked."""
    lines: Value = [{"id": 1, "Id": 2, "price": "3"}, {"categories": "a", "category": "b"}]
    event: Event = {
        "type": "track",
        "event": "Order Completed",
        "timestamp": 1_795_428_672_345,
        "properties": {"products": lines, "orderId": "o", "Id": "x", "total": "5"},
        "context": {"page": {"url": "u"}},
    }
    before = deepcopy(event)
    translate = Translator()

    first, second = translate(event, None), translate(event, None)

    assert event == before
    assert first == second


def test_no_row_stands_twice_in_the_table() -> None:
    """Each key of a call has one row, and no row names a source twice."""
    table = list(rows())
    keys = [(row.call, row.key) for row in table]

    assert len(keys) == len(set(keys))
    assert all(len(row.sources) == len(set(row.sources)) for row in table)


def test_no_event_name_stands_twice() -> None:
    """A name means one thing."""
    assert not PRIMARY_EVENTS.keys() & ALTERNATE_EVENTS.keys()
    assert set(PRIMARY_EVENTS.values()) == set(ALTERNATE_EVENTS.values())
