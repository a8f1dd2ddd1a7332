"""What goes when: the outbox's next batch, as soon as breaker, concurrency and rate let it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.seg.answers import THROTTLED, AnswerClass
from consumer.seg.breaker import BreakerState
from consumer.seg.idempotency import call_key
from consumer.seg.limiter import Concurrency
from consumer.seg.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.model import Tenure
    from consumer.seg.answers import Answer
    from consumer.seg.batch import Batch
    from consumer.seg.breaker import Breaker
    from consumer.seg.outbox import Outbox
    from consumer.seg.ports import Sender

_JUDGED = {AnswerClass.DELIVERED, AnswerClass.UNSUPPORTED, AnswerClass.REJECTED}


class Limits(NamedTuple):
    """What bounds how much goes at once, and how much in a second."""

    concurrency: Concurrency
    rate: Rate


class Dispatch:
    """Starts requests."""

    def __init__(
        self, outbox: Outbox, sender: Sender, breaker: Breaker, limits: Limits, *, arrays: bool
    ) -> None:
        self.outbox = outbox
        self.sender = sender
        self.breaker = breaker
        self.concurrency, self.rate = limits
        self._arrays = arrays  # batch mode: a JSON array, also of one call
        self._on_wire: set[Batch] = set()

    @property
    def unanswered(self) -> int:
        """How many requests were started whose answer was not looked at yet."""
        return len(self._on_wire)

    def on_wire(self, tenures: Collection[Tenure]) -> bool:
        """Tell whether a request under way holds a call of one of *tenures*."""
        return any(task.record.tenure in tenures for batch in self._on_wire for task in batch.calls)

    def start_all(self, now_s: float, timeout_s: float) -> float:
        """Start requests up to the limits; return how long to wait for answers at most."""
        breaker = self.breaker
        in_flight = self.sender.in_flight
        limit, left = self.concurrency.limit, breaker.failures_left
        if left is not None:
            limit = min(limit, left)
        while in_flight < limit:
            wait_s = self.rate.wait_s(now_s)
            if wait_s > 0.0:
                return min(timeout_s, wait_s)
            if breaker.state is not BreakerState.CLOSED:
                probes = breaker.allows(now_s, in_flight=in_flight)
                batch, wait_s = self.outbox.probe(now_s) if probes else None, timeout_s
            else:
                batch, wait_s = self.outbox.next_batch(now_s, timeout_s)
            if batch is None:
                return wait_s
            self._send(batch)
            in_flight += 1
        return timeout_s

    def answered(self, batch: Batch, kind: AnswerClass, answer: Answer, now_s: float) -> None:
        """Note the end of a request, and what its answer says about the limits."""
        self._on_wire.discard(batch)
        throttled = answer.status in THROTTLED
        judged = kind in _JUDGED
        self.concurrency.answered(answer.seconds if judged else None, failed=answer.status is None)
        if (judged or throttled) and self.breaker.state is not BreakerState.OPEN:
            self.rate.answered(now_s, answer.seconds, refused=throttled)

    def taken_back(self, batch: Batch) -> None:
        """Note that a request ended without a word of Seg's, and through no fault of its."""
        self._on_wire.discard(batch)
        self.concurrency.answered(None, failed=False)

    def restart(self, now_s: float) -> None:
        """Let the limits begin anew after an outage."""
        self.concurrency.restart()
        self.rate.restart(now_s)

    def _send(self, batch: Batch) -> None:
        batch.attempts += 1
        self._on_wire.add(batch)
        self.concurrency.started()
        self.rate.started()
        if self._arrays:
            body, key = batch.body(), batch.idempotency_key()
        else:
            call = batch.calls[0]
            body, key = call.call.body, call_key(call)
        if batch.failures or self.breaker.state is not BreakerState.CLOSED:
            self.sender.send(batch, body, key, fresh=True)
        else:
            self.sender.send(batch, body, key)
