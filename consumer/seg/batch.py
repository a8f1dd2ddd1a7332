"""The calls of one request, and the search for the one that Seg rejects.

In single mode a batch is one call. In batch mode a rejected array is halved: the calls before
the guilty one are accepted on the way, the guilty one ends up alone in a request of its own (so
that Seg's message is about it and nothing else), and what stood behind it goes on as one request.

    [a b c d e f g h]  rejected      e is guilty
    [a b c d]          accepted      so it is in [e f g h], which need not be sent to know that
    [e f]              rejected
    [e]                rejected      guilty, alone
    [f g h]            accepted

One request of a batch is under way at a time and calls leave it in their order: the order of
each lane holds without any further care. A call is judged by an answer to itself alone, never by
inference: a receiver that takes no more than three calls an array, or so many bytes, rejects
arrays in which nobody is guilty. Each guilty call among m costs at most log2 m halvings (rounded
up), one request of its own and one for what stood behind it.

A call that fails although nobody else can be asked (one lane, nothing beside it) is proved: after
each of its failures one of the calls behind it goes ahead. If Seg takes those again and again, the
first is at fault, and they are delivered. If Seg takes the first after all, they follow it once
more: Seg is left with their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.seg.idempotency import request_key

if TYPE_CHECKING:
    from consumer.core.lanes import Task
    from consumer.seg.answers import Answer
    from consumer.seg.weather import Mark


class Row:
    """The failures in a row of one request: they speak of its calls, and of no others."""

    __slots__ = (
        "ahead",
        "answer",
        "asked",
        "chance",
        "failures",
        "lone",
        "mark",
        "proved",
        "refused",
        "unproved",
    )

    def __init__(self) -> None:
        self.ahead: set[Task] = set()
        """The calls behind that Seg has taken before this one."""
        self.asked: set[Task] = set()
        """Those that were tried, taken or not, since all of them were."""
        self.failures = 0
        self.unproved = 0
        """How many of them may be the call's own, since it was last put to the proof."""
        self.proved = False
        """Seg took or judged one of those: from now on one goes ahead after each failure."""
        self.lone = 0
        """How many of them speak of these calls, for others were taken meanwhile."""
        self.chance = 1.0
        """How probable those are for calls like all others."""
        self.mark: Mark | None = None
        """The weather's count at the last failure; None before the first."""
        self.answer: Answer | None = None
        """The last failure."""
        self.refused = False
        """It blames our setting."""


class Batch:
    """Calls that were taken together, and the request that is due next."""

    __slots__ = (
        "_end",
        "_guilty_before",
        "_most",
        "_start",
        "_tasks",
        "attempts",
        "calls",
        "failing_since_s",
        "failures",
        "proving",
        "row",
    )

    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = tasks
        self._start = 0  # everything before it is settled
        self._end = len(tasks)  # the request is tasks[start:end]
        self._most = len(tasks)  # so many go in one request
        self._guilty_before: int | None = None  # a guilty call is in tasks[start:guilty_before]
        self.calls = tasks
        """The calls of the request that is due or under way."""
        self.attempts = 0
        """How many requests were sent for it."""
        self.failures = 0
        """Those in a row that Seg neither took nor judged."""
        self.failing_since_s: float | None = None
        """When Seg began to fail it, monotonic; None while it does not."""
        self.row: Row | None = None
        """What speaks against the calls of the request; None where nothing has failed."""
        self.proving = False
        """The request is of a call *behind* the one that fails."""

    @property
    def done(self) -> bool:
        """True once every call has left the batch."""
        return self._start == len(self._tasks)

    def settled(self) -> list[Task]:
        """Take the calls of the request out, for Seg has taken or judged them."""
        calls = self.calls
        self._start = self._end
        if self._end == len(self._tasks):
            return calls  # nothing is left
        self.judged()
        if self._guilty_before is None or self._start >= self._guilty_before:
            self._guilty_before = None
            self._aim(len(self._tasks))
        else:
            self._halve(self._guilty_before)
        return calls

    def judged(self) -> None:
        """Note that Seg is well: what failed before it was not for these calls."""
        self.failures = 0
        self.failing_since_s = None

    def rejected(self) -> Task | None:
        """Note that Seg rejects the request; return the guilty call where it stood alone.

        Else the next request is the first half, and the result is None.
        """
        if self._end - self._start > 1:
            self._guilty_before = self._end
            self.failures = 0  # half of it is another request, which waits as one that is new
            self._halve(self._end)
            return None
        return self.set_aside()

    def set_aside(self) -> Task:
        """Take out the first call, which is at fault."""
        guilty = self._tasks[self._start]
        ahead = self.row.ahead if self.row is not None else set()
        self.failures = 0  # what stands behind it has failed for as long, though not alone
        self._guilty_before = None
        self._start += 1
        self._aim(len(self._tasks))
        if ahead:
            self.row = Row()
            self.row.ahead |= ahead
        return guilty

    def take_ahead(self, task: Task) -> None:
        """Note that Seg has taken *task* before the one that fails.

        Those behind it that were taken before are no longer ahead: they follow it once more.
        """
        if self.row is not None:
            behind = self._tasks[self._tasks.index(task) + 1 :]
            self.row.ahead.difference_update(behind)
            self.row.ahead.add(task)

    def went_ahead(self) -> list[Task]:
        """Take out the calls, now the first, that Seg has taken already."""
        start, tasks = self._start, self._tasks
        row = self.row
        while row is not None and self._start < len(tasks) and tasks[self._start] in row.ahead:
            self._start += 1
        if self._start > start:
            self._aim(len(tasks))
            self.row = row
        return tasks[start : self._start]

    @property
    def last(self) -> Task:
        """The last of its calls."""
        return self._tasks[-1]

    def join(self, task: Task) -> None:
        """Let *task*, the next of its lane, come behind the others."""
        self._tasks = [*self._tasks, task]

    def behind(self, *, again: bool) -> Task | None:
        """Return a call behind the one that fails that has not gone ahead of it yet.

        *Again*: one that has may do; each in its turn.
        """
        row, behind = self.row, self._tasks[self._end :]
        if row is None or not behind:
            return None
        for task in behind:
            if task not in row.asked and (again or task not in row.ahead):
                return task
        if again:
            row.asked.clear()
        return behind[0] if again else None

    def prove(self, task: Task) -> None:
        """Let *task*, behind the one that fails, go next: does Seg take that one?"""
        self.proving = True
        self.calls = [task]

    def unprove(self) -> Task:
        """Go back to the call that fails; return the one that went ahead."""
        (task,) = self.calls
        self.proving = False
        self.attempts -= 1  # it was none of the one that fails
        self.calls = self._tasks[self._start : self._end]
        return task

    def drop_closed(self) -> list[Task]:
        """Take out the calls whose partition went to another member: they are that one's now."""
        rest = self._tasks[self._start :]
        dropped = [task for task in rest if task.record.tenure.closed]
        if dropped:
            self.proving = False
            self._tasks = [task for task in rest if not task.record.tenure.closed]
            self._start = 0
            self._guilty_before = None
            self._aim(len(self._tasks))
        return dropped

    def _halve(self, guilty_before: int) -> None:
        self._aim(self._start + max(1, (guilty_before - self._start) // 2))

    def _aim(self, end: int) -> None:
        """Let the next request be of the calls up to *end*, or of as many as may go in one."""
        self._end = end = min(end, self._start + self._most)
        self.calls = self._tasks[self._start : end]
        self.proving = False
        self.row = None

    def idempotency_key(self) -> str:
        """Return the key by which a receiver knows this request again, on every attempt."""
        return request_key(self.calls)

    def body(self) -> bytes:
        """Return the JSON that is sent: the calls as an array."""
        return b"[" + b",".join([task.call.body for task in self.calls]) + b"]"
