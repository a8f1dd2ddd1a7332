"""What can go wrong at Seg: the sandbox does it on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson
import urllib3

if TYPE_CHECKING:
    from consumer.core.model import Object
    from tests.soak.chronicle import Spell

FAULTS: dict[str, list[Object]] = {
    "some 500s": [{"status": 500, "share": 0.2}],
    "some resets": [{"trouble": "reset", "share": 0.1}],
    "429 with Retry-After": [{"status": 429, "share": 0.2, "retry_after": 1}],
    "throttled": [{"calls_per_s": 2000.0}],
    "slow": [{"delay_s": 0.1}],
    "some hang": [{"trouble": "hang", "share": 0.002}],
    "taken but unanswered": [{"trouble": "reset", "share": 0.001, "accepted": True}],
    "garbage": [{"trouble": "garbage", "share": 0.05}],
    "down": [{"status": 503}],
    "wrong key": [{"status": 403}],
    "wrong endpoint": [{"status": 404}],
}
"""As the sandbox takes them."""


class SegFaults:
    """The faults of the sandbox at *url*."""

    def __init__(self, url: str) -> None:
        self._http = urllib3.PoolManager()
        self._url = url
        self.known = {name: partial(self._set, faults) for name, faults in FAULTS.items()}

    def heal(self) -> bool:
        """Let Seg take everything."""
        self._set([])
        return True

    def repeats(self, fault: str, spell: Spell) -> list[Spell]:
        """Return *spell* where calls are taken that the consumer must take for failed."""
        return [spell] if any("accepted" in it for it in FAULTS[fault]) else []

    def _set(self, faults: list[Object]) -> None:
        self._http.request(
            "POST",
            f"{self._url}_sandbox/faults",
            body=orjson.dumps(faults),
            headers={"Content-Type": "application/json"},
        )
