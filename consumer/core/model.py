"""The things that flow through the pipeline; a type changes once a stage.

    Record   what Kafka gave           -> decode
    Event    a Segment call            -> translate
    SegCall  a call in Seg's words     -> deliver
    Ignored  nothing to do, and why    -> settle

Plain values without behaviour. The hot ones are named tuples: they cost a third of a frozen
dataclass to make, and one of each is made for every event. Each record belongs to a `Tenure`, which
holds all that this process knows of one partition during one assignment.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypedDict

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.core.ledger import Ledger

if TYPE_CHECKING:
    from consumer.core.errors import UnavailableError
    from consumer.core.ledger import Checkpoint

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A JSON value, as Segment's open objects hold them."""

Object: TypeAlias = "dict[str, Value]"
"""A JSON object."""

Headers: TypeAlias = "list[tuple[str, bytes | None]]"
"""A Kafka record's headers; names may repeat and values may be null."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Pause(Enum):
    """Why a partition is not read."""

    EVERYTHING = auto()
    """Nothing is: too much is in flight, or a dependency is away."""
    FULL = auto()
    """It is far ahead of its oldest unfinished record, one of its lanes is too long, or too many
    of its records wait for a schema."""
    UNREADABLE = auto()
    """Nothing of its topic could be read yet, and a setting is at fault."""
    NO_BEGINNING = auto()
    """The group has not committed yet where it begins."""


class Tenure:
    """One partition during one assignment.

    It is made when the group assigns the partition and carried by each record read of it. It is
    closed when the partition is being revoked, and over when it is gone. A partition that comes
    back gets a new tenure; what is left of the old one commits nothing.
    """

    __slots__ = (
        "closed",
        "committed",
        "held",
        "kept_bytes",
        "ledger",
        "letters",
        "log_id",
        "over",
        "partition",
        "pauses",
        "waits_for",
    )

    def __init__(self, partition: Partition, inherited: Checkpoint | None = None) -> None:
        """Go on where *inherited*, the group's last commit, ends; None where there is none."""
        self.partition = partition
        self.ledger = Ledger(inherited)
        self.committed = inherited
        """What the broker acknowledged last; None where it has nothing."""
        self.log_id: str | None = None
        """Which log the offsets are of: a topic made anew has another; None where nobody tells."""
        self.pauses: set[Pause] = set()
        """Why it is not read; empty while it is."""
        self.held: deque[Record] = deque()
        """Records that are not decoded yet, in order: the first waits for a schema, or for time."""
        self.kept_bytes = 0
        """What its unfinished records hold: those that are held and its letters included."""
        self.waits_for: UnavailableError | None = None
        """Why the first of them could not be decoded; None where nothing has failed."""
        self.letters = 0
        """How many dead letters of it are not stored yet."""
        self.closed = False
        """Start nothing more of it; what is under way may still be finished and committed."""
        self.over = False
        """Another member owns the partition: what finishes now counts for nothing."""

    def end(self) -> None:
        """Give the partition up; what is unfinished is the next owner's."""
        self.closed = self.over = True
        self.held.clear()


class Record(NamedTuple):
    """One Kafka record, byte for byte; `timestamp_ms` is the log's, None where it has none."""

    tenure: Tenure
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers | None

    @property
    def partition(self) -> Partition:
        """Where it was read."""
        return self.tenure.partition

    @property
    def place(self) -> str:
        """Its topic, partition and offset, for people."""
        return f"{self.partition.topic}/{self.partition.number}/{self.offset}"


def bytes_of(record: Record) -> int:
    """Return how many bytes of Kafka's *record* holds: key, value and headers."""
    size = len(record.key or b"") + len(record.value or b"")
    if record.headers:
        size += sum(len(name) + len(value or b"") for name, value in record.headers)
    return size


class Event(TypedDict, total=False):
    """One decoded Segment call, in Segment's spelling.

    A key is missing or None where the call has no such field. Decoding judges no value: the
    translation takes what it can read, and leaves out what it cannot.
    """

    type: Value
    messageId: Value
    userId: Value
    anonymousId: Value
    previousId: Value
    event: Value
    name: Value
    category: Value
    channel: Value
    timestamp: Value
    originalTimestamp: Value
    sentAt: Value
    receivedAt: Value
    properties: Value
    traits: Value
    context: Value
    integrations: Value
    extra: Value
    """What the canonical schema has no field for: see `avro.encoder`."""


class LeftOut(NamedTuple):
    """One value that could not be read, and that Seg is not sent under its own key."""

    key: str
    """Seg's key, out of a closed list: the label of the metric. `Price`, `timestamp`, `context`."""
    source: str
    """Where it stood in the Segment call: `properties.products[2].price`."""
    why: str
    """What was expected and what came; never the value."""
    reason: DeadLetterReason
    """What the event is dead-lettered as where `translation.on_unreadable_value` asks for that."""


class SegCall(NamedTuple):
    """One call to Seg, ready to send."""

    type: str
    """`identify`, `track`, `page` or `alias`."""
    event: str | None
    """Seg's event name on a track call, such as `ProductView`; else None."""
    message_id: str | None
    user: str | None
    """`userId`, else `anonymousId`: what `ordering.by = user` orders by."""
    occurred_at_ms: int | None
    """When the event happened, milliseconds since the epoch; None where nothing tells it."""
    anonymous: bool
    """An identify without `traits.email`: Seg cannot know the customer."""
    body: bytes
    """The JSON object that goes over the wire, UTF-8."""
    left_out: tuple[LeftOut, ...] = ()
    has_large_number: bool = False
    """It holds a number of more than 16 digits, which JSON's usual reader may have rounded."""


class Ignored(NamedTuple):
    """A record that is finished without a call."""

    reason: IgnoredReason


class DeadLetter(NamedTuple):
    """A record on its way to the dead-letter topic, byte for byte, and why."""

    record: Record
    reason: DeadLetterReason
    detail: str
    """For people; no value of the event."""
    attempts: int
    """How many requests to Seg it travelled in."""
    status: int | None
    """Seg's last answer; None where it had none."""
