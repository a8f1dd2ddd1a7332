"""The job in between, as short as it can be: rename the event, pass everything on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Usage, say

if TYPE_CHECKING:
    from benchmarks.measure import Job

EVENTS = {
    "Viewed Product Category": "RangeView",
    "Viewed Product": "ProductView",
    "Added Product": "AddedToBasket",
    "Order Completed": "OrderPlaced",
}


def translate(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the call for Seg; None where there is none to make."""
    call = {name: event[name] for name in ("type", "messageId", "userId")}
    call["timestamp"] = event["timestamp"].isoformat()
    if event["type"] == "track":
        if event["event"] not in EVENTS:
            return None
        call["event"] = EVENTS[event["event"]]
    for name in ("properties", "traits"):
        if event[name] is not None:
            call[name] = json.loads(event[name])
    call["page"] = json.loads(event["context"])["page"]
    return call


class Count:
    """Counts the records that are finished, and prints the figures after the last."""

    def __init__(self, todo: Job) -> None:
        self._events = todo.events
        self._seen = 0
        self._usage: Usage | None = None

    def came(self) -> None:
        """Note a record: time runs from the first on."""
        self._usage = self._usage or Usage()

    def finished(self) -> bool:
        """Note that a record is finished; True for the last one."""
        self._seen += 1
        last = self._seen == self._events
        if last and self._usage is not None:
            say(self._usage.figures(self._seen))
        return last
