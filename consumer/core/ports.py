"""What the pipeline needs of the outside world; `kafka` has it, and the tests have fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import DeadLetter, Event, Headers, Partition, Pause, Record, Tenure


class Decode(Protocol):
    """From a record's value to an event."""

    def __call__(self, value: bytes, headers: Headers | None, *, exactly: bool = False) -> Event:
        """Return the event in *value*, whose schema *headers* may name; *exactly* rounds no number.

        Raises:
            PoisonError: it holds none.
            UnavailableError: what decoding needs does not answer.
        """


class Extent(NamedTuple):
    """What is left to read of a partition."""

    position: int | None
    """The next offset to read; what no reader ever gets, such as the marker of a transaction, is
    passed over. None where it is not known."""
    end: int | None
    """The offset that the next record to be written will have; None where it is not known."""


class Listener(Protocol):
    """Who is told what happens to the assignment; called inside `Source.poll` and `close`."""

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Own the partitions of *tenures* from now on; there may be none."""

    def revoked(self, tenures: Collection[Tenure]) -> None:
        """Finish and commit what can be; *tenures* are over afterwards."""

    def lost(self, tenures: Collection[Tenure]) -> None:
        """*tenures* are over: the partitions are another member's, so commit nothing of them."""

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """The broker answered a commit; *error* is the code of a refusal, None of success."""


class Source(Protocol):
    """The consumer group's member: records come out, commits go in."""

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to *max_records*, at once where there are any, else after *timeout_s*.

        Raises:
            StartError: the group cannot go on, and waiting would not help.
        """

    def commit(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Send a commit; the listener hears the answer inside a later `poll`."""

    def commit_now(self, checkpoints: Mapping[Tenure, Checkpoint]) -> None:
        """Commit and wait for the answer, which the listener hears before this returns."""

    def pause(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read no more of *tenures*, for one more reason; what was read ahead is thrown away."""

    def resume(self, tenures: Collection[Tenure], reason: Pause) -> None:
        """Read *tenures* again, but for those that another reason pauses."""

    def extents(self) -> Mapping[Partition, Extent]:
        """Return, without waiting for a broker, what is left to read of each owned partition."""


class DeadLetters(Protocol):
    """The dead-letter topic: letters go in, and come out once they are stored."""

    @property
    def pending(self) -> int:
        """How many letters are not stored yet."""

    @property
    def pending_bytes(self) -> int:
        """The records of those letters, bytes."""

    @property
    def problem(self) -> str | None:
        """Why a letter cannot be stored, and what to do; None while none was refused."""

    def put(self, letter: DeadLetter) -> None:
        """Start to store *letter*; where the broker refuses, it is tried again."""

    def stored(self) -> list[DeadLetter]:
        """Return the letters that every replica has acknowledged since the last call."""
