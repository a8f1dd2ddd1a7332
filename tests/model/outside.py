"""The outside of one member: its side of Kafka, of Seg and of the dead-letter topic."""

from __future__ import annotations

from collections import Counter, deque
from operator import itemgetter
from typing import TYPE_CHECKING

import orjson

from consumer.core.model import Tenure, bytes_of
from consumer.core.ports import Extent
from consumer.seg.answers import NOT_SENT, Answer
from consumer.seg.batch import Batch
from tests.model.script import DRAIN_S, LEASE_S, POLICY, TIMEOUT_S, Request
from tests.model.truth import Place, place_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import DeadLetter, Partition, Pause, Record
    from tests.model.member import Member
    from tests.model.script import AnswerKind, CommitKind
    from tests.model.truth import Epoch, Taste
    from tests.model.world import World


class ModelSource:
    """The member's side of Kafka."""

    def __init__(self, world: World, member: Member) -> None:
        self._world = world
        self._member = member
        self.tenures: dict[Partition, Tenure] = {}
        self.epochs: dict[Partition, Epoch] = {}
        self.fenced_s: float | None = None
        """Since when the group goes on without this member; None while it does not."""
        self.repeat = 0
        """How many records the client delivers once more."""
        self.refused_now = False
        """The last `commit_now` failed."""
        self._next: dict[Partition, int] = {}
        self._under_way: deque[dict[Tenure, Checkpoint]] = deque()
        self._happening: list[tuple[str, set[Partition]]] = []

    @property
    def owned(self) -> set[Partition]:
        """The partitions that the member has been told of."""
        return set(self.tenures)

    def happens(self, what: str, partitions: set[Partition]) -> None:
        """Let the next poll tell the listener of *what*."""
        self._happening.append((what, partitions))

    @property
    def has_news(self) -> bool:
        """True until the next poll, which tells the listener what has happened."""
        return bool(self._happening)

    def leave(self) -> None:
        """Give everything back, as a member does that stops."""
        self._revoked(set(self.owned))

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Tell the listener what happens, then return what is next."""
        self._answer_commits()
        self._look_at_logs()
        happening, self._happening = self._happening, []
        for what, partitions in happening:
            getattr(self, "_" + what)(partitions)
        records = self._fetch(max_records)
        if records:
            self._member.passes("polled")
        else:
            self._world.clock.advance(timeout_s)
        return records

    def commit(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Send a commit."""
        self._check_owned(checkpoints)
        self._under_way.append(dict(checkpoints))
        self._member.passes("commit_sent")

    def commit_now(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Commit and tell the answer."""
        self._check_owned(checkpoints)
        self.flush()
        error = self._apply(dict(checkpoints), self._kind())
        self._member.passes("commit_sent")
        self.refused_now = error is not None
        self._member.rebalance.commit_answered(checkpoints, error)

    def pause(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read no more of *tenures*, for one more reason."""
        self._check_owned(tenures)
        for tenure in tenures:
            tenure.pauses.add(reason)

    def resume(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read *tenures* again, but for those that another reason pauses."""
        self._check_owned(tenures)
        for tenure in tenures:
            tenure.pauses.discard(reason)

    def extents(self) -> Mapping[Partition, Extent]:
        """Return that the reader has passed over the gap before the next record, as it may."""
        extents = {}
        for partition in self.tenures:
            at, log = self._next[partition], self._world.truth.log[partition]
            extents[partition] = Extent(
                next((it.offset for it in log if it.offset >= at), at), None
            )
        return extents

    def flush(self) -> None:
        """Let the broker see every commit under way; the answers are not told any more."""
        while self._under_way:
            self._apply(self._under_way.popleft(), self._kind())

    def _check_owned(self, tenures: Collection[Tenure]) -> None:
        assert set(tenures) <= set(self.tenures.values()), "owner: a partition of somebody else's"

    def _kind(self) -> CommitKind:
        return self._world.commits.popleft() if self._world.commits else "taken"

    def _apply(self, checkpoints: dict[Tenure, Checkpoint], kind: CommitKind) -> str | None:
        """Return the error that is answered; what is applied is checked."""
        if self.fenced_s is not None:
            return "UNKNOWN_MEMBER_ID"
        if kind in {"taken", "unanswered", "slow"}:
            for tenure in checkpoints:
                owner = self._world.owner[tenure.partition]
                assert owner is self._member, "owner: a commit too late"
            self._world.truth.commits(checkpoints)
        return None if kind in {"taken", "slow"} else "_TIMED_OUT"

    def _answer_commits(self) -> None:
        while self._under_way:
            kind = self._kind()
            if kind == "slow":
                return
            checkpoints = self._under_way.popleft()
            error = self._apply(checkpoints, kind)
            if kind in {"taken", "refused"}:
                self._member.rebalance.commit_answered(checkpoints, error)

    def _fetch(self, max_records: int) -> list[Record]:
        records: list[Record] = []
        for partition, tenure in sorted(self.tenures.items(), key=itemgetter(0)):
            if tenure.pauses:
                continue
            log = self._world.truth.log[partition]
            new = [record for record in log if record.offset >= self._next[partition]]
            if self.repeat and len(new) < len(log):
                old = log[: len(log) - len(new)][-self.repeat :]
                start = self.epochs[partition].checkpoint
                first = 0 if start is None else start.position
                new = [record for record in old if record.offset >= first] + new
            new = new[: max_records - len(records)]
            if new:
                records += [record._replace(tenure=tenure) for record in new]
                self._next[partition] = max(self._next[partition], new[-1].offset + 1)
        self.repeat = 0
        return records

    def _look_at_logs(self) -> None:
        """Begin anew what belongs to a log that is no more; a commit under way may still count."""
        log_id = self._world.truth.log_id
        old = {p: tenure for p, tenure in self.tenures.items() if tenure.log_id != log_id}
        if old and self._world.ids_told and self.fenced_s is None:
            self.flush()
            for partition in old:
                del self.tenures[partition]
            self._member.rebalance.lost(list(old.values()))
            self._own(old)

    def _assigned(self, partitions: set[Partition]) -> None:
        for partition in partitions:
            self._world.owner[partition] = self._member
        self._own(partitions)

    def _own(self, partitions: Collection[Partition]) -> None:
        made = []
        for partition in sorted(partitions):
            self.epochs[partition] = epoch = self._world.new_epoch(partition)
            self._next[partition] = epoch.checkpoint.position if epoch.checkpoint else 0
            self.tenures[partition] = tenure = Tenure(partition, epoch.checkpoint)
            tenure.log_id = self._world.truth.log_id
            made.append(tenure)
        self._member.rebalance.assigned(made)

    def _revoked(self, partitions: set[Partition]) -> None:
        self.refused_now = False
        deadline_s = self._world.clock.now_s + DRAIN_S
        self._member.rebalance.revoked([self.tenures[it] for it in sorted(partitions)])
        self.flush()
        ending = {self.epochs[partition] for partition in partitions}
        cut_off = any(ending & {*request.epochs} for request in self._member.seg.under_way)
        assert not cut_off or self._world.clock.now_s >= deadline_s - 1e-6, "a revoke did not wait"
        for partition in partitions:
            if self._world.owner[partition] is self._member:
                self._world.owner[partition] = None
            said = self._world.truth.finished(partition, self._world.truth.checkpoint(partition))
            epoch = self.epochs.pop(partition)
            left = epoch.known - said if epoch.log == self._world.truth.log_number else set()
            assert self.refused_now or not left, f"double: {left} was taken, and not committed"
            del self.tenures[partition]

    def _lost(self, partitions: set[Partition]) -> None:
        self._under_way.clear()
        self.fenced_s = None
        self._member.rebalance.lost([self.tenures.pop(it) for it in sorted(partitions)])


_STATUSES: tuple[tuple[Taste, int | None], ...] = (
    ("hangs", None),
    ("breaks", 500),
    ("blocked", 403),
    ("rejects", 400),
    ("unsupported", 501),
)


class ModelSeg:
    """The member's side of Seg: requests out, answers in."""

    def __init__(self, world: World, member: Member) -> None:
        self._world = world
        self._member = member
        self.send_until_s = 0.0
        self.under_way: list[Request] = []
        self._handed: list[tuple[Batch, bytes, str]] = []  # and not on the wire
        self._failed: Counter[Place] = Counter()  # alone, how often

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return len(self._handed) + len(self.under_way)

    def send(
        self,
        token: object,
        body: bytes,
        idempotency_key: str,
        *,
        fresh: bool = False,  # noqa: ARG002 - there are no connections
    ) -> None:
        """Start a POST; it leaves in the next `poll`."""
        assert isinstance(token, Batch)
        self._handed.append((token, body, idempotency_key))
        self._member.passes("handed")

    def _leave(self, token: Batch, body: bytes, idempotency_key: str) -> None:
        truth, source = self._world.truth, self._member.source
        asleep_s = self._world.clock.now_s - (source.fenced_s or self._world.clock.now_s)
        assert asleep_s < LEASE_S, "zombie: another member owns what this one sends"
        parsed = orjson.loads(body)
        arrays = self._world.config.batch
        places = tuple(Place(*place) for place in (parsed if arrays else [parsed]))
        assert not any(task.record.tenure.closed for task in token.calls), (
            "started after the revoke"
        )
        epochs = tuple(source.epochs[truth.partitions[place.partition]] for place in places)
        truth.sends(places, idempotency_key, epochs)
        lanes = {(truth.lane(place), epoch) for place, epoch in zip(places, epochs, strict=True)}
        for other in self.under_way:
            others = zip(other.places, other.epochs, strict=True)
            assert lanes.isdisjoint((truth.lane(place), epoch) for place, epoch in others), "lanes"
        if token.proving:
            behind = token._tasks.index(token.calls[0])
            late = [place_of(task.record) for task in token._tasks[token._start : behind]]
            assert self._failed[late[0]] >= POLICY.max_attempts, f"early: {late[0]} is overtaken"
            truth.overtaken.update(late)
        now_s = self._world.clock.now_s
        self.under_way.append(Request(token, places, epochs, now_s, token.proving))
        self._member.passes("sent")

    def poll(self, timeout_s: float) -> list[tuple[object, Answer]]:
        """Return the answers that the script has; where there is none, the time passes."""
        answers: list[tuple[object, Answer]] = []
        while self._handed:
            handed = self._handed.pop(0)
            if self._world.clock.boottime_s() >= self.send_until_s:
                answers.append((handed[0], NOT_SENT))
            else:
                self._leave(*handed)
        for request in self.under_way.copy():
            answer = self._answer(request)
            if answer is not None:
                self.under_way.remove(request)
                answers.append((request.token, answer))
        if answers:
            self._member.passes("answered")
        else:
            self._world.clock.advance(timeout_s)
        return answers

    def _answer(self, request: Request) -> Answer | None:
        world, truth = self._world, self._world.truth
        kind = world.answers.popleft() if world.answers else world.mood
        seconds = world.clock.now_s - request.sent_s
        if kind == "silent":
            if seconds < TIMEOUT_S:
                return None
            kind = "late"
        status, taken = self._verdict(request.places, kind)
        if taken:
            truth.takes(request.counted, ahead=request.proves)
        if status is None or request.proves:
            truth.unclear.update(request.places)
            if kind == "late":
                world.adrift.append(request)
        elif status == 200:
            for place, epoch in zip(request.places, request.epochs, strict=True):
                epoch.known.add(place)
        if len(request.places) == 1:
            self._note_alone(request.places[0], status)
            if status == 501 and request.counted:
                truth.end(request.places[0], "unsupported")
        return Answer(status, "", 2.0 if status == 429 else None, seconds)

    def _note_alone(self, place: Place, status: int | None) -> None:
        """Note what an answer to one call says of that call."""
        truth = self._world.truth
        if status in {400, 501}:
            truth.set_aside.add(place)
        if status in {400, 401, 403, 404}:
            truth.refused.add(place)
        elif status not in {200, 501}:
            truth.failed.add(place)
        if status not in {200, 400, 429, 501}:
            self._failed[place] += 1

    def _verdict(self, places: tuple[Place, ...], kind: AnswerKind) -> tuple[int | None, bool]:
        """Return the status and whether Seg takes the calls; an array is taken whole or not."""
        tastes = {self._world.truth.facts[place].taste for place in places}
        fair: int | None = 200
        for taste, status in _STATUSES:
            if taste in tastes and (taste != "blocked" or self._world.firewall):
                fair = status
                break
        if kind == "uneven":
            self._world.sick = not self._world.sick
            kind = "away" if self._world.sick else "takes"
        if kind == "takes":
            return fair, fair == 200
        if kind == "ambiguous":
            return None, fair == 200
        statuses: dict[AnswerKind, int | None] = {
            "throttled": 429, "error": 500, "away": 503, "reset": None, "late": None,
            "rejects": 400, "unauthorised": 401, "misrouted": 404,
        }  # fmt: skip
        return statuses[kind], False


class ModelDeadLetters:
    """The member's side of the dead-letter topic: written in one turn, acknowledged in the next."""

    def __init__(self, world: World, member: Member) -> None:
        self._world = world
        self._member = member
        self._under_way: list[DeadLetter] = []
        self._written: list[DeadLetter] = []
        self.problem: str | None = None

    @property
    def pending(self) -> int:
        """How many letters are not acknowledged."""
        return len(self._under_way) + len(self._written)

    @property
    def pending_bytes(self) -> int:
        """The records of those letters, bytes."""
        return sum(bytes_of(it.record) for it in [*self._under_way, *self._written])

    def put(self, letter: DeadLetter) -> None:
        """Start to write *letter*."""
        self._under_way.append(letter)
        right = self._member.has_read or not self._world.storm_limit
        self._world.truth.buries(place_of(letter.record), letter.reason, settings_right=right)
        self._member.passes("letter_put")

    def stored(self) -> list[DeadLetter]:
        """Return what is acknowledged, and write what is under way."""
        if not self._world.dead_letters_up:
            return []
        acknowledged, self._written, self._under_way = self._written, self._under_way, []
        for letter in self._written:
            place = place_of(letter.record)
            if letter.record.tenure.log_id == f"log-{place.log}":
                self._world.truth.end(place, "dead_letter")
        if self._written:
            self._member.passes("letter_written")
        return acknowledged
