"""Questions to a broker that has just handed its office to another one.

librdkafka passes on that the asked one is no longer, or not yet, the coordinator of a group or the
leader of a partition, and finds the right one by itself: the same question a little later is
answered. To the program it is not a failure.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_S = 0.1
ATTEMPTS = 300
"""Half a minute of refusals; a move takes seconds."""

_MOVING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)

T = TypeVar("T")


def ask_again(question: Callable[[], T]) -> T:
    """Return the answer to *question*; put it again while an office is moving.

    Raises:
        KafkaException: another refusal, or they do not stop.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _MOVING:
                raise
        Event().wait(PAUSE_S)
    return question()
