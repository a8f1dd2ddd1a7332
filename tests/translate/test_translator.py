"""What is sent at all, and what is ignored or refused before anything is read."""

from __future__ import annotations

from copy import deepcopy

import pytest

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.core.model import Event, Ignored, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.tables import ALTERNATE_EVENTS, EVENTS, PRIMARY_EVENTS, rows
from tests.translate.calls import refuse

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
        {"seg": False, "SEG": False, "all": False},
        {"Segment.io": False, "Mixpanel": False},
        {"Seg": "false"},
        {"Seg": 0, "All": False},
        {"Seg": [], "All": False},
    ],
)
def test_seg_is_wanted(integrations: Object | None) -> None:
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
        {"type": "track", "event": "Viewed Product", "properties": {"price": "?"}},
    ],
)
def test_integrations_are_asked_before_anything_else(event: Event) -> None:
    """Whatever is wrong with a call that Seg shall not have is none of our business."""
    assert Translator()({**event, "integrations": {"All": False}}, None) == DISABLED


@pytest.mark.parametrize("kind", ["screen", "group", "delete", "Track", "ProductView", ""])
def test_other_types_are_ignored(kind: str) -> None:
    """Seg takes identify, track, page and alias."""
    assert Translator()({"type": kind, "timestamp": "yesterday"}, None) == UNSUPPORTED


@pytest.mark.parametrize("event", [{}, {"event": "Viewed Product"}, {"type": None}])
def test_a_call_without_a_type_is_poison(event: Event) -> None:
    """What has no type is no Segment call."""
    error = refuse(event)

    assert error.reason == DeadLetterReason.BAD_ENVELOPE
    assert error.detail == "type: expected the type of a Segment call, got none"


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


@pytest.mark.parametrize(
    "name",
    [None, "", "viewed product", "Viewed Product ", "Viewed_Product", "ProductView", "Order"],
)
def test_names_are_matched_exactly(name: str | None) -> None:
    """Anything else is no event of Seg's."""
    assert Translator()({"type": "track", "event": name}, None) == UNMAPPED


@pytest.mark.parametrize(
    ("user_id", "anonymous_id", "user"),
    [("u-1", "a-1", "u-1"), (None, "a-1", "a-1"), ("", "a-1", ""), (None, None, None)],
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
        "timestamp": 0,
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
