"""What is true in the model, whatever any consumer believes; and the laws that hold of it.

The truth is a handful of plain collections: the log, what each record is, what the group has
committed, what Seg took and in which order, what the dead-letter topic has. Each law is checked
at the very event that could break it, so a failure points at its cause.

    law     what                                                          promise
    lost    a commit calls finished only what has ended                   1
    owner   a commit speaks of partitions that its member owns            1
    back    a commit never forgets what an older one called finished      3
    order   first acceptances of one lane are in the order of offsets;    2
            what went ahead of a call under proof follows it once more
    early   a call is overtaken only after `max_attempts` failures        2
    lanes   one request at a time holds calls of a lane, in their order   2
    double  a call is sent again only if its fate was unknown here        3
    key     the same call, or the same array, has the same key            3
    fair    a dead letter is poison, or Seg refused or failed it alone    4

A topic that is deleted and made again has another log, whose offsets begin anew. What a member
reads of it before it knows counts for nothing: not as finished, and not in the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import orjson

from consumer.core.checkpoint import decode, encode, log_of, with_log
from consumer.core.errors import DeadLetterReason
from consumer.core.model import Partition, Record, Tenure

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from consumer.core.ledger import Checkpoint

Kind: TypeAlias = Literal["good", "ignored", "tombstone", "poison", "misplaced"]
Taste: TypeAlias = Literal["takes", "rejects", "unsupported", "breaks", "hangs", "blocked"]
"""`hangs`: no answer ever comes; `blocked`: a firewall refuses it, whatever the key."""
Ordering: TypeAlias = Literal["key", "user", "partition"]


class Fact(NamedTuple):
    """What a producer wrote, and what Seg thinks of it."""

    kind: Kind
    taste: Taste
    """What Seg does with the call whenever it is healthy."""
    new_schema: bool
    """Decoding it needs the registry."""
    key: bytes | None
    user: str


class Place(NamedTuple):
    """Where a record is; in the model, its name."""

    partition: int
    offset: int
    log: int
    """The number of the log: 0 until the topic is made anew."""


def place_of(record: Record) -> Place:
    """Return the place that *record* was written to, whatever its tenure takes it for."""
    return Place(*orjson.loads(record.value or b""))


class Epoch:
    """One partition's time with one member: what that member was told, and what it learnt."""

    def __init__(self, log: int, checkpoint: Checkpoint | None, at_birth: set[Place]) -> None:
        self.log = log
        """Which log the member takes it for."""
        self.checkpoint = checkpoint
        self.finished_before = at_birth
        """What the group's last commit calls finished."""
        self.known: set[Place] = set()
        """What Seg answered here, without ambiguity, that it took."""


class Truth:
    """The log, the broker, Seg's books and the dead-letter topic."""

    def __init__(self, partitions: int, ordering: Ordering) -> None:
        self.partitions = [Partition("events", number) for number in range(partitions)]
        self.ordering = ordering
        self.log: dict[Partition, list[Record]] = {p: [] for p in self.partitions}
        self.log_number = 0
        self.facts: dict[Place, Fact] = {}
        self.committed: dict[Partition, tuple[int, str]] = {}
        """Offset and metadata, as a broker keeps them."""
        self.ended: dict[Place, set[str]] = {}
        """Where each record ended: `seg`, `ignored`, `unsupported`, `dead_letter`."""
        self.set_aside: set[Place] = set()
        """Calls that were refused for good once: they have left the order of their lane."""
        self.refused: set[Place] = set()
        """Calls that Seg refused (400, 401, 403, 404), each alone in its request."""
        self.failed: set[Place] = set()
        """Calls that failed, each alone in its request."""
        self.unclear: set[Place] = set()
        """Calls that Seg may have taken although the answer said nothing of the kind."""
        self.overtaken: set[Place] = set()
        """Calls under proof, and those behind them that others of their lane went ahead of, too."""
        self.owed: set[Place] = set()
        """Calls that went ahead of one that was taken after all: they must follow it."""
        self.sent_in: dict[Place, set[Epoch]] = {}
        self.taken: dict[Place, int] = {}
        """How often Seg took each call."""
        self._highest: dict[Hashable, int] = {}  # taken first, by lane
        self._keys: dict[tuple[Place, ...], str] = {}
        self._contents: dict[str, tuple[Place, ...]] = {}

    # ---- the log

    @property
    def log_id(self) -> str:
        """Return the topic's id, as the brokers tell it."""
        return f"log-{self.log_number}"

    def make_anew(self, *, is_forgotten: bool) -> None:
        """Delete the topic and make it again; *is_forgotten*: its committed offsets go with it."""
        self.log_number += 1
        self.log = {p: [] for p in self.partitions}
        self.owed.clear()
        if is_forgotten:
            self.committed.clear()

    def append(self, partition: Partition, fact: Fact, gap: int) -> None:
        """Write a record, *gap* offsets behind the last one."""
        log = self.log[partition]
        offset = (log[-1].offset + 1 if log else 0) + gap
        place = Place(partition.number, offset, self.log_number)
        self.facts[place] = fact
        value = orjson.dumps([*place]) if fact.kind != "tombstone" else None
        log.append(Record(Tenure(partition), offset, 0, fact.key, value, None))
        if fact.kind in {"ignored", "tombstone"}:
            self.ended[place] = {"ignored"}  # whoever reads it has nothing to do

    def lane(self, place: Place) -> Hashable:
        """Return what *place* must keep its order with."""
        fact = self.facts[place]
        within = {"key": fact.key, "user": fact.user, "partition": None}[self.ordering]
        return place.partition, place.log, within

    def end(self, place: Place, where: str) -> None:
        """Note that the record ended."""
        self.ended.setdefault(place, set()).add(where)

    # ---- Seg

    def sends(self, places: tuple[Place, ...], key: str, epochs: Sequence[Epoch]) -> None:
        """A request with the calls of *places* starts."""
        for place, epoch in zip(places, epochs, strict=True):
            assert place not in epoch.finished_before, f"double: {place} was committed as finished"
            assert place not in epoch.known, f"double: {place} was taken, and the answer came"
            self.sent_in.setdefault(place, set()).add(epoch)
        by_lane: dict[Hashable, int] = {}
        for place in places:
            lane = self.lane(place)
            assert by_lane.get(lane, -1) < place.offset, f"lanes: {places} is out of order"
            by_lane[lane] = place.offset
        assert self._keys.setdefault(places, key) == key, f"key: {places} came with two keys"
        assert self._contents.setdefault(key, places) == places, f"key: {key} names two contents"

    def takes(self, places: tuple[Place, ...], *, ahead: bool = False) -> None:
        """Seg takes the calls of *places*, all of them or none, in their order.

        *Ahead* of one that fails; then, too, those behind them must follow.
        """
        for place in places:
            self.taken[place] = self.taken.get(place, 0) + 1
            lane = self.lane(place)
            highest = self._highest.get(lane, -1)
            self.owed.discard(place)
            first = self.taken[place] == 1 and place not in self.set_aside
            if ahead or (first and place in self.overtaken):
                self.owed |= {
                    it for it in self.taken if it.offset > place.offset and self.lane(it) == lane
                }
            elif first:
                assert highest < place.offset, f"order: {place} was taken after {highest}"
            if first:
                self._highest[lane] = max(highest, place.offset)
            self.end(place, "seg")

    def buries(self, place: Place, reason: DeadLetterReason, *, settings_right: bool) -> None:
        """A letter for *place* is on its way to the dead-letter topic.

        *settings_right*: its member has read another record, so that no setting is at fault.
        """
        if reason is DeadLetterReason.REJECTED_BY_SEG:
            assert place in self.refused, f"fair: Seg never refused {place} alone"
        elif reason is DeadLetterReason.RETRIES_EXHAUSTED:
            assert place in self.failed, f"fair: {place} never failed alone"
        else:
            kind = self.facts[place].kind
            assert kind in {"poison", "misplaced"}, f"fair: {place} is not poison"
            assert kind == "poison" or settings_right, f"fair: {place} blames a setting"
        self.set_aside.add(place)

    # ---- the broker

    def checkpoint(self, partition: Partition) -> Checkpoint | None:
        """Return what the group's last commit says of this log, as a new owner reads it."""
        stored = self.committed.get(partition)
        return decode(*stored) if stored and log_of(stored[1]) == self.log_id else None

    def finished(self, partition: Partition, checkpoint: Checkpoint | None) -> set[Place]:
        """Return the records of the log that *checkpoint* calls finished."""
        return {
            Place(partition.number, record.offset, self.log_number)
            for record in self.log[partition]
            if checkpoint is not None and _is_finished(checkpoint, record.offset)
        }

    def commits(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """The broker takes a commit."""
        for tenure, checkpoint in checkpoints.items():
            stored = checkpoint.position, with_log(encode(checkpoint), tenure.log_id)
            if tenure.log_id == self.log_id:
                self._check(tenure.partition, checkpoint.position, decode(*stored))
            self.committed[tenure.partition] = stored

    def _check(self, partition: Partition, position: int, checkpoint: Checkpoint) -> None:
        """Check the laws of a commit."""
        said = self.finished(partition, checkpoint)
        lost = said - self.ended.keys()
        assert not lost, f"lost: {checkpoint} says that {min(lost)} is finished"
        end = self.log[partition][-1].offset + 1 if self.log[partition] else 0
        assert position <= end, f"lost: {checkpoint} is beyond the end {end}"
        before = self.finished(partition, self.checkpoint(partition))
        assert before <= said, f"back: {checkpoint} forgets {min(before - said)}"

    @property
    def progress(self) -> tuple[int, int]:
        """Return two numbers that rise while the group gets on with its work."""
        return len(self.ended), sum(offset for offset, _ in self.committed.values())

    @property
    def unfinished(self) -> dict[int, list[str]]:
        """Return, for a person who looks for a stuck record, what is not committed."""
        left: dict[int, list[str]] = {}
        for partition in self.partitions:
            done = self.finished(partition, self.checkpoint(partition))
            for record in self.log[partition]:
                place = Place(partition.number, record.offset, self.log_number)
                if place not in done:
                    fact, where = self.facts[place], sorted(self.ended.get(place, ()))
                    left.setdefault(partition.number, []).append(f"{place.offset} {fact} {where}")
        return left


def _is_finished(checkpoint: Checkpoint, offset: int) -> bool:
    if offset < checkpoint.position:
        return True
    return offset < checkpoint.horizon and offset not in checkpoint.unfinished
