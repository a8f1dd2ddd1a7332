"""All that knows what time it is.

Everything that waits, measures or stamps takes a `Clock`, so that a test runs four hours of
back-off in a millisecond and never by the machine's own pace.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start that never go back."""

    def boottime_s(self) -> float:
        """Return the same, but with the time in which the machine was suspended."""

    def wall_s(self) -> float:
        """Return seconds since the epoch; it may jump when the machine's clock is set."""


class SystemClock:
    """The machine's own clock."""

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start that never go back."""
        return time.monotonic()  # noqa: TID251 - the one place that may ask

    def boottime_s(self) -> float:
        """Return the same, but with the time in which the machine was suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall_s(self) -> float:
        """Return seconds since the epoch."""
        return time.time()  # noqa: TID251 - the one place that may ask
