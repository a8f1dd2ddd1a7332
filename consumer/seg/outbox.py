"""Which batch goes next.

    1. one that was halved: what stands behind it waits for it
    2. one whose retry is due
    3. a new one out of the lanes, once it is full or its first call is old enough

Calls whose partition went to another member fall out here: they are that member's now.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from consumer.seg.batch import Batch

if TYPE_CHECKING:
    from random import Random

    from consumer.core.lanes import Lanes, Task


class Batching(NamedTuple):
    """What bounds a batch; None in its place is single mode: one call a request."""

    max_calls: int
    max_bytes: int
    max_age_s: float
    """A batch waits for company until its first call is so old."""


class Outbox:
    """The batches that wait, and the lanes that new ones come from."""

    def __init__(self, lanes: Lanes, batching: Batching | None) -> None:
        self._lanes = lanes
        self._batching = batching
        self.calls_a_request = 1 if batching is None else batching.max_calls
        """How many calls a full request has."""
        self._again: deque[Batch] = deque()
        self._retries: list[tuple[float, int, Batch]] = []  # a heap by the time they are due
        self._sequence = count()  # the heap never compares batches

    @property
    def retrying(self) -> int:
        """How many batches wait for another attempt."""
        return len(self._retries)

    def go_on(self, batch: Batch) -> None:
        """Send the rest of *batch* as soon as possible."""
        self._again.append(batch)

    def retry(self, batch: Batch, due_s: float) -> None:
        """Send *batch* again at *due_s*, monotonic seconds."""
        heapq.heappush(self._retries, (due_s, next(self._sequence), batch))

    def hurry(self, now_s: float, spread_s: float, random: Random) -> None:
        """Make every retry due within *spread_s*: what they waited for has come."""
        self._retries = [
            (min(due_s, now_s + random.uniform(0.0, spread_s)), number, batch)
            for due_s, number, batch in self._retries
        ]
        heapq.heapify(self._retries)

    def next_batch(self, now_s: float, timeout_s: float) -> tuple[Batch | None, float]:
        """Return the batch to send now; where there is none, how long to wait for one at most."""
        if self._again:
            halved = self._halved()
            if halved is not None:
                return halved, 0.0
        wait_s = timeout_s
        while self._retries:
            due_s = self._retries[0][0]
            if due_s > now_s:
                wait_s = min(wait_s, due_s - now_s)
                break
            batch = heapq.heappop(self._retries)[2]
            if self._is_ours(batch):
                return batch, 0.0
        return self._new_batch(now_s, wait_s)

    def probe(self, now_s: float) -> Batch | None:
        """Return a batch to try a doubtful Seg with; due or not, the breaker's wait counts.

        One that has not failed yet comes first: one that has may be at fault itself, and would
        keep the others waiting for as long as it is tried. One that was refused goes last.
        """
        batch = self._halved() or self._new_batch(now_s, 0.0)[0]
        while batch is None and self._retries:
            retry = self._next_retry()
            if self._is_ours(retry):
                batch = retry
        return batch

    @property
    def has_others(self) -> bool:
        """Tell whether any call waits here or could be taken, but for the one just answered."""
        return bool(self._again or self._retries or self._lanes.ready_calls)

    def company(self, batch: Batch, *, again: bool) -> Task | None:
        """Return a call behind the one that fails to go ahead of it, a new one if there is any.

        Where there is none it is one that went ahead before, if it may go *again*.
        """
        task = batch.behind(again=False)
        if task is None and (task := self._lanes.take_behind(batch.last)) is not None:
            batch.join(task)
        if task is None and again:
            task = batch.behind(again=True)
        return task

    def _next_retry(self) -> Batch:
        retries = self._retries
        first = heapq.heappop(retries)
        if _is_refused(first[2]):
            clean = min((entry for entry in retries if not _is_refused(entry[2])), default=None)
            if clean is not None:
                retries[retries.index(clean)] = first
                heapq.heapify(retries)
                return clean[2]
        return first[2]

    def _halved(self) -> Batch | None:
        while self._again:
            batch = self._again.popleft()
            if self._is_ours(batch):
                return batch
        return None

    def _new_batch(self, now_s: float, timeout_s: float) -> tuple[Batch | None, float]:
        lanes, batching = self._lanes, self._batching
        if batching is None:
            call = lanes.take_one()
            return (None, timeout_s) if call is None else (Batch([call]), 0.0)
        first = lanes.first_ready()
        if first is None:
            return None, timeout_s
        age_s = now_s - first.came_s
        if (
            age_s < batching.max_age_s
            and lanes.ready_calls < batching.max_calls
            and lanes.ready_bytes < batching.max_bytes
        ):
            return None, min(timeout_s, batching.max_age_s - age_s)
        return Batch(lanes.take(batching.max_calls, batching.max_bytes)), 0.0

    def _is_ours(self, batch: Batch) -> bool:
        """Give up the calls of partitions that were revoked; tell whether any is left."""
        for task in batch.drop_closed():
            self._lanes.settle(task)
        return not batch.done


def _is_refused(batch: Batch) -> bool:
    return batch.row is not None and batch.row.refused
