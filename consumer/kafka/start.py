"""Checks before the first record is read; each failure is a sentence, not a stack trace.

The brokers let us in, the topics exist and may be read, the group may be joined, the dead-letter
topics exist or can be made, and may be written.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from consumer.core.errors import StartError
from consumer.kafka.config import NO_DEAD_LETTERS, session_s
from consumer.kafka.dead_letter_topics import create, examine, sources_of
from consumer.kafka.inspect import ASK_TIMEOUT_S, Cluster
from consumer.kafka.rights import group_problem, topic_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from structlog.typing import FilteringBoundLogger

    from consumer.core.timing import Clock
    from consumer.kafka.connectivity import Cause
    from consumer.settings import DeadLetterSettings, KafkaSettings


SHORT_SESSION_S = 15.0
"""A coordinator that fails over may be away for as long: then all members are thrown out at once,
and what they had finished and not committed is sent twice."""


def check_start(
    kafka: KafkaSettings, dead_letter: DeadLetterSettings, clock: Clock, log: FilteringBoundLogger
) -> None:
    """Check that the consumer can do its work, and make the dead-letter topics if need be.

    Raises:
        StartError: with what is wrong and the setting to look at.
    """
    with closing(Cluster(kafka, clock)) as cluster:
        _check(cluster, kafka, dead_letter, log)


def _check(
    cluster: Cluster,
    kafka: KafkaSettings,
    dead_letter: DeadLetterSettings,
    log: FilteringBoundLogger,
) -> None:
    def tell(cause: Cause) -> None:
        log.warning("kafka_away", stage=cause.stage, detail=cause.text)

    visible = cluster.reach(ASK_TIMEOUT_S, tell)
    matched = matching(kafka.topics, visible)
    wanted = [name for name in kafka.topics if not name.startswith("^")]
    letter_topics = sources_of(dead_letter, dict.fromkeys([*wanted, *matched]))
    for letter_topic in matching(kafka.topics, filter(None, [dead_letter.topic])):
        raise StartError(
            f"the dead-letter topic {letter_topic} is one that SEG_KAFKA__TOPICS takes in: "
            "dead letters would be read as events. Set SEG_DEAD_LETTER__TOPIC to a name that no "
            "pattern matches, or that ends in .dead-letter"
        )
    if not wanted and not matched:
        log.warning("no_topic_matches", topics=kafka.topics, look_at="SEG_KAFKA__TOPICS")
    topics = cluster.topics([*wanted, *matched, *letter_topics])
    findings = [
        examine(cluster, name, topics[name], sources, create=dead_letter.create)
        for name, sources in letter_topics.items()
    ]
    problems = [
        *(topic_problem(name, topics[name]) for name in [*wanted, *matched]),
        group_problem(kafka.group_id, cluster.group().rights),
        *(it.problem for it in findings),
    ]
    if found := [problem for problem in problems if problem is not None]:
        raise StartError("; ".join(found))
    for warning in filter(None, (it.warning for it in findings)):
        log.warning("dead_letter_topic_too_small", reason=warning)
    for letter_topic, sources in letter_topics.items():
        if topics[letter_topic].state == "missing":
            create(cluster, letter_topic, sources, log)


def group_session_s(kafka: KafkaSettings, clock: Clock, log: FilteringBoundLogger) -> float:
    """Return how long the group waits for a silent member; warn where that is short.

    By KIP-848 a group may have a session of its own: the brokers' lower limit holds for all.
    """
    seconds = None
    if kafka.group_protocol == "consumer":
        with closing(Cluster(kafka, clock)) as cluster:
            seconds = cluster.shortest_session_s()
    seconds = session_s(kafka) if seconds is None else seconds
    if seconds < SHORT_SESSION_S:
        log.warning("session_is_short", reason="session", seconds=seconds, least=SHORT_SESSION_S)
    return seconds


def matching(topics: Iterable[str], visible: Iterable[str]) -> list[str]:
    """Return those of *visible* that a pattern among *topics* matches, dead letters left out.

    Raises:
        StartError: a pattern is no regular expression.
    """
    try:
        patterns = [re.compile(name) for name in topics if name.startswith("^")]
    except re.error as error:
        raise StartError(
            f"SEG_KAFKA__TOPICS: expected a regular expression after ^: {error.msg}"
        ) from error
    return [
        name
        for name in visible
        if not re.search(NO_DEAD_LETTERS, name) and any(it.search(name) for it in patterns)
    ]
