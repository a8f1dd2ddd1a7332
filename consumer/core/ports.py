"""What the pipeline needs of the outside world; `kafka` has it, and the tests have fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Checkpoint
    from consumer.core.model import DeadLetter, Partition, Record


class Listener(Protocol):
    """Who is told what happens to the assignment; called inside `Source.poll` and `close`."""

    def assigned(self, partitions: Mapping[Partition, Checkpoint | None]) -> None:
        """Own *partitions* from now on: each goes on where its checkpoint ends, and unpaused."""

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Finish and commit what can be; *partitions* are another member's afterwards."""

    def lost(self, partitions: Collection[Partition]) -> None:
        """*partitions* are another member's already: commit nothing of them."""

    def commit_answered(self, committed: Mapping[Partition, Checkpoint], error: str | None) -> None:
        """The broker answered a commit; *error* is the code of a refusal, None of success."""


class Source(Protocol):
    """The consumer group's member: records come out, commits go in."""

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to *max_records*, at once where there are any, else after *timeout_s*.

        Raises:
            StartError: the group cannot go on, and waiting would not help.
        """

    def commit(self, checkpoints: Mapping[Partition, Checkpoint]) -> None:
        """Send a commit; the listener hears the answer inside a later `poll`."""

    def commit_now(self, checkpoints: Mapping[Partition, Checkpoint]) -> None:
        """Commit and wait for the answer, which the listener hears before this returns."""

    def pause(self, partitions: Collection[Partition]) -> None:
        """Read no more of *partitions*; what was read ahead of them is thrown away."""

    def resume(self, partitions: Collection[Partition]) -> None:
        """Read *partitions* again."""

    def end_offsets(self) -> Mapping[Partition, int]:
        """Return, without asking the broker, the end of each owned partition that is known."""


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
