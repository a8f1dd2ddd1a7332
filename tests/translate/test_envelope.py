"""The fields that every call has: the time, the address, the bytes."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import DeadLetterReason
from consumer.core.model import Event, Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.envelope import occurred_at_ms, rfc3339
from consumer.translate.readers import BadValueError
from tests.translate.calls import refuse, send

WHEN_MS = 1_795_428_672_345
WHEN = "2026-11-23T10:11:12.345Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:11:12.345Z",
        "2026-11-23T10:11:12.345",
        "2026-11-23T10:11:12.345999Z",
        "2026-11-23T10:11:12.3459999999Z",
        "2026-11-23T12:11:12.345+02:00",
        "2026-11-22T22:41:12.345-11:30",
        "2026-11-23 10:11:12.345+0000",
        "20261123T101112.345Z",
    ],
)
def test_text_is_read_as_iso_8601(text: str) -> None:
    """Any offset counts, none means UTC, and what is finer than a millisecond is cut off."""
    assert send({"type": "page", "timestamp": text})["timestamp"] == WHEN


def test_a_date_is_its_first_moment() -> None:
    """A date without a time is midnight in UTC."""
    sent = send({"type": "page", "timestamp": "2026-11-23"})

    assert sent["timestamp"] == "2026-11-23T00:00:00.000Z"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (WHEN_MS, WHEN),
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_number_is_milliseconds_since_the_epoch(ms: int, text: str) -> None:
    """Numbers are sent as RFC 3339 in UTC with milliseconds, also before 1970."""
    assert send({"type": "page", "timestamp": ms})["timestamp"] == text


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001 - the strategy adds the zones
    st.integers(min_value=-23 * 60, max_value=23 * 60),
)
def test_a_time_is_never_rounded_up(moment: datetime, offset_minutes: int) -> None:
    """The time that is sent is at most a millisecond before the one that came, never after."""
    local = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    ms = occurred_at_ms({"timestamp": local.isoformat()}, None)

    assert ms is not None
    late = local - datetime.fromisoformat(rfc3339(ms))
    assert timedelta(0) <= late < timedelta(milliseconds=1)


@pytest.mark.parametrize("ms", [-62_135_596_800_001, 253_402_300_800_000, 2**63])
def test_a_time_that_no_calendar_holds_is_refused(ms: int) -> None:
    """Before year 1 and after year 9999 there is no RFC 3339."""
    error = refuse({"type": "page", "timestamp": ms})

    assert error.reason == DeadLetterReason.BAD_TIMESTAMP
    assert error.detail == "timestamp: expected a time in the years 1 to 9999, got another"


def test_an_offset_that_leaves_the_calendar_is_refused() -> None:
    """The first midnight of the calendar, an hour to the east of Greenwich, is in no year."""
    error = refuse({"type": "page", "sentAt": "0001-01-01T00:00:00+01:00"})

    assert error.reason == DeadLetterReason.BAD_TIMESTAMP


@pytest.mark.parametrize(
    "text", ["", " ", "yesterday", "1795428672345", "23.11.2026", "2026-13-01", "2026-11-23T25:00Z"]
)
def test_other_text_is_no_time(text: str) -> None:
    """The error names the field that was to be used, and not what it held."""
    with pytest.raises(BadValueError) as caught:
        occurred_at_ms({"originalTimestamp": text, "sentAt": WHEN}, WHEN_MS)

    assert caught.value.reason == DeadLetterReason.BAD_TIMESTAMP
    assert str(caught.value) == (
        "originalTimestamp: expected an ISO 8601 date and time, got other text"
    )


def test_the_nearest_timestamp_counts() -> None:
    """The order is timestamp, originalTimestamp, sentAt, receivedAt, the record's own."""
    event: Event = {"timestamp": 1, "originalTimestamp": 2, "sentAt": 3, "receivedAt": 4}
    seen = [occurred_at_ms(event, 5)]
    for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"):
        event[name] = None
        seen.append(occurred_at_ms(event, 5))

    assert seen == [1, 2, 3, 4, 5]


def test_a_later_timestamp_may_be_junk() -> None:
    """Only the timestamp that is used is read."""
    assert occurred_at_ms({"timestamp": 0, "sentAt": "yesterday"}, None) == 0


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
            "timestamp": 0,
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


@pytest.mark.parametrize("whole", [2**64, -(2**63) - 1])
def test_integers_beyond_64_bits_are_poison(whole: int) -> None:
    """Such an integer can be written by no usual JSON writer."""
    error = refuse({"type": "page", "properties": {"a": [whole]}})

    assert error.reason == DeadLetterReason.BAD_NUMBER
    assert error.detail == "expected integers of at most 64 bits, got a longer one"


@pytest.mark.parametrize("properties", [{"a": "\ud800"}, {"\udfff": 1}])
def test_half_a_surrogate_pair_is_poison(properties: Object) -> None:
    """Text that is no Unicode cannot be written as UTF-8."""
    error = refuse({"type": "page", "properties": properties})

    assert error.reason == DeadLetterReason.BAD_JSON
    assert error.detail == "expected Unicode text, got half a surrogate pair"


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
