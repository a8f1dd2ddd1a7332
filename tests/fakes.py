"""Stand-ins for the outside world, and makers of the values that flow through the pipeline.

Each fake does what the real thing does in the points that our promises hang on, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.core.checkpoint import decode, encode
from consumer.core.lanes import Task
from consumer.core.model import Partition, Record, SegCall, Tenure, bytes_of
from consumer.core.ports import Extent
from consumer.seg.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import DeadLetter, Pause
    from consumer.core.ports import Listener

NOON_S: Final = 1_795_348_800.0
"""2026-11-22T12:00:00Z, when every `FakeClock` starts."""

P0: Final = Partition("events", 0)
P1: Final = Partition("events", 1)


def a_record(
    offset: int = 0,
    *,
    partition: Partition = P0,
    tenure: Tenure | None = None,
    key: bytes | None = b"k",
    value: bytes | None = b"{}",
    timestamp_ms: int | None = int(NOON_S) * 1000,
) -> Record:
    """Return a record as Kafka gives it; without a *tenure* it has one of its own."""
    return Record(tenure or Tenure(partition), offset, timestamp_ms, key, value, None)


def a_call(
    body: bytes = b'{"type":"track"}',
    *,
    event: str | None = "ProductView",
    message_id: str | None = None,
    user: str | None = "u-1",
    occurred_at_ms: int | None = None,
) -> SegCall:
    """Return a track call that is ready to send."""
    return SegCall("track", event, message_id, user, occurred_at_ms, anonymous=False, body=body)


def a_task(tenure: Tenure, offset: int = 0, body: bytes = b"{}") -> Task:
    """Return a call on its way to Seg, made of the record at *offset* of *tenure*."""
    return Task(a_record(offset, tenure=tenure), a_call(body))


class FakeClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.suspended_s = 0.0
        """How long the machine was suspended until now."""

    def monotonic_s(self) -> float:
        """Return the seconds that were told."""
        return self.now_s

    def boottime_s(self) -> float:
        """Return them, and those in which the machine was suspended."""
        return self.now_s + self.suspended_s

    def wall_s(self) -> float:
        """Return noon and the seconds that were told."""
        return NOON_S + self.now_s

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self.now_s += seconds


class FakeSource:
    """A group's member, its log and its broker, in memory.

    As in Kafka, reading starts at the committed offset, else at the beginning; unlike Kafka, a
    commit for a partition that is not owned fails the test.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._next: dict[Partition, int] = {}
        self.listener: Listener | None = None
        self.log: dict[Partition, list[Record]] = {}
        """What producers have written."""
        self.tenures: dict[Partition, Tenure] = {}
        """Those of the partitions that are owned."""
        self.stored: dict[Partition, tuple[int, str]] = {}
        """The group's committed offset and its metadata, as the broker keeps them."""
        self._under_way: Mapping[Tenure, Checkpoint] = {}
        self.commits = 0
        """How many commits were sent."""
        self.refusal: str | None = None
        """The code that commits are refused with; None where they are taken."""
        self.silent = False
        """True while the broker answers no commit."""
        self.polls = 0

    @property
    def owned(self) -> set[Partition]:
        """The partitions that are this member's."""
        return set(self.tenures)

    @property
    def paused(self) -> set[Partition]:
        """Those of them that are not read."""
        return {partition for partition, tenure in self.tenures.items() if tenure.pauses}

    @property
    def under_way(self) -> dict[Partition, Checkpoint]:
        """The commit that waits for its answer; empty where none does."""
        return {tenure.partition: checkpoint for tenure, checkpoint in self._under_way.items()}

    def append(self, *records: Record) -> None:
        """Write *records* to the log, in order."""
        for record in records:
            self.log.setdefault(record.partition, []).append(record)

    def assign(self, *partitions: Partition) -> None:
        """Give *partitions* to this member, as a rebalance inside `poll` does."""
        tenures = {
            partition: Tenure(partition, self._stored(partition)) for partition in partitions
        }
        self.tenures |= tenures
        for partition, tenure in tenures.items():
            self._next[partition] = tenure.ledger.next_offset or 0
        self._tell().assigned(list(tenures.values()))

    def revoke(self, *partitions: Partition) -> None:
        """Take *partitions* away; commits are still taken until the listener returns."""
        self._tell().revoked([self.tenures[it] for it in partitions if it in self.tenures])
        for partition in partitions:
            self.tenures.pop(partition, None)

    def lose(self, *partitions: Partition) -> None:
        """Take *partitions* away without a chance to commit."""
        gone = (self.tenures.pop(partition, None) for partition in partitions)
        self._tell().lost([tenure for tenure in gone if tenure is not None])

    def answer(self) -> None:
        """Answer the commit under way, if there is one."""
        checkpoints, self._under_way = self._under_way, {}
        if checkpoints:
            self._answer(checkpoints)

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return what is next in the log; where there is nothing, the time passes."""
        self.polls += 1
        if not self.silent:
            self.answer()
        records: list[Record] = []
        for partition in sorted(self.owned - self.paused):
            for record in self.log.get(partition, ()):
                if record.offset >= self._next[partition] and len(records) < max_records:
                    records.append(record._replace(tenure=self.tenures[partition]))
                    self._next[partition] = record.offset + 1
        if not records:
            self._clock.advance(timeout_s)
        return records

    def commit(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Send a commit; `answer`, or the next `poll`, tells the listener."""
        self._send(checkpoints)
        self._under_way = checkpoints

    def commit_now(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Commit, and tell the listener at once."""
        self._send(checkpoints)
        self._under_way = {}
        self._answer(checkpoints)

    def pause(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read no more of *tenures*, for one more reason."""
        for tenure in tenures:
            tenure.pauses.add(reason)

    def resume(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read *tenures* again, but for those that another reason pauses."""
        for tenure in tenures:
            tenure.pauses.discard(reason)

    def extents(self) -> dict[Partition, Extent]:
        """Return where reading is, and the end of each owned partition that has a record."""
        ends = {p: self.log[p][-1].offset + 1 for p in self.owned if self.log.get(p)}
        return {p: Extent(self._next[p], ends.get(p)) for p in self.owned}

    def _stored(self, partition: Partition) -> Checkpoint | None:
        stored = self.stored.get(partition)
        return None if stored is None else decode(*stored)

    def _send(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        assert checkpoints.keys() <= set(self.tenures.values()), (
            "a commit for somebody else's partition"
        )
        self.commits += 1

    def _answer(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        if self.refusal is None:
            for tenure, checkpoint in checkpoints.items():
                self.stored[tenure.partition] = checkpoint.position, encode(checkpoint)
        self._tell().commit_answered(checkpoints, self.refusal)

    def _tell(self) -> Listener:
        assert self.listener is not None, "set source.listener before anything happens"
        return self.listener


class FakeDeadLetters:
    """A dead-letter topic that acknowledges at once, or not at all while it is `away`."""

    def __init__(self) -> None:
        self._waiting: list[DeadLetter] = []
        self.away = False
        self.problem: str | None = None
        """What it says of a letter that was refused."""
        self.topic: list[DeadLetter] = []
        """What is stored."""

    @property
    def pending(self) -> int:
        """How many letters are not stored yet."""
        return len(self._waiting)

    @property
    def pending_bytes(self) -> int:
        """The records of those letters, bytes."""
        return sum(bytes_of(letter.record) for letter in self._waiting)

    def put(self, letter: DeadLetter) -> None:
        """Take *letter*; it is stored when the topic is there."""
        self._waiting.append(letter)

    def stored(self) -> list[DeadLetter]:
        """Return what was stored since the last call."""
        if self.away:
            return []
        stored, self._waiting = self._waiting, []
        self.topic += stored
        return stored


class Request(NamedTuple):
    """One POST that was started."""

    token: object
    body: bytes
    idempotency_key: str


def an_answer(
    status: int | None = 200, detail: str = "", retry_after_s: float | None = None
) -> Answer:
    """Return an answer of Seg that took ten milliseconds."""
    return Answer(status, detail, retry_after_s, seconds=0.01)


def take_all(_body: bytes) -> Answer | None:
    """Be a Seg that takes every call."""
    return an_answer()


class FakeSender:
    """An HTTP client whose Seg is a function from a body to its answer, or to None: not yet."""

    def __init__(self, clock: FakeClock, seg: Callable[[bytes], Answer | None] = take_all) -> None:
        self._clock = clock
        self._under_way: list[Request] = []
        self.send_until_s = 0.0
        self.seg = seg
        self.requests: list[Request] = []
        """All that were ever started."""

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._under_way)

    def send(
        self,
        token: object,
        body: bytes,
        idempotency_key: str,
        *,
        fresh: bool = False,  # noqa: ARG002 - there are no connections
    ) -> None:
        """Start a POST."""
        request = Request(token, body, idempotency_key)
        self.requests.append(request)
        self._under_way.append(request)

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Return the answers that are there; where there is none, the time passes."""
        asked, self._under_way = self._under_way, []
        answers: list[tuple[object, Answer]] = []
        for request in asked:
            answer = self.seg(request.body)
            if answer is None:
                self._under_way.append(request)
            else:
                answers.append((request.token, answer))
        if not answers:
            self._clock.advance(timeout_s)
        return answers
