"""What travels in one request, and the search for the call that Seg rejects.

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
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.core.lanes import Task


class Batch:
    """Calls that were taken together, and the request that is due next."""

    __slots__ = (
        "_end",
        "_guilty_before",
        "_start",
        "_tasks",
        "attempts",
        "calls",
        "failed_alone",
        "failing_since_s",
        "failures",
        "successes_seen",
    )

    def __init__(self, tasks: list[Task]) -> None:
        self._tasks = tasks
        self._start = 0  # everything before it is settled
        self._end = len(tasks)  # the request is tasks[start:end]
        self._guilty_before: int | None = None  # a guilty call is in tasks[start:guilty_before]
        self.calls = tasks
        """The calls of the request that is due or under way."""
        self.attempts = 0
        """How many requests were sent for it."""
        self.failures = 0
        """Transient failures in a row."""
        self.failing_since_s: float | None = None
        """When that row began, monotonic; None while it does not fail."""
        self.failed_alone = 0
        """Those of them between which Seg took the calls of others."""
        self.successes_seen = 0
        """The count of Seg's successes at its last failure, or when it was sent first."""

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
        if self._guilty_before is None or self._start >= self._guilty_before:
            self._guilty_before = None
            self._aim(len(self._tasks))
        else:
            self._halve(self._guilty_before)
        return calls

    def rejected(self) -> Task | None:
        """Note that Seg rejects the request; return the guilty call where it stood alone.

        Else the next request is the first half, and the result is None.
        """
        if self._end - self._start > 1:
            self._guilty_before = self._end
            self._halve(self._end)
            return None
        guilty = self._tasks[self._start]
        self._guilty_before = None
        self._start = self._end
        self._aim(len(self._tasks))
        return guilty

    def drop_closed(self) -> list[Task]:
        """Take out the calls whose partition went to another member: they are that one's now."""
        rest = self._tasks[self._start :]
        dropped = [task for task in rest if task.record.tenure.closed]
        if dropped:
            self._tasks = [task for task in rest if not task.record.tenure.closed]
            self._start = 0
            self._guilty_before = None
            self._aim(len(self._tasks))
        return dropped

    def _halve(self, guilty_before: int) -> None:
        self._aim(self._start + max(1, (guilty_before - self._start) // 2))

    def _aim(self, end: int) -> None:
        """Let the next request be of the calls up to *end*."""
        self._end = end
        self.calls = self._tasks[self._start : end]

    def idempotency_key(self) -> str:
        """Return the key by which a receiver knows this request again, on every attempt.

        For one call its messageId, for an array a digest of theirs.
        """
        calls = self.calls
        if len(calls) == 1:
            return call_key(calls[0])
        digest = hashlib.sha256("\n".join(map(call_key, calls)).encode())
        return digest.hexdigest()[:32]

    def body(self) -> bytes:
        """Return the JSON that is sent: the calls as an array."""
        return b"[" + b",".join([task.call.body for task in self.calls]) + b"]"


_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,128}").fullmatch


def call_key(task: Task) -> str:
    """Return the idempotency key of one call: its messageId, or the record's place without one.

    A messageId that is long or has characters beyond letters, digits and `-_.:` is digested: it
    goes into a header, where neither a line break nor somebody's e-mail address may stand.
    """
    message_id = task.call.message_id
    if not message_id:
        partition, offset = task.record.partition, task.record.offset
        message_id = f"{partition.topic}:{partition.number}:{offset}"
    if _PLAIN(message_id):
        return message_id
    return hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
