"""When something happened, in whatever way it was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.instants import instant_ms

WHEN_MS = 1_795_428_672_345
SECOND_MS = 1_795_428_672_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

moments = st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(9999, 12, 29))  # noqa: DTZ001 - the tests add zones
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:11:12.345Z",
        "2026-11-23T10:11:12.345",
        " 2026-11-23t10:11:12.345z ",
        "2026-11-23T10:11:12,345Z",
        "2026-11-23T10:11:12.345999999999Z",
        "2026-11-23T12:11:12.345+02:00",
        "2026-11-23T15:41:12.345+0530",
        "2026-11-23T12:11:12.345+02",
        "2026-11-22T22:41:12.345-11:30",
        "2026-11-23 10:11:12.345 +0000",
        "20261123T101112.345Z",
        "2026-W48-1T10:11:12.345",
        "2026W481T101112.345",
        "2026-327T10:11:12.345Z",
    ],
)
def test_iso_8601(text: str) -> None:
    """Every spelling of a moment; no zone means UTC, and what is finer than a millisecond goes."""
    assert instant_ms(text) == WHEN_MS


@pytest.mark.parametrize(
    "text", ["2026-11-23", "20261123", "2026-W48-1", "2026327", "2026-11-22T24:00"]
)
def test_a_date_is_its_first_moment(text: str) -> None:
    """A date without a time is midnight in UTC; 24:00 is the midnight after."""
    assert instant_ms(text) == WHEN_MS - (10 * 3600 + 11 * 60 + 12) * 1000 - 345


def test_a_leap_second_is_the_next() -> None:
    """ISO 8601 has a sixtieth second; Unix time has not."""
    assert instant_ms("2016-12-31T23:59:60Z") == instant_ms("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 23 Nov 2026 10:11:12 +0000",
        "Mon, 23 Nov 2026 12:11:12 +0200 (CEST)",
        "23 Nov 2026 10:11:12 GMT",
        "23 nov 2026 05:11:12 EST",
    ],
)
def test_rfc_2822(text: str) -> None:
    """The time of e-mail and HTTP, with or without the day of the week."""
    assert instant_ms(text) == SECOND_MS


@given(moments, offsets)
def test_a_moment_in_any_zone_is_itself(moment: datetime, zone: timezone) -> None:
    """Whatever Python writes is read: ISO 8601 cut to milliseconds, RFC 2822 to seconds."""
    local = moment.replace(tzinfo=zone)
    exact_us = (local - EPOCH) // timedelta(microseconds=1)

    assert instant_ms(local.isoformat()) == exact_us // 1000
    if exact_us % 1_000_000 == 0 and zone.utcoffset(None) % timedelta(minutes=1) == timedelta(0):
        assert instant_ms(format_datetime(local)) == exact_us // 1000


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_795_428_672, SECOND_MS),
        ("1795428672", SECOND_MS),
        (1_795_428_672.345, WHEN_MS),
        (WHEN_MS, WHEN_MS),
        ("1795428672345", WHEN_MS),
        (1_795_428_672_345.9, WHEN_MS),
        (1_795_428_672_345_678, WHEN_MS),
        ("1795428672345678", WHEN_MS),
    ],
)
def test_digits_tell_their_unit(value: object, ms: int) -> None:
    """Ten are seconds, thirteen milliseconds, sixteen microseconds."""
    assert instant_ms(value) == ms


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "NOW", "{{timestamp}}", "12/10/2015", "23.11.2026", "2026-13-01", "2026-02-30"),
        *(
            "2026-11-23T25:00Z",
            "2026-11-23T10:60Z",
            "2026-11-23T10:11:61Z",
            "2026-366",
            "2026-W54-1",
        ),
        *(
            "2026-11-23T1011:12Z",
            "2026-1123",
            "2023-11-22T10:12:44.75705:30",
            "2026-11-23T10+25:00",
        ),
        *("1712x11x122334", "Mon, 31 Feb 2026 10:11:12 GMT", "Mon, 23 Nov 2026 10:11:12 XYZ"),
        *("0001-01-01T00:00:00", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01"),
        *("9999-12-31T23:59:59-00:01", "9999-12-31T24:00:00Z", "10000-01-01T00:00:00Z"),
        *(0, -1, 12_345, 10**12 - 1, 10**16, 2**70, -WHEN_MS, float("nan"), float("inf")),
        *(
            "9" * 5_000,
            "١٧٩٥٤٢٨٦٧٢",
            True,
            False,
            None,
            [WHEN_MS],
            {"$date": WHEN_MS},
            b"2026-11-23",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_other_values_tell_no_moment(value: object) -> None:
    """No such day, no unit that digits tell, a year beyond 1970 to 9999, another type."""
    assert instant_ms(value) is None


@given(st.text() | st.text(st.sampled_from("0123456789-:.TZW+ ")) | st.floats() | st.integers())
def test_any_value_tells_a_moment_of_our_calendar_or_none(value: object) -> None:
    """Nothing fails, and nothing is outside the years 1970 to 9999."""
    ms = instant_ms(value)

    assert ms is None or 0 <= ms < 253_402_300_800_000
