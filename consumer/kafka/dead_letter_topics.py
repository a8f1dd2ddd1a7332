"""The dead-letter topics: what they must be like, and that they are there.

The dead-letter topics of named topics are checked before the first record is read. Those of topics
that a pattern takes in later are checked then, on a thread: the brokers may be away, and the loop
must turn.
"""

from __future__ import annotations

from contextlib import closing
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from consumer.core.errors import ConsumerError, StartError
from consumer.kafka.inspect import ATTEMPT_S, Cluster
from consumer.kafka.problems import code_of
from consumer.kafka.rights import (
    compaction_problem,
    dead_letter_topic_problem,
    room_for,
    size_problem,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from structlog.typing import FilteringBoundLogger

    from consumer.core.timing import Clock
    from consumer.kafka.rights import Topic
    from consumer.settings import DeadLetterSettings, KafkaSettings

LOOK_AGAIN_S = 5.0
"""How long to wait before an unusable topic is checked again."""
THREAD = "dead-letter-topic"

_MAY_EXIST = frozenset({KafkaError.TOPIC_ALREADY_EXISTS})
_CANNOT_SAY = frozenset({KafkaError._UNSUPPORTED_FEATURE})  # noqa: SLF001 - its public name
_NOT_PERMITTED = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
)


def topic_of(settings: DeadLetterSettings, source: str) -> str:
    """Return the dead-letter topic of the topic *source*."""
    return settings.topic or f"{source}.dead-letter"


def sources_of(settings: DeadLetterSettings, sources: Iterable[str]) -> dict[str, list[str]]:
    """Return the dead-letter topics of *sources*, each with the topics that it serves."""
    served: dict[str, list[str]] = {}
    for source in sources:
        served.setdefault(topic_of(settings, source), []).append(source)
    return served


class Finding(NamedTuple):
    """What is wrong with a dead-letter topic, and what to do; None where nothing is."""

    problem: str | None
    """Letters cannot be stored, or would be lost."""
    warning: str | None
    """A letter may wait for long."""


def examine(
    cluster: Cluster, letter_topic: str, topic: Topic, sources: Collection[str], *, create: bool
) -> Finding:
    """Return what is wrong with *letter_topic*, which is seen as *topic* and serves *sources*."""
    problem = dead_letter_topic_problem(letter_topic, topic, create=create)
    if problem is not None or topic.state != "there":
        return Finding(problem, None)
    limits = cluster.limits(letter_topic)
    return Finding(
        compaction_problem(letter_topic, limits),
        size_problem(letter_topic, limits, {it: cluster.limits(it) for it in sources}),
    )


def create(
    cluster: Cluster, letter_topic: str, sources: Iterable[str], log: FilteringBoundLogger
) -> None:
    """Make the topic *letter_topic*: it takes the largest record of *sources* with our headers.

    Raises:
        StartError: the brokers refuse; with what to do.
    """
    sizes = [cluster.limits(source).largest_bytes for source in sources]
    largest = max((size for size in sizes if size is not None), default=None)
    config = {"cleanup.policy": "delete"}
    if largest is not None:
        config["max.message.bytes"] = str(room_for(largest))
    new = NewTopic(letter_topic, num_partitions=1, replication_factor=-1, config=config)
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
    """Which dead-letter topics can be used; a pattern may take in new topics at any time.

    An unusable one holds only its own letters and is checked again until it can be used: a new
    topic must not harm the others.
    """

    def __init__(
        self,
        settings: DeadLetterSettings,
        kafka: KafkaSettings,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._clock = clock
        self._log = log
        self._all_named = not any(name.startswith("^") for name in kafka.topics)
        self._credentials: tuple[str, str] | None = None
        self._usable: set[str] = set()
        self._look_at_s: dict[str, float] = {}
        self._looking = False  # one at a time
        self._found: SimpleQueue[tuple[str, Finding]] = SimpleQueue()  # what a look has found
        self.problems: dict[str, str] = {}
        """Why a topic cannot be used, as far as it was looked at."""

    def usable(self, letter_topic: str) -> bool:
        """Tell whether letters can go to *letter_topic*."""
        return self._all_named or letter_topic in self._usable

    def look(self, wanted: Mapping[str, Collection[str]], now_s: float) -> int:
        """Look, without waiting, at those of *wanted* that are not known to be usable.

        *wanted*: dead-letter topics, each with the topics that it serves. Return how many looks
        have ended that found one wanting.
        """
        wanting = self._take_answer(now_s)
        for letter_topic, sources in wanted.items():
            if self._looking:
                break
            if not self.usable(letter_topic) and now_s >= self._look_at_s.get(letter_topic, now_s):
                self._looking = True
                served = letter_topic, tuple(sources)
                Thread(target=self._see_to, args=served, name=THREAD, daemon=True).start()
        return wanting

    def set_credentials(self, username: str, password: str) -> None:
        """Log in with these from the next look on."""
        self._credentials = username, password

    def _take_answer(self, now_s: float) -> int:
        if self._found.empty():
            return 0
        self._looking = False
        letter_topic, finding = self._found.get()
        if finding.warning is not None:
            self._log.warning("dead_letter_topic_too_small", reason=finding.warning)
        if finding.problem is None:
            self._usable.add(letter_topic)
            self.problems.pop(letter_topic, None)
            return 0
        self._look_at_s[letter_topic] = now_s + LOOK_AGAIN_S
        self.problems[letter_topic] = finding.problem
        self._log.warning(
            "dead_letter_topic_not_usable", reason=finding.problem, topic=letter_topic
        )
        return 1

    def _see_to(self, letter_topic: str, sources: tuple[str, ...]) -> None:
        """Make *letter_topic* where it is missing; tell in `_found` what is wrong with it."""
        finding = Finding("the look at it has failed", None)
        try:
            with closing(Cluster(self._kafka, self._clock, self._credentials)) as cluster:
                topic = cluster.topics([letter_topic])[letter_topic]
                finding = examine(
                    cluster, letter_topic, topic, sources, create=self._settings.create
                )
                if finding.problem is None and topic.state == "missing":
                    create(cluster, letter_topic, sources, self._log)
        except ConsumerError as error:
            finding = Finding(str(error), None)
        finally:
            self._found.put((letter_topic, finding))
