"""The `Idempotency-Key` of a request: the same on every attempt, and after a crash."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumer.core.lanes import Task

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,128}").fullmatch


def request_key(calls: list[Task]) -> str:
    """Return the key of a request of *calls*: for one its own, for an array a digest of theirs."""
    if len(calls) == 1:
        return call_key(calls[0])
    digest = hashlib.sha256("\n".join(map(call_key, calls)).encode())
    return digest.hexdigest()[:32]


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
