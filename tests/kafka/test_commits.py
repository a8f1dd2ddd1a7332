"""A commit is answered once, however many partitions it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition, Tenure
from consumer.core.timing import SystemClock
from consumer.kafka.commits import Commits

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from confluent_kafka import Consumer, TopicPartition

ANSWERED_WITHIN_S = 1.0
"""A few milliseconds on a quiet machine; comparing each with each took ten seconds."""


class Answers:
    """A listener that only keeps the answers to commits."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str | None]] = []

    def assigned(self, tenures: Collection[Tenure]) -> None:
        """Pass it over."""

    def revoked(self, tenures: Collection[Tenure]) -> None:
        """Pass it over."""

    def lost(self, tenures: Collection[Tenure]) -> None:
        """Pass it over."""

    def commit_answered(self, committed: Mapping[Tenure, Checkpoint], error: str | None) -> None:
        """Keep how many partitions there were."""
        self.heard.append((len(committed), error))


class Silent:
    """A consumer whose commits nobody answers but the test."""

    def __init__(self) -> None:
        self.sent: list[list[TopicPartition]] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Keep what was sent."""
        assert asynchronous
        self.sent.append(offsets)


def commit_of(partitions: int, position: int) -> dict[Tenure, Checkpoint]:
    """Return a commit of so many partitions, each up to *position*."""
    return {
        Tenure(Partition("events", number)): Checkpoint(position, position, ())
        for number in range(partitions)
    }


def test_the_answer_to_a_commit_of_very_many_partitions_takes_no_time() -> None:
    """The loop stands still meanwhile, and there are ten commits a second."""
    consumer, answers, clock = Silent(), Answers(), SystemClock()
    commits = Commits(cast("Consumer", consumer), lambda: answers)
    commits.send(commit_of(8_000, 1))

    start_s = clock.monotonic_s()
    commits.answered(None, consumer.sent[0])

    assert answers.heard == [(8_000, None)]
    assert clock.monotonic_s() - start_s < ANSWERED_WITHIN_S


def test_the_answer_to_an_older_commit_says_nothing() -> None:
    """It was given up for the one that is under way, which goes further."""
    consumer, answers = Silent(), Answers()
    commits = Commits(cast("Consumer", consumer), lambda: answers)
    commits.send(commit_of(3, 1))
    commits.send(commit_of(3, 2))

    commits.answered(None, consumer.sent[0])
    assert answers.heard == []

    commits.answered(None, consumer.sent[1])
    assert answers.heard == [(3, None)]
