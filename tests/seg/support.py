"""What the tests of delivery share: a clock, calls, and a Seg that is simulated event by event."""

from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING

from consumer.core.lanes import Lanes, Task
from consumer.core.model import Partition, Record, SegCall, Tenure
from consumer.seg.answers import Answer
from consumer.seg.breaker import Breaker, BreakerState
from consumer.seg.delivery import Delivery
from consumer.seg.dispatch import Dispatch, Limits
from consumer.seg.judge import Judge
from consumer.seg.limiter import Concurrency
from consumer.seg.outbox import Batching, Outbox
from consumer.seg.rate import Rate
from consumer.seg.retry import RetryPolicy
from consumer.seg.weather import Weather

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from consumer.seg.ports import Answered, Settled

POLICY = RetryPolicy(
    base_s=1.0, max_s=300.0, budget_s=14_400.0, max_attempts=10, retry_after_max_s=900.0
)
"""The defaults of the settings."""


def chance(seed: int = 1) -> random.Random:
    """Return dice that always fall the same way."""
    return random.Random(seed)  # noqa: S311 - nothing to guess


class FakeClock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic_s(self) -> float:
        """Return the time that the test has set."""
        return self.now_s

    def boottime_s(self) -> float:
        """Return the same: nothing is ever suspended."""
        return self.now_s

    def wall_s(self) -> float:
        """Return the same."""
        return self.now_s


class Counts:
    """An observer that only counts."""

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.retries = 0
        self.resends = 0

    def answered(self, answers: list[Answered]) -> None:
        """Count the answers."""
        for (kind, _), _, _ in answers:
            self.answers[kind] = self.answers.get(kind, 0) + 1

    def retried(self, calls: int) -> None:
        """Count *calls* retries."""
        self.retries += calls

    def resent(self, times: int) -> None:
        """Count what the client sent again."""
        self.resends += times


def a_tenure() -> Tenure:
    """Return a partition's time with this member."""
    return Tenure(Partition("events", 0))


def make_task(
    offset: int, *, message_id: str | None = None, tenure: Tenure | None = None, size: int = 20
) -> Task:
    """Return a call that nobody has put into a lane yet."""
    record = Record(tenure or a_tenure(), offset, None, b"k", b"v", None)
    name = message_id if message_id is not None else f"m-{offset}"
    call = SegCall(
        "page", None, name, None, None, anonymous=False, body=str(offset).encode().rjust(size)
    )
    return Task(record, call)


class Bench:
    """A delivery with its lanes, in front of any sender."""

    def __init__(  # noqa: PLR0913 - each is what some test turns
        self,
        sender: Scripted | Simulated,
        *,
        batching: Batching | None = None,
        policy: RetryPolicy = POLICY,
        floor: int = 1,
        ceiling: int = 1_024,
        fixed_rate: float | None = None,
        seed: int = 1,
    ) -> None:
        self.sender = sender
        self.clock = clock = sender.clock
        dice = chance(seed)
        self.lanes = Lanes()
        self.counts = Counts()
        self.outbox = Outbox(self.lanes, batching)
        self.weather = weather = Weather(clock.now_s)
        self.breaker = Breaker(policy, 30.0, weather, dice)
        self.concurrency = Concurrency(floor, ceiling, weather.unanswered)
        self.rate = Rate(fixed_rate, weather.throttled, clock.now_s)
        limits = Limits(self.concurrency, self.rate)
        arrays = batching is not None
        dispatch = Dispatch(self.outbox, sender, self.breaker, limits, arrays=arrays)
        judge = Judge(weather, self.breaker, self.outbox, policy, dice)
        self.delivery = Delivery(self.lanes, dispatch, judge, self.counts, clock)
        self.tenure = a_tenure()
        self.settled: list[Settled] = []
        self.stops = 0
        """How often the breaker opened."""
        self._offset = 0

    def put(self, key: Hashable = None, *, size: int = 20, tenure: Tenure | None = None) -> Task:
        """Put one more call into lane *key*, by default one of its own."""
        task = make_task(self._offset, tenure=tenure or self.tenure, size=size)
        self._offset += 1
        lane = self._offset if key is None else key
        self.lanes.put((task.record.tenure, lane), task, self.clock.now_s)
        return task

    def step(self, timeout_s: float = 1.0) -> list[Settled]:
        """Do one step of delivery."""
        closed = self.breaker.state is BreakerState.CLOSED
        settled = self.delivery.step(timeout_s)
        self.stops += closed and self.breaker.state is not BreakerState.CLOSED
        self.settled += settled
        return settled


class Scripted:
    """A sender that a test answers for; time passes only while it waits."""

    def __init__(
        self, clock: FakeClock, answer: Callable[[list[int], float], Answer | None]
    ) -> None:
        self.clock = clock
        self.send_until_s = 0.0
        self.answer = answer
        self.sent: list[tuple[list[int], str]] = []
        self.fresh: list[bool] = []
        """Which of them go over a new connection."""
        self._due: list[tuple[object, Answer]] = []

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._due)

    def send(
        self, token: object, body: bytes, idempotency_key: str, *, fresh: bool = False
    ) -> None:
        """Ask the test for the answer at once."""
        offsets = [int(part) for part in body.strip(b"[]").split(b",")]
        self.sent.append((offsets, idempotency_key))
        self.fresh.append(fresh)
        answer = self.answer(offsets, self.clock.now_s)
        if answer is not None:
            self._due.append((token, answer))

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Return what is answered, or let the time pass."""
        due, self._due = self._due, []
        self.clock.now_s += 0.01 if due else max(timeout_s, 1e-6)
        return due


class Simulated:
    """A Seg with a latency, a number of servers and a token bucket; its time is the clock's."""

    def __init__(
        self,
        clock: FakeClock,
        latency_s: Callable[[], float],
        *,
        servers: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.clock = clock
        self.send_until_s = 0.0
        self.latency_s = latency_s
        self.free_at_s = [] if servers is None else [0.0] * servers
        self.retry_after_s = retry_after_s
        self.refuses_in_s = 0.01
        self.allowed_s: float | None = None
        self.bucket = 1.0
        self.trouble: Callable[[], int | None] | None = None
        """What comes in place of an answer; 0 is none at all."""
        self.statuses: dict[int, int] = {}
        self._tokens = 0.0
        self._filled_at_s = clock.now_s
        self._under_way: list[tuple[float, int, object, Answer]] = []
        self._sequence = 0

    def throttle(self, allowed_s: float | None, bucket: float = 1.0) -> None:
        """Answer 429 above *allowed_s* requests a second; None lifts that."""
        self.allowed_s = allowed_s
        self.bucket = self._tokens = bucket
        self._filled_at_s = self.clock.now_s

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._under_way)

    def send(
        self,
        token: object,
        body: bytes,  # noqa: ARG002 - a simulation looks at no body
        idempotency_key: str,  # noqa: ARG002
        *,
        fresh: bool = False,  # noqa: ARG002
    ) -> None:
        """Take a request in; its answer is known, but not there yet."""
        now_s = self.clock.now_s
        status, took_s = self._answer(now_s)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        refused = status >= 400 or not status
        answer = Answer(status or None, "", self.retry_after_s if refused else None, took_s)
        self._sequence += 1
        heapq.heappush(self._under_way, (now_s + took_s, self._sequence, token, answer))

    def _answer(self, now_s: float) -> tuple[int, float]:
        if self.trouble is not None and (status := self.trouble()) is not None:
            return status, 0.01
        if self.allowed_s is not None:
            gained = (now_s - self._filled_at_s) * self.allowed_s
            self._tokens = min(self.bucket, self._tokens + gained)
            self._filled_at_s = now_s
            if self._tokens < 1.0 - 1e-9:
                return 429, self.refuses_in_s
            self._tokens -= 1.0
        if not self.free_at_s:
            return 200, self.latency_s()
        done_s = max(now_s, self.free_at_s[0]) + self.latency_s()
        heapq.heapreplace(self.free_at_s, done_s)
        return 200, done_s - now_s

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Let the time pass up to the next answer, at most *timeout_s*."""
        under_way = self._under_way
        until_s = self.clock.now_s + timeout_s
        if under_way and under_way[0][0] < until_s:
            until_s = under_way[0][0]
        self.clock.now_s = max(self.clock.now_s, until_s)
        answers = []
        while under_way and under_way[0][0] <= self.clock.now_s:
            _, _, token, answer = heapq.heappop(under_way)
            answers.append((token, answer))
        return answers
