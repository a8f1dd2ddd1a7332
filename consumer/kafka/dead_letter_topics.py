"""The dead-letter topics: what they must be like, and that they are there.

Those of the topics that the settings name are looked at before the first record is read. A pattern
takes in topics that appear later; theirs are looked at then, by a thread of its own: the brokers
may be away, and the loop must turn.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from consumer.core.errors import StartError
from consumer.kafka.inspect import ATTEMPT_S, Cluster
from consumer.kafka.problems import code_of
from consumer.kafka.rights import dead_letter_topic_problem

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import DeadLetterSettings, KafkaSettings

HEADERS_BYTES = 65_536
"""What the headers of a dead letter may add to a record."""
LOOK_AGAIN_S = 5.0
"""How long one that cannot be used is left alone."""
THREAD = "dead-letter-topic"

_MAY_EXIST = frozenset({KafkaError.TOPIC_ALREADY_EXISTS})
_CANNOT_SAY = frozenset({KafkaError._UNSUPPORTED_FEATURE})  # noqa: SLF001 - its public name
_NOT_PERMITTED = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
)


def create(cluster: Cluster, letter_topic: str, source: str, log: FilteringBoundLogger) -> None:
    """Make the topic *letter_topic*: it takes the largest record of *source* with our headers.

    Raises:
        StartError: the brokers refuse; with what to do.
    """
    size = cluster.largest_record_bytes(source)
    new = NewTopic(
        letter_topic,
        num_partitions=1,
        replication_factor=-1,
        config={} if size is None else {"max.message.bytes": str(size + HEADERS_BYTES)},
    )
    try:
        cluster.ask(
            lambda admin: admin.create_topics([new], request_timeout=ATTEMPT_S)[
                letter_topic
            ].result()
        )
    except KafkaException as error:
        code = error.args[0].code()
        if code in _MAY_EXIST:
            return
        if code in _CANNOT_SAY:
            log.info("dead_letter_topic_left_to_the_broker", topic=letter_topic)
            return
        advice = (
            "grant the principal CREATE on it, or create it and set SEG_DEAD_LETTER__CREATE to"
            " false"
            if code in _NOT_PERMITTED
            else code_of(error)
        )
        raise StartError(
            f"the dead-letter topic {letter_topic} cannot be made: {advice}"
        ) from error
    log.info("dead_letter_topic_made", topic=letter_topic)


class DeadLetterTopics:
    """Which dead-letter topics can be used, where a pattern may take in new topics at any time.

    One that cannot be used holds only its own letters and is looked at again until it can: what a
    new topic lacks must not harm those that were read before it.
    """

    def __init__(
        self,
        settings: DeadLetterSettings,
        kafka: KafkaSettings,
        *,
        tally: Tally,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._tally = tally
        self._clock = clock
        self._log = log
        self._all_named = not any(name.startswith("^") for name in kafka.topics)
        self._credentials: tuple[str, str] | None = None
        self._usable: set[str] = set()
        self._look_at_s: dict[str, float] = {}
        self._look: Thread | None = None  # one at a time

    def has(self, letter_topic: str, source: str) -> bool:
        """Tell whether letters of *source* can go to *letter_topic*; where not, it is seen to."""
        if self._all_named or letter_topic in self._usable:
            return True
        now_s = self._clock.monotonic_s()
        if now_s < self._look_at_s.get(letter_topic, now_s) or (
            self._look and self._look.is_alive()
        ):
            return False
        if letter_topic in self._look_at_s:  # so the last look has found it wanting
            self._tally.dead_letter_write_failures += 1
        self._look_at_s[letter_topic] = now_s + LOOK_AGAIN_S
        self._look = Thread(
            target=self._see_to, args=(letter_topic, source), name=THREAD, daemon=True
        )
        self._look.start()
        return False

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next look on."""
        self._credentials = username, password

    def _see_to(self, letter_topic: str, source: str) -> None:
        """Make *letter_topic* where it is missing; of what the loop uses, touch only the set."""
        cluster = Cluster(self._kafka, self._clock, self._credentials)
        try:
            topic = cluster.topics([letter_topic])[letter_topic]
            problem = dead_letter_topic_problem(letter_topic, topic, create=self._settings.create)
            if problem is None and topic.state == "missing":
                create(cluster, letter_topic, source, self._log)
        except StartError as error:
            problem = str(error)
        if problem is None:
            self._usable.add(letter_topic)
        else:
            self._log.warning("dead_letter_topic_not_usable", reason=problem, topic=letter_topic)
