"""When something happened, out of whatever a sender wrote: milliseconds since the epoch.

    1795428672, "1795428672"            ten digits are seconds
    1795428672345                       thirteen are milliseconds
    1795428672345678                    sixteen are microseconds
    2026-11-23T10:11:12.345+0530        ISO 8601; a space for the `T`, any number of decimals, no
                                        zone (UTC), basic, week and ordinal dates, a date alone
    Mon, 23 Nov 2026 10:11:12 +0200     RFC 2822

Times are cut to milliseconds, never rounded up. Only the years 1970 to 9999 count: databases and
clocks write others for "none" (0001-01-01, -1).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000
_END_MS: Final = 253_402_300_800_000
"""The first moment of the year 10000."""

_MILLISECONDS: Final = range(10**12, 10**13)
_SECONDS: Final = range(10**9, 10**10)
_MICROSECONDS: Final = range(10**15, 10**16)

_COUNT: Final = re.compile(r"\d{10}|\d{13}|\d{16}", re.ASCII)
_CLOCK: Final = (
    r"(?P<hour>\d\d)(?:(?P<colon>:?)(?P<minute>\d\d)"
    r"(?:(?P=colon)(?P<second>\d\d)(?:[.,](?P<decimals>\d+))?)?)?"
)
_ISO_8601: Final = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)"
    r"(?:(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"|W(?P<week>\d\d)(?P=dash)(?P<weekday>\d)|(?P<ordinal>\d{3}))"
    rf"(?:(?:[Tt]|[ ]+){_CLOCK}[ ]?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_RFC_2822: Final = re.compile(
    rf"(?:[A-Za-z]{{3}},\s*)?(?P<day>\d{{1,2}})\s+(?P<name>[A-Za-z]{{3}})\s+(?P<year>\d{{4}})\s+"
    rf"{_CLOCK}\s+(?P<zone>[+-]\d{{4}}|[A-Za-z]{{1,3}})(?:\s*\(.*\))?",
    re.ASCII,
)
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_ZONE_HOURS: Final[Mapping[str, int]] = {
    "z": 0,
    "ut": 0,
    "utc": 0,
    "gmt": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
}
"""The zones that RFC 2822 names, in hours east of Greenwich."""


def instant_ms(value: object) -> int | None:
    """Return the moment that *value* tells; None where it tells none."""
    if type(value) is int:
        return _of_digits(value)
    if type(value) is float:
        return _of_digits(value) if isfinite(value) else None
    if type(value) is str:
        text = value.strip()
        return _of_digits(int(text)) if _COUNT.fullmatch(text) else _of_text(text)
    return None


def _of_digits(number: float) -> int | None:
    """Return the moment of a count since the epoch; how many digits it has tells its unit."""
    whole = int(number)
    if whole in _MILLISECONDS:
        return whole
    if whole in _SECONDS:
        return int(number * 1000)
    return whole // 1000 if whole in _MICROSECONDS else None


def _of_text(text: str) -> int | None:
    found = _ISO_8601.fullmatch(text)
    read = _iso_date
    if found is None:
        found = _RFC_2822.fullmatch(text)
        read = _rfc_date
    if found is None:
        return None
    part = {name: value for name, value in found.groupdict().items() if value}
    try:
        ms = _moment_ms(read(part), part)
    except (ValueError, KeyError, OverflowError):  # no such day, hour, month or zone
        return None
    return ms if 0 <= ms < _END_MS else None


def _iso_date(part: Mapping[str, str]) -> date:
    year = int(part["year"])
    if "week" in part:
        return date.fromisocalendar(year, int(part["week"]), int(part["weekday"]))
    if "ordinal" not in part:
        return date(year, int(part["month"]), int(part["day"]))
    day = date(year, 1, 1) + timedelta(days=int(part["ordinal"]) - 1)
    if day.year != year:
        raise ValueError
    return day


def _rfc_date(part: Mapping[str, str]) -> date:
    return date(int(part["year"]), _MONTHS.index(part["name"].lower()) + 1, int(part["day"]))


def _moment_ms(day: date, part: Mapping[str, str]) -> int:
    hour, minute = int(part.get("hour", 0)), int(part.get("minute", 0))
    second = int(part.get("second", 0))
    if hour == 24 and not minute and not second:  # noqa: PLR2004 - ISO 8601: the end of the day
        hour, day = 0, day + timedelta(days=1)
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    if second > 60:  # noqa: PLR2004 - 60 is a leap second
        raise ValueError
    since = moment - _EPOCH
    ms = since.days * _DAY_MS + since.seconds * 1000 + second * 1000
    return ms + int(part.get("decimals", "0")[:3].ljust(3, "0")) - _offset_ms(part.get("zone", "Z"))


def _offset_ms(zone: str) -> int:
    if zone[0] not in "+-":
        return _ZONE_HOURS[zone.lower()] * 3_600_000
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a day has no more
        raise ValueError
    return (hours * 60 + minutes) * (-60_000 if zone[0] == "-" else 60_000)
