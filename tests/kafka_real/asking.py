"""Questions to brokers that may be about to start, or just dead."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from consumer.core.timing import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_LIMIT_S: Final = 0.5
ATTEMPT_LIMIT_S: Final = 5.0

_PAUSE_S: Final = 0.1
_NOT_YET: Final = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)

T = TypeVar("T")


def admin_of(bootstrap: str) -> AdminClient:
    """Return a client that is quiet and quick."""
    retries = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 50, "log_level": 0}
    return AdminClient({"bootstrap.servers": bootstrap, **retries})


def ask(bootstrap: str, question: Callable[[AdminClient], T], limit_s: float) -> T:
    """Return the answer to *question*, which is put again while there is none in time.

    Each attempt has its own client: one that took a dead broker for the controller or for a
    coordinator waits for that one, even when all others know better.

    Raises:
        KafkaException: the answer is a refusal, or there is none after *limit_s*.
    """
    clock = SystemClock()
    end_s = clock.monotonic_s() + limit_s
    while True:
        admin = admin_of(bootstrap)  # named, for it has to live until the answer
        try:
            return question(admin)
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or clock.monotonic_s() > end_s:
                raise
        Event().wait(_PAUSE_S)


def nodes(admin: AdminClient) -> set[int]:
    """Return the brokers that the cluster lists; none while nobody answers."""
    try:
        answer = admin.describe_cluster(request_timeout=ANSWER_LIMIT_S).result()
    except KafkaException:
        return set()
    return {node.id for node in answer.nodes}


def is_in_sync(admin: AdminClient) -> bool:
    """Tell whether every copy of every partition has all records; not while nobody answers."""
    try:
        topics = admin.list_topics(timeout=ANSWER_LIMIT_S).topics.values()
    except KafkaException:
        return False
    partitions = [it for topic in topics for it in topic.partitions.values()]
    return all(len(it.isrs) == len(it.replicas) and it.leader >= 0 for it in partitions)


def coordinator_of(admin: AdminClient, group: str) -> int:
    """Return the broker that keeps the members and the offsets of *group*.

    Raises:
        KafkaException: nobody tells.
    """
    asked = admin.describe_consumer_groups([group], request_timeout=ATTEMPT_LIMIT_S)
    return int(asked[group].result().coordinator.id)
