"""Order within a lane, concurrency across lanes.

A lane is what must stay in order: one record key, one user or one partition (`ordering.by`).
Calls of one lane travel one behind the other, calls of different lanes do not wait for each
other:

    lane a   1 -> 4 -> 5      1 is in flight, 4 and 5 wait behind it
    lane b   2                2 is in flight
    lane c   3                3 is ready: the next to be taken

In batch mode several calls of one lane may be taken at once, for the array keeps their order;
the lane is then blocked until all of them are settled. Of the lanes that are ready the one whose
first call came first goes first: a busy key waits for no younger call, and starves no other.

The lane is a chain through its tasks: a key of one call costs one small object. No I/O, no
clock, no lock.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from consumer.core.model import Record, SegCall


class Task:
    """One call on its way to Seg, from the moment its record was translated until it is settled."""

    __slots__ = ("call", "came_s", "lane", "next", "number", "record", "taken")

    def __init__(self, record: Record, call: SegCall) -> None:
        self.record = record
        self.call = call
        self.lane: Lane  # from `Lanes.put` on
        self.next: Task | None = None  # the call behind it in its lane
        self.taken = False
        self.number = 0  # the older of two has the smaller one
        self.came_s = 0.0  # monotonic


class Lane:
    """The calls of one key that are not settled."""

    __slots__ = ("blocked", "key", "last", "waiting", "waiting_bytes")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.last: Task | None = None
        self.waiting = 0
        self.waiting_bytes = 0
        self.blocked = False  # some of it is in flight


class Lanes:
    """The calls that wait for their turn."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, Lane] = {}
        # The first call of each lane that is not blocked: those that found their lane empty, by
        # age as they came, and a heap of those that waited for another.
        self._fresh: deque[Task] = deque()
        self._waited: list[tuple[int, Task]] = []
        self._numbers = 0
        self.ready_calls = 0
        """How many calls could be taken now."""
        self.ready_bytes = 0
        """The bodies of those calls together, bytes."""
        self.body_bytes = 0
        """The bodies of all calls that are not settled, bytes."""

    def put(self, key: Hashable, task: Task, now_s: float) -> int:
        """Add *task*, which came *now_s*, to lane *key*; return how many of that lane now wait."""
        size = len(task.call.body)
        self._numbers += 1
        task.number = self._numbers
        task.came_s = now_s
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
            self._fresh.append(task)
        elif lane.last is not None:
            lane.last.next = task
        task.lane = lane
        lane.last = task
        self.body_bytes += size
        lane.waiting += 1
        lane.waiting_bytes += size
        if not lane.blocked:
            self.ready_calls += 1
            self.ready_bytes += size
        return lane.waiting

    def first_ready(self) -> Task | None:
        """Return the call that would be taken next; None where every lane is blocked or empty."""
        fresh, waited = self._fresh, self._waited
        while True:
            if waited and (not fresh or waited[0][0] < fresh[0].number):
                head = waited[0][1]
            elif fresh:
                head = fresh[0]
            else:
                return None
            if not head.record.tenure.closed:
                return head
            self._leave(head)
            self._drop(head)

    def take_one(self) -> Task | None:
        """Take the oldest call that is ready, to be given back to `settle`; None without one."""
        task = self.first_ready()
        if task is None:
            return None
        self._leave(task)
        lane = task.lane
        self.ready_calls -= lane.waiting
        self.ready_bytes -= lane.waiting_bytes
        lane.blocked = True
        lane.waiting -= 1
        lane.waiting_bytes -= len(task.call.body)
        return task  # nothing of its lane is taken with it: its `taken` is never asked for

    def take(self, max_calls: int, max_bytes: int) -> list[Task]:
        """Take up to *max_calls*, an array of at most *max_bytes*, the lane of the oldest first.

        The first is taken whatever its size. Each must be given back to `settle`, and those of
        one lane in their order.
        """
        taken: list[Task] = []
        room_bytes = max_bytes - 1  # the brackets, less the comma that the last call has not
        while len(taken) < max_calls and (head := self.first_ready()) is not None:
            if taken and len(head.call.body) >= room_bytes:
                break
            self._leave(head)
            lane = head.lane
            self.ready_calls -= lane.waiting
            self.ready_bytes -= lane.waiting_bytes
            lane.blocked = True
            task: Task | None = head
            while task is not None and len(taken) < max_calls:
                size = len(task.call.body)
                if taken and size >= room_bytes:
                    break
                room_bytes -= size + 1
                lane.waiting -= 1
                lane.waiting_bytes -= size
                task.taken = True
                taken.append(task)
                task = task.next
        return taken

    def take_behind(self, task: Task) -> Task | None:
        """Take the call behind *task*, which was taken; None where there is none in its lane.

        It too must be given back to `settle`, after *task*.
        """
        behind = task.next
        if behind is None or behind.taken:
            return None
        task.lane.waiting -= 1
        task.lane.waiting_bytes -= len(behind.call.body)
        behind.taken = True
        return behind

    def settle(self, task: Task) -> None:
        """Note that *task*, which was taken, is done: its lane's next may go."""
        lane = task.lane
        self.body_bytes -= len(task.call.body)
        following = task.next
        if following is None:
            self._end(lane)
        elif not following.taken:
            lane.blocked = False
            self.ready_calls += lane.waiting
            self.ready_bytes += lane.waiting_bytes
            heapq.heappush(self._waited, (following.number, following))

    def _leave(self, head: Task) -> None:
        """Take *head*, which is the first that is ready, out of the queue."""
        if self._fresh and self._fresh[0] is head:
            self._fresh.popleft()
        else:
            heapq.heappop(self._waited)

    def _drop(self, head: Task) -> None:
        """Forget the whole lane of *head*: its partition is another member's now."""
        lane = head.lane
        self.ready_calls -= lane.waiting
        self.ready_bytes -= lane.waiting_bytes
        self.body_bytes -= lane.waiting_bytes
        self._end(lane)

    def _end(self, lane: Lane) -> None:
        del self._lanes[lane.key]
        lane.last = None  # breaks a reference cycle
