"""What an answer means for the request that it answers: is it Seg, our setting, or this call?

    taken or judged    Seg is well; the calls are delivered, ignored or dead
    everything else    again; and dead once it can only be the call:
                         - it was failed for longer than the budget
                         - it failed alone `max_attempts` times, in a row that is no bad luck in
                           Seg's present weather (`weather`)
                         - nobody else could be asked, and between its failures Seg took the calls
                           behind it

An array is never judged: it is halved until one call stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.seg.answers import TOO_MANY_REQUESTS, AnswerClass
from consumer.seg.batch import Row
from consumer.seg.breaker import OpenReason
from consumer.seg.ports import Again, Dead, Ignored
from consumer.seg.weather import BOUND

if TYPE_CHECKING:
    from random import Random

    from consumer.core.lanes import Task
    from consumer.seg.answers import Answer
    from consumer.seg.batch import Batch
    from consumer.seg.breaker import Breaker
    from consumer.seg.outbox import Outbox
    from consumer.seg.retry import RetryPolicy
    from consumer.seg.weather import Weather

HALVE_AFTER = 3
HALVE_BOUND = 0.02
"""An array is halved after so many failures that are so improbable: nobody loses by it."""
PROOF = 0.25
"""How probable it is at most that one call fails and the next is taken, in whatever weather."""
PATIENCE = 1e-4
"""A row that is more probable than this in the present weather makes no retry wait for longer."""

JUDGED = {AnswerClass.UNSUPPORTED, AnswerClass.REJECTED}
"""Answers that speak of the calls; with `delivered`, those of a Seg that is well."""
REFUSALS = {
    AnswerClass.UNAUTHORISED: OpenReason.UNAUTHORISED,
    AnswerClass.MISROUTED: OpenReason.MISROUTED,
}


class Judge:
    """Tells who is at fault; what it finds about Seg it tells the breaker."""

    def __init__(
        self,
        weather: Weather,
        breaker: Breaker,
        outbox: Outbox,
        policy: RetryPolicy,
        random: Random,
    ) -> None:
        self.weather = weather
        self._breaker = breaker
        self._outbox = outbox
        self._policy = policy
        self._random = random

    def recover(self, now_s: float) -> None:
        """Let an outage be over: forget its weather, and hurry who waited for its end."""
        self.weather.restart(now_s)
        self._outbox.hurry(now_s, self._policy.base_s, self._random)

    def judged(self, batch: Batch, kind: AnswerClass, answer: Answer) -> Ignored | Dead | Again:
        """Return what an answer means that judges the calls: unsupported, or rejected."""
        batch.judged()
        guilty = batch.rejected()
        if guilty is None:
            return Again(None)
        if kind is AnswerClass.UNSUPPORTED:
            return Ignored(guilty, IgnoredReason.UNSUPPORTED_BY_SEG)
        return _dead(guilty, DeadLetterReason.REJECTED_BY_SEG, answer, batch.attempts)

    def proved(self, batch: Batch, now_s: float, *, taken: bool) -> Dead | Again:
        """Return what it means for the call that fails: Seg has *taken* or judged one behind it."""
        row = batch.row
        assert row is not None and row.answer is not None  # noqa: S101, PT018 - else nothing was to prove
        task = batch.unprove()
        if taken:
            batch.take_ahead(task)
        row.proved = True
        batch.failures = 0
        row.lone += 1
        row.chance *= PROOF
        if self._is_alone_at_fault(row):
            reason, answer = _reason(row), row.answer
            return _dead(batch.set_aside(), reason, answer, batch.attempts)
        return self._again(batch, row.answer, now_s)

    def failed(
        self, batch: Batch, kind: AnswerClass, answer: Answer, now_s: float, in_flight: int
    ) -> Dead | Again:
        """Return what an answer means that takes and judges nothing."""
        row = batch.row = batch.row or Row()
        refusal = REFUSALS.get(kind)
        self._tell(row, refusal, answer, now_s, in_flight)
        batch.failures += 1
        if refusal is not None:
            batch.failing_since_s = None  # the time is ours, not the call's
        elif batch.failing_since_s is None:
            batch.failing_since_s = now_s
        if batch.proving:
            batch.unprove()
            return self._again(batch, answer, now_s)
        self._count(row, answer, refused=refusal is not None)
        if self._is_at_fault(batch, row, now_s):
            reason = _reason(row)
            return _dead(batch.set_aside(), reason, answer, batch.attempts)
        closer = self._closer(batch, row, answer, now_s, in_flight)
        return closer or self._again(batch, answer, now_s)

    def _tell(
        self,
        row: Row,
        refusal: OpenReason | None,
        answer: Answer,
        now_s: float,
        in_flight: int,
    ) -> None:
        """Tell the breaker of a failure, unless it can only be about the call."""
        weather, breaker = self.weather, self._breaker
        if refusal is None:
            breaker.failed(now_s, answer.retry_after_s, answer.detail, in_flight=in_flight)
        elif row.mark is None or weather.taken == row.mark.taken:
            breaker.refused(refusal, now_s, answer.detail, doubtful=weather.takes)

    def _count(self, row: Row, answer: Answer, *, refused: bool) -> None:
        if row.mark is not None:
            chance = self.weather.chance_since(row.mark, answer)
            if chance < 1.0:
                row.lone += 1
                row.chance *= chance
        row.mark = self.weather.mark()
        row.failures += 1
        row.unproved += answer.status != TOO_MANY_REQUESTS
        row.answer = answer
        row.refused = refused

    def _is_at_fault(self, batch: Batch, row: Row, now_s: float) -> bool:
        if len(batch.calls) > 1:
            return False
        if self._is_overdue(batch, now_s):
            return True
        return self._is_alone_at_fault(row)

    def _is_alone_at_fault(self, row: Row) -> bool:
        # The first failure of the row had nothing before it to be compared with.
        return row.lone + 1 >= self._policy.max_attempts and row.chance < BOUND

    def _is_overdue(self, batch: Batch, now_s: float) -> bool:
        since_s = batch.failing_since_s
        return since_s is not None and now_s - since_s >= self._policy.budget_s

    def _closer(
        self, batch: Batch, row: Row, answer: Answer, now_s: float, in_flight: int
    ) -> Again | None:
        """Halve an array, or put a call to the proof that nobody else can be compared with."""
        alone = not in_flight and not self._outbox.has_others
        if len(batch.calls) > 1:
            improbable = row.chance < HALVE_BOUND or alone
            if (row.failures >= HALVE_AFTER and improbable) or self._is_overdue(batch, now_s):
                batch.rejected()
            return None
        if answer.status == TOO_MANY_REQUESTS or (self.weather.takes and not alone):
            return None  # a throttle; or there are others to compare it with
        enough = row.unproved >= max(self._policy.max_attempts, self.weather.row(BOUND))
        if not enough and not row.proved:
            return None
        task = self._outbox.company(batch, again=enough)
        if task is None:
            return None
        row.asked.add(task)
        row.unproved = 0
        batch.prove(task)
        self._breaker.prove(now_s)
        return Again(None)

    def _again(self, batch: Batch, answer: Answer, now_s: float) -> Again:
        """Let it wait: for longer with each failure that the weather does not explain."""
        failures = max(1, batch.failures + 1 - self.weather.row(PATIENCE))
        return Again(now_s + self._policy.wait_s(failures, answer.retry_after_s, self._random))


def _reason(row: Row) -> DeadLetterReason:
    if row.refused:
        return DeadLetterReason.REJECTED_BY_SEG
    return DeadLetterReason.RETRIES_EXHAUSTED


def _dead(guilty: Task, reason: DeadLetterReason, answer: Answer, attempts: int) -> Dead:
    return Dead(guilty, reason, answer.detail, answer.status, attempts)
