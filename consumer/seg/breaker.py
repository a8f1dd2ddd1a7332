"""When not to call Seg at all.

    closed ----- failures in a row, or an answer that blames our settings -----> open
    open ------- its time is over -------------------------------------------> half-open
    half-open -- the one probe is taken --> closed;  it fails --> open, for longer

While it is not closed, consumption is paused and nothing is dropped. What opened it decides how
it closes: after an outage the waits grow with full jitter; `unauthorised` and `misrouted` are
tried again at a fixed interval, so that a corrected key or endpoint goes on by itself; a
dead-letter storm waits for the operator.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from consumer.seg.weather import BOUND

if TYPE_CHECKING:
    from random import Random

    from consumer.seg.retry import RetryPolicy
    from consumer.seg.weather import Weather

FAILURES_TO_OPEN = 10
"""How many failures in a row count as an outage.

More, if more requests were in flight when the row began: errors return faster than answers. More
also in bad weather: a Seg that fails half of all requests is not away.
"""


class BreakerState(StrEnum):
    """The label of the breaker's metric."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class OpenReason(StrEnum):
    """Why the breaker is not closed; what readiness, alerts and log lines say."""

    OUTAGE = "outage"
    UNAUTHORISED = "unauthorised"
    MISROUTED = "misrouted"
    DEAD_LETTER_STORM = "dead_letter_storm"
    MISCONFIGURED = "misconfigured"
    """Not the breaker's: only the topic at fault stops, and calls go on."""


class Breaker:
    """One destination's breaker; times are monotonic seconds."""

    def __init__(
        self, policy: RetryPolicy, probe_interval_s: float, weather: Weather, random: Random
    ) -> None:
        # A probe harms nobody: an outage that is over is noticed as fast as a corrected key.
        self._policy = policy._replace(max_s=min(policy.max_s, probe_interval_s))
        self._probe_interval_s = probe_interval_s
        self._weather = weather
        self._random = random
        self._failures = 0  # in a row
        self._failures_to_open = FAILURES_TO_OPEN
        self._openings = 0  # in a row
        self.state = BreakerState.CLOSED
        self.reason: OpenReason | None = None
        """Why it is not closed; None while it is."""
        self.detail = ""
        """The answer that opened it, for people."""
        self.probe_at_s: float | None = None
        """When the next probe may go; None where none will go by itself."""

    @property
    def failures_left(self) -> int | None:
        """How many more failures in a row open it; None where there is no row.

        No more requests than that are to be under way: a throttle refuses sooner than it answers
        what it takes, and that answer is to come first.
        """
        if self.state is not BreakerState.CLOSED or not self._failures:
            return None
        return self._failures_to_open - self._failures

    def allows(self, now_s: float, *, in_flight: int) -> bool:
        """Tell whether one more request may start at *now_s*; the first of an open time probes."""
        if self.state is BreakerState.CLOSED:
            return True
        if in_flight or self.probe_at_s is None or now_s < self.probe_at_s:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def succeeded(self) -> bool:
        """Note that Seg took or judged a call; return whether that closes the breaker.

        It does if it was the probe: Seg is back and knows us. While the breaker is open a success
        is a late one, of a request that was sent before.
        """
        self._failures = 0
        if self.state is not BreakerState.HALF_OPEN:
            return False
        self._openings = 0
        self.state = BreakerState.CLOSED
        self.reason = None
        self.detail = ""
        self.probe_at_s = None
        return True

    def failed(
        self, now_s: float, retry_after_s: float | None, detail: str, *, in_flight: int
    ) -> None:
        """Note a transient failure, with *in_flight* requests still under way.

        The wait of an opening honours *retry_after_s*.
        """
        if not self._failures:
            self._failures_to_open = max(FAILURES_TO_OPEN, in_flight + 1, self._weather.row(BOUND))
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN or (
            self.state is BreakerState.CLOSED and self._failures >= self._failures_to_open
        ):
            self._openings += 1
            wait_s = self._policy.wait_s(self._openings, retry_after_s, self._random)
            self._open(OpenReason.OUTAGE, detail, now_s + wait_s)

    def refused(
        self, reason: OpenReason, now_s: float, detail: str, *, doubtful: bool = False
    ) -> None:
        """Note an answer that blames our settings, not the call and not Seg.

        It is *doubtful* while Seg takes other calls: then the probe goes at once.
        """
        first = self.state is BreakerState.CLOSED
        wait_s = 0.0 if doubtful and first else self._probe_interval_s
        self._open(reason, detail, now_s + wait_s)

    def prove(self, now_s: float) -> None:
        """Let the next probe go at once: it is to tell a bad call from a bad Seg."""
        if self.probe_at_s is not None:
            self.probe_at_s = now_s

    def storm(self, detail: str) -> None:
        """Stop until the operator has decided: too much would be dead-lettered."""
        self._open(OpenReason.DEAD_LETTER_STORM, detail, None)

    def _open(self, reason: OpenReason, detail: str, probe_at_s: float | None) -> None:
        if self.reason is OpenReason.DEAD_LETTER_STORM:
            return
        self.state = BreakerState.OPEN
        self.reason = reason
        self.detail = detail
        self.probe_at_s = probe_at_s
