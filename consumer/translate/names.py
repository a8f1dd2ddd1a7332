"""Names of track events, matched as Segment's own code matches them.

Case does not count, and a space, an underscore or nothing stands between words: `Order Completed`,
`order_completed`, `OrderCompleted`. What surrounds a name does not count either.

Source: segmentio/analytics-events, which Segment's destinations look names up with.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Value

MAX_CHARACTERS: Final = 100
"""No name of ours is half as long; a longer one is not worth a look."""


class EventNames:
    """Looks names up in *events*, Segment's names and Seg's, and remembers what it found."""

    def __init__(self, events: Mapping[str, str]) -> None:
        self._patterns: Final = tuple(
            (re.compile("[ _]?".join(name.split()), re.IGNORECASE | re.ASCII), seg_event)
            for name, seg_event in events.items()
        )
        self._remembered: Final = lru_cache(maxsize=1024)(self._look_up)

    def __call__(self, name: Value) -> str | None:
        """Return Seg's name of the event that *name* means, if it means one."""
        if not isinstance(name, str):
            return None
        return self._remembered(name) if len(name) <= MAX_CHARACTERS else None

    def _look_up(self, name: str) -> str | None:
        bare = name.strip(" _\t\r\n")
        for pattern, seg_event in self._patterns:
            if pattern.fullmatch(bare):
                return seg_event
        return None
