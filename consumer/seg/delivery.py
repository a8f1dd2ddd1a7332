"""Delivery as the pipeline sees it: calls wait in their lanes, settled calls come out.

    lanes -> batch -> request -> answer -> settled
                ^                  |
                +--- try again ----+

One `step` starts what may start (breaker, concurrency, rate), waits for answers, and judges them.
A call leaves delivered, ignored (Seg does not support its type) or dead (rejected, or failed for
too long); until then it is tried again. Nothing is ever dropped here, but calls of a partition
that another member owns now.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.seg.answers import (
    NOT_SENT,
    STOOD_STILL,
    THROTTLED,
    TOO_MANY_REQUESTS,
    Answer,
    AnswerClass,
    classify,
)
from consumer.seg.batch import Batch, call_key
from consumer.seg.breaker import BreakerState, OpenReason
from consumer.seg.ports import Settled

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from consumer.core.lanes import Lanes, Task
    from consumer.core.model import Tenure
    from consumer.core.timing import Clock
    from consumer.seg.breaker import Breaker
    from consumer.seg.limiter import Concurrency
    from consumer.seg.outbox import Outbox
    from consumer.seg.ports import Answered, Observer, Sender
    from consumer.seg.rate import Rate
    from consumer.seg.retry import RetryPolicy

HALVE_AFTER = 3
"""Failures of a batch alone after which it is halved, to find the one call that Seg trips over."""

_JUDGED = {AnswerClass.DELIVERED, AnswerClass.UNSUPPORTED, AnswerClass.REJECTED}
_REFUSALS = {
    AnswerClass.UNAUTHORISED: OpenReason.UNAUTHORISED,
    AnswerClass.MISROUTED: OpenReason.MISROUTED,
}
_ENDS: dict[AnswerClass, tuple[DeadLetterReason | None, IgnoredReason | None]] = {
    AnswerClass.DELIVERED: (None, None),
    AnswerClass.UNSUPPORTED: (None, IgnoredReason.UNSUPPORTED_BY_SEG),
    AnswerClass.REJECTED: (DeadLetterReason.REJECTED_BY_SEG, None),
    AnswerClass.TRANSIENT: (DeadLetterReason.RETRIES_EXHAUSTED, None),
}
"""How a call ends that is judged alone: dead, ignored, or delivered."""


class Delivery:
    """The calls between their lanes and their end."""

    def __init__(  # noqa: PLR0913 - the parts of delivery, each made and tested by itself
        self,
        *,
        lanes: Lanes,
        outbox: Outbox,
        sender: Sender,
        breaker: Breaker,
        concurrency: Concurrency,
        rate: Rate,
        policy: RetryPolicy,
        arrays: bool,
        observer: Observer,
        clock: Clock,
        random: Random,
    ) -> None:
        self.breaker = breaker
        self.concurrency = concurrency
        self.rate = rate
        self._lanes = lanes
        self._outbox = outbox
        self._sender = sender
        self._policy = policy
        self._arrays = arrays  # batch mode: a JSON array, also of one call
        self._observer = observer
        self._clock = clock
        self._random = random
        self._successes = 0
        self._on_wire: set[Batch] = set()
        self._answered: list[Answered] = []
        self._settled: list[Settled] = []
        self._delivered: list[Task] | None = None  # those of the last of them, while it may grow

    @property
    def requests_in_flight(self) -> int:
        """How many requests are under way."""
        return self._sender.in_flight

    @property
    def enough_calls(self) -> int:
        """How many calls that could go now keep it busy: twice what may be under way."""
        return 2 * self.concurrency.limit * self._outbox.calls_a_request

    @property
    def retrying(self) -> int:
        """How many batches wait for another attempt."""
        return self._outbox.retrying

    def step(self, timeout_s: float, send_until_s: float = inf) -> list[Settled]:
        """Start what may start, wait up to *timeout_s* for answers, return what they decide.

        Nothing goes out after *send_until_s*, by `Clock.boottime_s`; what is started and does not
        go out in time waits for a later step.
        """
        self._sender.send_until_s = send_until_s
        if self._clock.boottime_s() < send_until_s:
            timeout_s = self._start_all(self._clock.monotonic_s(), timeout_s)
        answers = self._sender.poll(timeout_s)
        if not answers:
            return []
        now_s = self._clock.monotonic_s()
        for token, answer in answers:
            if not isinstance(token, Batch):
                continue
            if answer is NOT_SENT or answer is STOOD_STILL:
                self._take_back(token, answer)
            else:
                self._judge(token, answer, now_s)
        answered, self._answered = self._answered, []
        self._observer.answered(answered)
        settled, self._settled, self._delivered = self._settled, [], None
        return settled

    def on_wire(self, tenures: Collection[Tenure]) -> bool:
        """Tell whether a request under way holds a call of one of *tenures*."""
        return any(task.record.tenure in tenures for batch in self._on_wire for task in batch.calls)

    def _start_all(self, now_s: float, timeout_s: float) -> float:
        """Start requests up to the limits; return how long to wait for answers at most."""
        breaker = self.breaker
        in_flight = self._sender.in_flight
        while in_flight < self.concurrency.limit:
            wait_s = self.rate.wait_s(now_s)
            if wait_s > 0.0:
                return min(timeout_s, wait_s)
            if breaker.state is not BreakerState.CLOSED:
                probes = breaker.allows(now_s, in_flight=in_flight)
                batch, wait_s = self._outbox.probe(now_s) if probes else None, timeout_s
            else:
                batch, wait_s = self._outbox.next_batch(now_s, timeout_s)
            if batch is None:
                return wait_s
            self._send(batch)
            in_flight += 1
        return timeout_s

    def _send(self, batch: Batch) -> None:
        if not batch.attempts:
            batch.successes_seen = self._successes
        batch.attempts += 1
        self._on_wire.add(batch)
        self.concurrency.started()
        self.rate.started()
        if self._arrays:
            self._sender.send(batch, batch.body(), batch.idempotency_key())
        else:
            call = batch.calls[0]
            self._sender.send(batch, call.call.body, call_key(call))

    def _take_back(self, batch: Batch, answer: Answer) -> None:
        """Send *batch* again, of which nobody can say a thing about Seg."""
        self._on_wire.discard(batch)
        self.concurrency.answered(None, failed=False)
        if answer is NOT_SENT:
            batch.attempts -= 1
        else:
            self._answered.append((AnswerClass.TRANSIENT, len(batch.calls), answer.seconds))
            self._observer.retried(len(batch.calls))
        self._outbox.go_on(batch)

    def _judge(self, batch: Batch, answer: Answer, now_s: float) -> None:
        self._on_wire.discard(batch)
        kind = classify(answer.status)
        self._teach(kind, answer, now_s)
        self._answered.append((kind, len(batch.calls), answer.seconds))
        if kind is AnswerClass.TRANSIENT:
            self._failed(batch, answer, now_s)
        elif kind in _REFUSALS:
            batch.failing_since_s = None  # the time is ours, not the call's
            self.breaker.refused(_REFUSALS[kind], now_s, answer.detail)
            self._outbox.retry(batch, now_s)
        else:
            self._succeeded(now_s)
            batch.failures = 0
            batch.failing_since_s = None
            self._settle(batch, kind, answer, now_s)

    def _teach(self, kind: AnswerClass, answer: Answer, now_s: float) -> None:
        """Tell the limits what the answer says about them."""
        throttled = answer.status in THROTTLED
        judged = kind in _JUDGED
        self.concurrency.answered(
            answer.seconds if judged else None, failed=throttled or answer.status is None
        )
        if (judged or throttled) and self.breaker.state is BreakerState.CLOSED:
            self.rate.answered(now_s, answer.seconds, refused=throttled)

    def _settle(self, batch: Batch, kind: AnswerClass, answer: Answer, now_s: float) -> None:
        """Take the calls out that this answer decides; go on with the rest of the batch."""
        if kind is AnswerClass.DELIVERED:
            done = batch.settled()
        else:
            guilty = batch.rejected()
            done = [] if guilty is None else [guilty]
        if done:
            self._tell(done, kind, answer, batch.attempts)
            for task in done:
                self._lanes.settle(task, now_s)
        if not batch.done:
            self._outbox.go_on(batch)

    def _tell(self, done: list[Task], kind: AnswerClass, answer: Answer, attempts: int) -> None:
        if kind is not AnswerClass.DELIVERED:
            self._delivered = None
        elif self._delivered is not None:
            self._delivered += done
            return
        else:
            done = self._delivered = [*done]  # it will grow, and the batch's own must not
        dead, ignored = _ENDS[kind]
        self._settled.append(Settled(done, dead, ignored, answer.detail, answer.status, attempts))

    def _failed(self, batch: Batch, answer: Answer, now_s: float) -> None:
        """Try again later, unless the call has failed alone too often or for too long."""
        in_flight = self._sender.in_flight
        self.breaker.failed(now_s, answer.retry_after_s, answer.detail, in_flight=in_flight)
        batch.failures += 1
        # 429 speaks of all requests together, never of this one.
        if self._successes > batch.successes_seen and answer.status != TOO_MANY_REQUESTS:
            batch.failed_alone += 1
        batch.successes_seen = self._successes
        if batch.failing_since_s is None:
            batch.failing_since_s = now_s
        overdue = now_s - batch.failing_since_s >= self._policy.budget_s
        several = len(batch.calls) > 1
        if several and (overdue or batch.failed_alone >= HALVE_AFTER):
            batch.rejected()
        elif not several and (overdue or batch.failed_alone >= self._policy.max_attempts):
            # What stood behind it has failed for as long, though not alone.
            batch.failures = batch.failed_alone = 0
            self._settle(batch, AnswerClass.TRANSIENT, answer, now_s)
            return
        self._observer.retried(len(batch.calls))
        self._outbox.retry(
            batch, now_s + self._policy.wait_s(batch.failures, answer.retry_after_s, self._random)
        )

    def _succeeded(self, now_s: float) -> None:
        """Note that Seg took or judged a call; after an outage, hurry those who waited for it."""
        self._successes += 1
        if self.breaker.succeeded():
            self.concurrency.restart()
            self.rate.restart()
            self._outbox.hurry(now_s, self._policy.base_s, self._random)
