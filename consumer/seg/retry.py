"""When to try again, and for how long.

Full jitter: the wait is drawn evenly from nothing up to a bound that doubles with each failure,
so that callers who failed together do not come back together (AWS Architecture Blog,
"Exponential Backoff And Jitter"). A server's `Retry-After` (RFC 9110, section 10.2.3) is obeyed
on every retried answer, up to a cap: a slip of the server's must not stop a partition for a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random


class RetryPolicy(NamedTuple):
    """How hard to try; all of it settings (`delivery.*`)."""

    base_s: float
    """The bound of the first wait."""
    max_s: float
    """The bound that the doubling stops at."""
    budget_s: float
    """How long one call may fail in all. Segment itself gives a destination four hours."""
    max_attempts: int
    """How often one call may fail while Seg takes the calls of others."""
    retry_after_max_s: float
    """The longest `Retry-After` that is obeyed."""

    def wait_s(self, failures: int, retry_after_s: float | None, random: Random) -> float:
        """Return how long to wait after *failures* failures in a row, at least one, seconds."""
        if retry_after_s is not None:
            # A little later than asked, and not all at the same instant.
            return min(retry_after_s, self.retry_after_max_s) + random.uniform(0.0, self.base_s)
        return random.uniform(0.0, min(self.max_s, self.base_s * 2.0 ** min(failures - 1, 64)))
