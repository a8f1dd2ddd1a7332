"""What the principal may do and the topics allow; what is missing for our work, as a sentence.

A broker without an authorizer grants everything. A broker that does not tell (an old one, the
embedded one) is assumed to grant everything; a refusal then comes with the first request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADERS_BYTES = 65_536
"""What the headers of a dead letter may add to a record."""
MOST_BYTES = 2**31 - 1
"""Kafka's largest `max.message.bytes`."""

Rights = frozenset[str]
"""Kafka's words for what a principal may do, such as READ."""


class Topic(NamedTuple):
    """What the principal can see of a topic."""

    state: Literal["there", "missing", "hidden"]
    """`hidden` is one that the principal may not DESCRIBE; it may be missing as well."""
    partitions: int
    rights: Rights | None
    """None where the broker does not tell."""

    def grants(self, right: str) -> bool:
        """Tell whether the principal may do *right*, as far as the broker tells."""
        return self.state != "hidden" and (self.rights is None or right in self.rights)


class Group(NamedTuple):
    """What the brokers tell of the group; None where they do not."""

    rights: Rights | None
    members: int | None = None
    assignor: str | None = None
    """By which strategy its members divide partitions; None also while it has none."""


class Limits(NamedTuple):
    """What a topic's configuration allows; None where the broker does not tell."""

    largest_bytes: int | None
    """`max.message.bytes`: of a batch as it is stored, which may be compressed."""
    compacted: bool | None


def topic_problem(name: str, topic: Topic) -> str | None:
    """Return why *topic* cannot be read, and what to do; None where it can."""
    if topic.state == "missing":
        return f"the topic {name} does not exist: check SEG_KAFKA__TOPICS"
    if not topic.grants("READ"):
        return (
            f"the topic {name} cannot be read: grant the principal READ and DESCRIBE on it, or"
            " check SEG_KAFKA__TOPICS"
        )
    return None


def group_problem(group_id: str, rights: Rights | None) -> str | None:
    """Return why the group cannot be joined, and what to do; None where it can."""
    if rights is None or "READ" in rights:
        return None
    return (
        f"the group {group_id} cannot be joined: grant the principal READ on it, or check"
        " SEG_KAFKA__GROUP_ID"
    )


def strategy_problem(group_id: str, group: Group, strategy: str) -> str | None:
    """Return why a member with *strategy* would not be taken in; None where it would."""
    if not group.members or group.assignor in {None, "", strategy}:
        return None
    return (
        f"the members of the group {group_id} divide partitions by {group.assignor}, and"
        f" SEG_KAFKA__ASSIGNMENT_STRATEGY is {strategy}: set it to {group.assignor}, or take"
        " another SEG_KAFKA__GROUP_ID"
    )


def dead_letter_topic_problem(name: str, topic: Topic, *, create: bool) -> str | None:
    """Return why the dead-letter topic cannot be written, and what to do; None where it can."""
    if not topic.grants("WRITE"):
        return (
            f"the dead-letter topic {name} cannot be written: grant the principal WRITE and"
            " DESCRIBE on it, or check SEG_DEAD_LETTER__TOPIC"
        )
    if topic.state == "missing" and not create:
        return (
            f"the dead-letter topic {name} does not exist: create it, or set"
            " SEG_DEAD_LETTER__CREATE to true"
        )
    return None


def compaction_problem(name: str, limits: Limits) -> str | None:
    """Return why a dead-letter topic of these *limits* would lose letters; None where it keeps all.

    Source: Kafka's documentation, "Log Compaction": of one key only the last record stays, and a
    record without a key is refused.
    """
    if not limits.compacted:
        return None
    return (
        f"the dead-letter topic {name} is compacted: it refuses letters without a key and keeps one"
        " of each key. Set its cleanup.policy to delete, or SEG_DEAD_LETTER__TOPIC to another topic"
    )


def size_problem(name: str, limits: Limits, sources: Mapping[str, Limits]) -> str | None:
    """Return why a letter of one of *sources* may not fit into *name*; None where each does."""
    ours = limits.largest_bytes
    theirs = {source: it.largest_bytes or 0 for source, it in sources.items()}
    largest = max(theirs, key=theirs.__getitem__)
    if ours is None or ours >= theirs[largest]:
        return None
    return (
        f"the dead-letter topic {name} takes {ours} bytes and {largest} takes {theirs[largest]}: a"
        " large letter would not fit, and the offset of its partition would stand still. Raise"
        f" max.message.bytes of {name} to {room_for(theirs[largest])}"
    )


def room_for(largest_bytes: int) -> int:
    """Return the `max.message.bytes` with which letters of a topic of *largest_bytes* fit.

    Twice as much: a record that was compressed together with its neighbours takes more alone.
    """
    return min(2 * largest_bytes + HEADERS_BYTES, MOST_BYTES)
