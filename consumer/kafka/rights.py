"""What the principal may see and do; what is missing for our work, as a sentence.

A broker without an authorizer grants everything. A broker that does not tell (an old one, the
embedded one) is assumed to grant everything; a refusal then comes with the first request.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

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
