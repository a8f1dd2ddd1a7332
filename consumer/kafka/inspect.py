"""Topics, rights and offsets, seen from outside the group; asking changes nothing."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from consumer.core.errors import StartError
from consumer.core.model import Partition
from consumer.kafka.config import admin_config, make
from consumer.kafka.connectivity import reach
from consumer.kafka.problems import code_of
from consumer.kafka.rights import Group, Limits, Rights, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from confluent_kafka.admin import AclOperation, TopicMetadata

    from consumer.core.timing import Clock
    from consumer.kafka.connectivity import Cause
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S: Final = 30.0
ATTEMPT_S = 10.0
"""How long one client may take before a new one asks."""

T = TypeVar("T")

_MISSING: Final = KafkaError.UNKNOWN_TOPIC_OR_PART
_HIDDEN: Final = KafkaError.TOPIC_AUTHORIZATION_FAILED
_FORMING: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
_FORMING_S: Final = 10.0


class Standing(NamedTuple):
    """A group's place in a partition."""

    partition: Partition
    committed: int | None
    """None where nothing is committed."""
    low: int
    """The oldest offset that the log still has."""
    high: int
    """The log's end."""


class Cluster:
    """Asks the brokers of *settings*, logged in with *credentials* where these were rotated."""

    def __init__(
        self, settings: KafkaSettings, clock: Clock, credentials: tuple[str, str] | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._credentials = credentials
        self._errors: list[KafkaError] = []
        self._admin = self._client()

    def close(self) -> None:
        """End the client, its threads and connections.

        An error that was raised by a future holds the frames that asked, and they hold the client,
        until the garbage collector looks, which it does seldom here. A question about the group
        that is still under way then may end the process (librdkafka issue 4605).
        """
        del self._admin
        gc.collect()

    def reach(
        self, timeout_s: float, tell: Callable[[Cause], None] = lambda _cause: None
    ) -> Mapping[str, TopicMetadata]:
        """Return the topics that the principal may see; *tell* hears why that takes long.

        Raises:
            UnreachableError: none does within *timeout_s*; with the setting to look at.
        """
        return reach(
            self._admin,
            self._errors,
            self._settings,
            timeout_s=timeout_s,
            clock=self._clock,
            tell=tell,
        )

    def ask(self, question: Callable[[AdminClient], T]) -> T:
        """Return the answer to *question*; a new client asks again where one got none in time.

        librdkafka waits for the broker that was the controller when the client was made, even if
        that broker is dead and another has taken over.

        Raises:
            KafkaException: the answer is a refusal, or there is none in `ASK_TIMEOUT_S`.
        """
        deadline_s = self._clock.monotonic_s() + ASK_TIMEOUT_S
        while True:
            try:
                return question(self._admin)
            except KafkaException as error:
                late = self._clock.monotonic_s() >= deadline_s
                if late or error.args[0].code() != KafkaError._TIMED_OUT:  # noqa: SLF001 - public
                    raise
            self._admin = self._client()

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Return what can be seen of each of *names*.

        Raises:
            StartError: the brokers do not tell.
        """
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        try:
            return self.ask(partial(_describe, names=wanted))
        except KafkaException as error:
            raise StartError(
                f"Kafka does not tell about the topic {wanted[0]}: {code_of(error)}"
            ) from error

    def group(self) -> Group:
        """Return what the principal may do with the group, and who is in it."""
        group = self._settings.group_id
        deadline_s = self._clock.monotonic_s() + _FORMING_S
        while True:
            answers = self._admin.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=ASK_TIMEOUT_S
            )
            try:
                told = answers[group].result()
                rights = _rights(told.authorized_operations)
                return Group(rights, len(told.members), told.partition_assignor)
            except KafkaException as error:
                code = error.args[0].code()
            if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return Group(frozenset())
            # The first question about any group makes the brokers create the offsets topic.
            if code not in _FORMING or self._clock.monotonic_s() > deadline_s:
                return Group(None)

    def standings(self, topics: Mapping[str, int]) -> list[Standing]:
        """Return where the group stands in each partition; *topics* is the number of them by name.

        Raises:
            StartError: the brokers do not tell.
        """
        places = [
            TopicPartition(name, number)
            for name, count in topics.items()
            for number in range(count)
        ]
        if not places:
            return []
        try:
            committed = self._committed(places)
            low = self._ends(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            high = self._ends(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        except KafkaException as error:
            raise StartError(f"Kafka does not tell the offsets: {code_of(error)}") from error
        return [Standing(it, committed.get(it), low[it], high[it]) for it in low]

    def limits(self, topic: str) -> Limits:
        """Return what the *topic*'s configuration allows, as far as the broker tells."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            answers = self._admin.describe_configs([resource], request_timeout=ASK_TIMEOUT_S)
            entries = answers[resource].result()
        except KafkaException:
            return Limits(None, compacted=None)
        told = {name: entry.value for name, entry in entries.items() if entry.value is not None}
        largest, policy = told.get("max.message.bytes"), told.get("cleanup.policy")
        return Limits(
            None if largest is None else int(largest),
            compacted=None if policy is None else "compact" in policy,
        )

    def shortest_session_s(self) -> float | None:
        """Return the shortest session that the brokers allow by KIP-848; None where none tells."""
        try:
            brokers = self._admin.list_topics(timeout=ASK_TIMEOUT_S).brokers
            resource = ConfigResource(ResourceType.BROKER, str(min(brokers)))
            answers = self._admin.describe_configs([resource], request_timeout=ASK_TIMEOUT_S)
            entry = answers[resource].result().get("group.consumer.min.session.timeout.ms")
        except KafkaException:
            return None
        return None if entry is None or entry.value is None else int(entry.value) / 1000

    def _client(self) -> AdminClient:
        admin = make(AdminClient, admin_config(self._settings), error_cb=self._errors.append)
        if self._credentials is not None:
            admin.set_sasl_credentials(*self._credentials)
        return admin

    def _committed(self, places: Sequence[TopicPartition]) -> dict[Partition, int]:
        asked = ConsumerGroupTopicPartitions(self._settings.group_id, list(places))
        answers = self._admin.list_consumer_group_offsets([asked], request_timeout=ASK_TIMEOUT_S)
        told = answers[self._settings.group_id].result().topic_partitions or []
        return {Partition(it.topic, it.partition): it.offset for it in told if it.offset >= 0}

    def _ends(self, places: Sequence[TopicPartition], end: OffsetSpec) -> dict[Partition, int]:
        answers = self._admin.list_offsets(
            dict.fromkeys(places, end), request_timeout=ASK_TIMEOUT_S
        )
        return {
            Partition(place.topic, place.partition): answer.result().offset
            for place, answer in answers.items()
        }


def _rights(operations: Iterable[AclOperation] | None) -> Rights | None:
    return None if operations is None else frozenset(operation.name for operation in operations)


def _describe(admin: AdminClient, names: list[str]) -> dict[str, Topic]:
    answers = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=ATTEMPT_S
    )
    return {name: _seen(answer) for name, answer in answers.items()}


def _seen(answer: Future[Any]) -> Topic:
    try:
        told = answer.result()
    except KafkaException as error:
        match error.args[0].code():
            case code if code == _MISSING:
                return Topic("missing", 0, None)
            case code if code == _HIDDEN:
                return Topic("hidden", 0, None)
        raise
    return Topic("there", len(told.partitions), _rights(told.authorized_operations))
