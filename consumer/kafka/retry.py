"""Retries requests while a leader or a coordinator moves.

librdkafka returns the error of a broker that is not, or not yet, the coordinator of a group or the
leader of a partition, and then finds the right one by itself: the same request succeeds soon after.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_S = 0.1
ATTEMPTS = 300
"""Half a minute; a move takes seconds."""

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
    """Return the answer to *question*; ask again while a leader or coordinator moves.

    Raises:
        KafkaException: another error, or the move does not end.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _MOVING:
                raise
        Event().wait(PAUSE_S)
    return question()
