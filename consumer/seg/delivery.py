"""Delivery as the pipeline sees it: calls wait in their lanes, settled calls come out.

    lanes -> dispatch -> request -> answer -> judge -> settled
                ^                               |
                +----------- again -------------+

One `step` starts what may start (`dispatch`), waits for answers, and does what each means
(`judge`). A call leaves delivered, ignored (Seg does not support its type) or dead (it is at fault
itself); until then it is tried again. Only calls of a partition that another member now owns are
dropped.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from consumer.seg.answers import (
    NOT_SENT,
    OK,
    STOOD_STILL,
    AnswerClass,
    cause_of,
    class_of,
    look_at,
)
from consumer.seg.batch import Batch
from consumer.seg.breaker import BreakerState
from consumer.seg.judge import JUDGED, REFUSALS
from consumer.seg.ports import Again, Delivered, Failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.lanes import Lanes, Task
    from consumer.core.model import Tenure
    from consumer.core.timing import Clock
    from consumer.seg.answers import Answer
    from consumer.seg.dispatch import Dispatch
    from consumer.seg.judge import Judge
    from consumer.seg.ports import Answered, Dead, Ignored, Observer, Settled


_DELIVERED = (AnswerClass.DELIVERED, "2xx")


class Delivery:
    """The calls between their lanes and their end."""

    def __init__(
        self, lanes: Lanes, dispatch: Dispatch, judge: Judge, observer: Observer, clock: Clock
    ) -> None:
        self.breaker = dispatch.breaker
        self.concurrency = dispatch.concurrency
        self.rate = dispatch.rate
        self._lanes = lanes
        self._dispatch = dispatch
        self._judge = judge
        self._weather = judge.weather
        self._observer = observer
        self._clock = clock
        self._answered: list[Answered] = []
        self._settled: list[Settled] = []
        self._delivered: Delivered | None = None  # the last of them, while it may grow
        self.failures = 0
        """How many requests were neither taken nor judged."""
        self.last_failure: Failure | None = None

    @property
    def requests_in_flight(self) -> int:
        """How many requests are under way."""
        return self._dispatch.sender.in_flight

    @property
    def full_calls(self) -> int:
        """How many calls there are in as many full requests as may be under way now."""
        return self.concurrency.limit * self._dispatch.outbox.calls_a_request

    @property
    def retrying(self) -> int:
        """How many batches wait for another attempt."""
        return self._dispatch.outbox.retrying

    def step(self, timeout_s: float, send_until_s: float = inf) -> list[Settled]:
        """Start what may start, wait up to *timeout_s* for answers, return what they decide.

        Nothing goes out after *send_until_s*, by `Clock.boottime_s`; what is started and does not
        go out in time waits for a later step.
        """
        dispatch = self._dispatch
        dispatch.sender.send_until_s = send_until_s
        if self._clock.boottime_s() < send_until_s:
            timeout_s = dispatch.start_all(self._clock.monotonic_s(), timeout_s)
        answers = dispatch.sender.poll(timeout_s)
        if not answers:
            return []
        now_s = self._clock.monotonic_s()
        self._weather.turn(now_s)
        for token, answer in answers:
            if not isinstance(token, Batch):
                continue
            if answer is NOT_SENT or answer is STOOD_STILL:
                self._take_back(token, answer)
            else:
                self._decide(token, answer, now_s)
        answered, self._answered = self._answered, []
        self._observer.answered(answered)
        settled, self._settled, self._delivered = self._settled, [], None
        return settled

    def on_wire(self, tenures: Collection[Tenure]) -> bool:
        """Tell whether a request under way holds a call of one of *tenures*."""
        return self._dispatch.on_wire(tenures)

    def _take_back(self, batch: Batch, answer: Answer) -> None:
        """Send *batch* again, of which nobody can say a thing about Seg."""
        self._dispatch.taken_back(batch)
        if answer is NOT_SENT:
            batch.attempts -= 1
        else:
            labels = (AnswerClass.TRANSIENT, cause_of(answer))
            self._answered.append((labels, len(batch.calls), answer.seconds))
            self._observer.retried(len(batch.calls))
        self._dispatch.outbox.go_on(batch)

    def _decide(self, batch: Batch, answer: Answer, now_s: float) -> None:
        """Do what *answer* means for the calls of *batch*."""
        plain = answer.status == OK and answer.cause is None
        kind = AnswerClass.DELIVERED if plain else class_of(answer)
        self._dispatch.answered(batch, kind, answer, now_s)
        if answer.resent:
            batch.attempts += answer.resent
            self._observer.resent(answer.resent)
        if kind is AnswerClass.DELIVERED:
            self._answered.append((_DELIVERED, len(batch.calls), answer.seconds))
            self._well(batch, now_s)
            if batch.proving:
                self._do(batch, self._judge.proved(batch, now_s, taken=True))
                return
            self._took(batch.settled())
            self._go_on(batch)
            return
        self._answered.append(((kind, cause_of(answer)), len(batch.calls), answer.seconds))
        if kind in JUDGED:
            self._well(batch, now_s)
            if batch.proving:
                self._do(batch, self._judge.proved(batch, now_s, taken=False))
                return
            self._do(batch, self._judge.judged(batch, kind, answer))
            return
        if batch.attempts == 1 and kind in REFUSALS:
            self._weather.refused += 1
        elif batch.attempts == 1:
            self._weather.troubled += 1
        unanswered = self._dispatch.unanswered
        verdict = self._judge.failed(batch, kind, answer, now_s, unanswered)
        self._do(batch, verdict)
        self._note(answer, verdict, now_s)

    def _well(self, batch: Batch, now_s: float) -> None:
        """Note that Seg took or judged the calls of *batch*."""
        if batch.attempts == 1:
            self._weather.taken += 1
        if self.breaker.succeeded():
            self._judge.recover(now_s)
            self._dispatch.restart(now_s)

    def _do(self, batch: Batch, verdict: Ignored | Dead | Again) -> None:
        """Do what the judge says."""
        if not isinstance(verdict, Again):
            self._leave(verdict)
            self._took(batch.went_ahead())
            self._go_on(batch)
        elif verdict.due_s is None:
            self._dispatch.outbox.go_on(batch)
        else:
            self._observer.retried(len(batch.calls))
            self._dispatch.outbox.retry(batch, verdict.due_s)

    def _go_on(self, batch: Batch) -> None:
        if not batch.done:
            self._dispatch.outbox.go_on(batch)

    def _note(self, answer: Answer, verdict: Dead | Again, now_s: float) -> None:
        """Keep what failed for the log and the probes."""
        next_try_s = verdict.due_s if isinstance(verdict, Again) else None
        if self.breaker.state is not BreakerState.CLOSED:
            next_try_s = self.breaker.probe_at_s
        self.failures += 1
        self.last_failure = Failure(
            cause_of(answer), answer.detail, look_at(answer), now_s, next_try_s
        )

    def _took(self, tasks: list[Task]) -> None:
        """Let the calls leave that Seg took; all that come one after the other leave together."""
        if not tasks:
            return
        if self._delivered is None:
            # It will grow, and the batch's own list must not.
            self._delivered = Delivered([*tasks])
            self._settled.append(self._delivered)
        else:
            self._delivered.tasks.extend(tasks)
        settle = self._lanes.settle
        for task in tasks:
            settle(task)

    def _leave(self, verdict: Ignored | Dead) -> None:
        """Let a call leave that was not taken."""
        self._delivered = None
        self._settled.append(verdict)
        self._lanes.settle(verdict.task)
