"""The fields that every call has: the time, the address, the bytes."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, cast

import orjson
import pytest

from consumer.core.errors import DeadLetterReason
from consumer.core.model import Event, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.envelope import occurred_at_ms, rfc3339
from tests.translate.calls import refuse, send

if TYPE_CHECKING:
    from consumer.translate.notes import Notes

WHEN_MS = 1_795_428_672_345
WHEN = "2026-11-23T10:11:12.345Z"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (WHEN_MS, WHEN),
        (0, "1970-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_sent_as_rfc_3339(ms: int, text: str) -> None:
    """In UTC, with milliseconds."""
    assert rfc3339(ms) == text


def test_the_nearest_timestamp_counts() -> None:
    """The order is timestamp, originalTimestamp, sentAt, receivedAt, the record's own."""
    names = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
    event: Object = {name: WHEN_MS + step for step, name in enumerate(names, 1)}
    seen = [occurred_at_ms(cast("Event", event), 5, [])]
    for name in names:
        event[name] = None
        seen.append(occurred_at_ms(cast("Event", event), 5, []))

    assert seen == [WHEN_MS + 1, WHEN_MS + 2, WHEN_MS + 3, WHEN_MS + 4, 5]


@pytest.mark.parametrize("junk", ["yesterday", "", 0, -1, "0001-01-01", True, {"a": 1}, [WHEN]])
def test_a_timestamp_that_cannot_be_read_is_noted(junk: Value) -> None:
    """The next source is tried, last the record's; the note has the type and not the value."""
    notes: Notes = []

    assert occurred_at_ms({"timestamp": junk, "sentAt": WHEN}, 5, notes) == WHEN_MS
    assert occurred_at_ms({"receivedAt": junk}, 5, notes) == 5
    assert [(it.key, it.source, it.reason) for it in notes] == [
        ("timestamp", "timestamp", DeadLetterReason.BAD_TIMESTAMP),
        ("timestamp", "receivedAt", DeadLetterReason.BAD_TIMESTAMP),
    ]
    assert all(it.why.startswith("expected a time of the years 1970 to 9999, got ") for it in notes)


def test_a_later_timestamp_may_be_junk() -> None:
    """Only the timestamps before the one that is used are looked at."""
    notes: Notes = []

    assert occurred_at_ms({"timestamp": WHEN_MS, "sentAt": "yesterday"}, None, notes) == WHEN_MS
    assert not notes


@pytest.mark.parametrize("ms", [-1, 253_402_300_800_000])
def test_a_records_time_beyond_the_calendar_is_none(ms: int) -> None:
    """A record may have any number where its time belongs."""
    assert occurred_at_ms({}, ms, []) is None


def test_a_call_without_any_time_has_no_timestamp() -> None:
    """Where nothing tells the time, none is made up."""
    call = Translator()({"type": "page", "userId": "u-1"}, None)

    assert isinstance(call, SegCall)
    assert call.occurred_at_ms is None
    assert call.body == b'{"type":"page","userId":"u-1"}'


def test_the_fields_are_sent_in_the_order_of_the_contract() -> None:
    """A reader of a log finds the same thing in the same place."""
    sent = send(
        {
            "properties": {"email": "jane@example.com", "price": 1},
            "context": {"page": {"url": "https://shop.example"}},
            "previousId": "p-1",
            "anonymousId": "a-1",
            "userId": "u-1",
            "timestamp": WHEN,
            "messageId": "m-1",
            "event": "Viewed Product",
            "type": "track",
            "channel": "browser",
        }
    )

    assert list(sent) == [
        *("type", "event", "messageId", "timestamp", "userId", "anonymousId", "previousId"),
        *("email", "page", "properties"),
    ]


def test_the_nearest_address_is_sent() -> None:
    """The order is traits, the context's traits, properties, userId where it is an address."""
    event: Event = {
        "type": "page",
        "traits": {"email": "traits@example.com"},
        "context": {"traits": {"email": "context@example.com"}},
        "properties": {"email": "properties@example.com"},
        "userId": "user@example.com",
    }
    seen = [send(event)["email"]]
    for name in ("traits", "context", "properties"):
        event[name] = None
        seen.append(send(event)["email"])

    assert seen == [
        *("traits@example.com", "context@example.com", "properties@example.com"),
        "user@example.com",
    ]


@pytest.mark.parametrize("value", [None, "", "n/a", 7, True, ["a@b.c"], {"a": "a@b.c"}])
def test_what_is_no_address_hides_no_good_one(value: Value) -> None:
    """An e-mail field that holds no address counts as absent where the customer is matched."""
    event: Event = {
        "type": "page",
        "context": {"traits": {"email": value}},
        "properties": {"email": value},
        "userId": " jane@example.com ",
    }

    sent = send(event)

    assert sent["email"] == "jane@example.com"
    assert sent["userId"] == " jane@example.com "
    assert sent["properties"] == {"email": value}


def test_a_user_id_that_is_no_address_is_no_email() -> None:
    """Without an address there is no `email`."""
    assert "email" not in send({"type": "page", "userId": "u-1"})


def test_objects_that_the_type_should_not_have_are_passed_on() -> None:
    """A track with traits, an identify with properties: not in Segment's spec, and not lost."""
    both: Event = {"properties": {"a": 1}, "traits": {"firstName": "Ada"}}

    track = send({**both, "type": "track", "event": "Viewed Product"})
    identify = send({**both, "type": "identify"})
    alias = send({**both, "type": "alias", "previousId": "a@b.c", "userId": "d@e.f"})

    assert (track["properties"], track["traits"]) == ({"a": 1}, {"firstName": "Ada"})
    assert (identify["properties"], identify["traits"]) == ({"a": 1}, {"FirstName": "Ada"})
    assert (alias["properties"], alias["traits"]) == ({"a": 1}, {"firstName": "Ada"})


def nested(levels: int) -> Object:
    """Return an object of that many levels."""
    value: Value = 1
    for _ in range(levels):
        value = {"a": value}
    return cast("Object", value)


def test_nesting_that_json_writers_refuse_is_poison() -> None:
    """The whole call may have 254 levels, of which the call itself is one."""
    fits: Event = {"type": "page", "properties": nested(253)}

    assert send(fits)["properties"] == nested(253)
    error = refuse({"type": "page", "properties": nested(254)})
    assert error.reason == DeadLetterReason.TOO_DEEP
    assert error.detail == "expected at most 254 levels of nesting, got more"


def test_lists_count_as_levels() -> None:
    """A list inside a list is as deep as an object inside an object."""
    value: Value = []
    for _ in range(300):
        value = [value]

    assert refuse({"type": "page", "properties": {"a": value}}).reason == DeadLetterReason.TOO_DEEP


@pytest.mark.parametrize("empty", [[], "", None])
@pytest.mark.parametrize("name", ["properties", "traits", "context", "integrations"])
def test_an_empty_object_of_php_is_empty(name: str, empty: Value) -> None:
    """An empty list or text is no mistake."""
    event = cast("Event", {"type": "page", "userId": "u-1", name: empty})
    call = Translator()(event, None)

    assert isinstance(call, SegCall)
    assert (call.body, call.left_out) == (b'{"type":"page","userId":"u-1"}', ())


@pytest.mark.parametrize("value", [[1], "x", 7, True, [{}]])
@pytest.mark.parametrize("name", ["properties", "traits", "context", "integrations"])
@pytest.mark.parametrize("kind", ["page", "identify", "track"])
def test_an_object_that_is_none_goes_nowhere(kind: str, name: str, value: Value) -> None:
    """It counts as absent, and is noted by its name."""
    event = cast("Event", {"type": kind, "event": "Viewed Product", name: value})
    call = Translator()(event, None)

    assert isinstance(call, SegCall)
    assert [(it.key, it.source) for it in call.left_out] == [(name, name)]
    assert name not in orjson.loads(call.body)


@pytest.mark.parametrize("name", ["messageId", "userId", "anonymousId", "previousId"])
def test_an_id_is_text_or_absent(name: str) -> None:
    """A number is its digits, an empty text says nothing, and what else there is is noted."""
    page = {"type": "page", "timestamp": WHEN}
    values: list[Value] = [5, "", True, {"a": 1}]
    seen = []
    for value in values:
        call = Translator()(cast("Event", {**page, name: value}), None)
        assert isinstance(call, SegCall)
        seen.append((orjson.loads(call.body).get(name), [it.source for it in call.left_out]))

    assert seen == [("5", []), (None, []), (None, [name]), (None, [name])]


def test_what_the_canonical_schema_has_no_field_for_is_taken_from_beside() -> None:
    """`extra` holds it; a field of the call itself comes first."""
    extra: Object = {"category": "Docs", "timestamp": "NOW", "userId": "other", "groupId": "g"}
    event: Event = {"type": "page", "userId": "u-1", "timestamp": None, "extra": extra}
    call = Translator()(event, None)

    assert isinstance(call, SegCall)
    assert orjson.loads(call.body) == {
        "type": "page",
        "userId": "u-1",
        "page": {"category": "Docs"},
    }
    assert [it.source for it in call.left_out] == ["timestamp"]


def test_a_body_takes_no_more_memory_than_its_bytes() -> None:
    """Thousands wait at once: what a JSON writer leaves allocated behind each would add up."""
    event: Event = {"type": "page", "messageId": "m-1", "userId": "u-1", "name": "Home"}
    translate, many = Translator(), 500
    translate(event, WHEN_MS)
    tracemalloc.start()
    try:
        calls = [translate(event, WHEN_MS) for _ in range(many)]
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    bodies = sum(len(call.body) for call in calls if isinstance(call, SegCall))
    around_bytes = 512  # each call's own object, and what Python puts around the bytes
    assert bodies > many * 100
    assert held_bytes < bodies + many * around_bytes
