"""Saying goodbye: the client is not ended before the group can have heard it.

What a group makes of it is in `test_rebalance.py`; on a busy machine the answer takes its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from consumer.demo import WEBSITE_ID
from consumer.kafka.leave import GOODBYE_POLLS, leave
from consumer.settings import load

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from consumer.settings import KafkaSettings


class Leaving:
    """A client that is a member until it has been polled so often after `unsubscribe`."""

    def __init__(self, polls: int) -> None:
        self.done: list[str] = []
        self._polls = polls

    def poll(self, timeout_s: float) -> None:
        """Note it, and come closer to the end."""
        self.done.append("poll" if timeout_s else "poll at once")
        if "unsubscribe" in self.done:
            self._polls -= 1

    def unsubscribe(self) -> None:
        """Note it."""
        self.done.append("unsubscribe")

    def memberid(self) -> str:
        """Return its id, which librdkafka forgets with the goodbye."""
        return "a-member" if self._polls > 0 else ""


def settings(**variables: str) -> KafkaSettings:
    """Return the settings of a member, with *variables*."""
    needed = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
        "SEG_KAFKA__TOPICS": "events",
        "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
    }
    return load(env=needed | variables).kafka


def test_a_member_waits_until_its_goodbye_is_out() -> None:
    """It hears first what the group still says, and is polled for as long as it is a member."""
    member = Leaving(polls=3)

    leave(cast("Consumer", member), settings())

    assert member.done == ["poll at once", "unsubscribe", "poll", "poll", "poll"]


def test_where_no_coordinator_is_it_waits_for_a_second() -> None:
    """Then the group waits for the session's end."""
    member = Leaving(polls=10**6)

    leave(cast("Consumer", member), settings())

    assert member.done == ["poll at once", "unsubscribe", *["poll"] * GOODBYE_POLLS]


@pytest.mark.parametrize(
    "variables",
    [{"SEG_KAFKA__GROUP_INSTANCE_ID": "pod-0"}, {"SEG_KAFKA__GROUP_PROTOCOL": "consumer"}],
    ids=["static", "KIP-848"],
)
def test_who_says_no_goodbye_of_its_own_is_ended_at_once(variables: dict[str, str]) -> None:
    """A static member's partitions wait for it; by KIP-848 librdkafka's own end says it."""
    member = Leaving(polls=3)

    leave(cast("Consumer", member), settings(**variables))

    assert member.done == ["poll at once"]
