"""From the brokers to the dead-letter topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.errors import StartError
from consumer.doctor.report import Check, Name, State, judged, skipped
from consumer.kafka.connectivity import Stage, UnreachableError
from consumer.kafka.dead_letter_topics import examine, sources_of
from consumer.kafka.inspect import Cluster
from consumer.kafka.rights import group_problem, topic_problem
from consumer.kafka.start import matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.core.timing import Clock
    from consumer.kafka.inspect import Standing
    from consumer.kafka.rights import Topic
    from consumer.settings import KafkaSettings, Settings

PATIENCE_S: Final = 5.0
"""How long to wait for the brokers: a person is watching."""
SHOWN: Final = 5
"""How many partitions with the same problem are named."""

_CONNECTION: Final = (Name.BROKERS, Name.TLS, Name.LOGIN)
_REST: Final = (Name.TOPICS, Name.GROUP, Name.OFFSETS, Name.DEAD_LETTERS)


def check_kafka(settings: Settings, clock: Clock) -> list[Check]:
    """Return the checks of the Kafka side."""
    kafka = settings.kafka
    cluster = Cluster(kafka, clock)
    try:
        visible = cluster.reach(PATIENCE_S)
    except UnreachableError as error:
        return _unreachable(error, kafka)
    connection = [_passed(name, kafka) for name in _CONNECTION]
    try:
        return connection + _inside(cluster, settings, visible)
    except StartError as error:
        failed = Check(Name.TOPICS, State.FAILED, str(error))
        return [*connection, failed, *skipped(_REST[1:], "not asked, for topics failed")]


def _unreachable(error: UnreachableError, kafka: KafkaSettings) -> list[Check]:
    failed = {Stage.BROKERS: Name.BROKERS, Stage.TLS: Name.TLS, Stage.LOGIN: Name.LOGIN}[
        error.stage
    ]
    place = _CONNECTION.index(failed)
    return [
        *(_passed(name, kafka) for name in _CONNECTION[:place]),
        Check(failed, State.FAILED, str(error)),
        *skipped(_CONNECTION[place + 1 :] + _REST, f"not asked, for {failed} failed"),
    ]


def _passed(name: Name, kafka: KafkaSettings) -> Check:
    """Return a check of the connection that is fine, or that the settings leave out."""
    protocol = kafka.security_protocol
    without = f"SEG_KAFKA__SECURITY_PROTOCOL is {protocol}"
    if name is Name.TLS and not protocol.endswith("SSL"):
        return Check(name, State.SKIPPED, without)
    if name is Name.LOGIN and kafka.sasl_mechanism is None:
        return Check(name, State.SKIPPED, without)
    text = {
        Name.BROKERS: f"{kafka.bootstrap_servers} answers",
        Name.TLS: "the brokers' certificate stands",
        Name.LOGIN: f"the brokers take our {kafka.sasl_mechanism}",
    }[name]
    return Check(name, State.OK, text)


def _inside(cluster: Cluster, settings: Settings, visible: Iterable[str]) -> list[Check]:
    kafka, dead_letter = settings.kafka, settings.dead_letter
    matched = matching(kafka.topics, visible)
    names = [name for name in kafka.topics if not name.startswith("^")] + matched
    letter_topics = sources_of(dead_letter, names)
    topics = cluster.topics([*names, *letter_topics])
    return [
        _topics({name: topics[name] for name in names}),
        judged(
            Name.GROUP,
            [group_problem(kafka.group_id, cluster.group_rights())],
            f"{kafka.group_id} may be joined",
        ),
        _offsets(cluster, kafka, {name: topics[name].partitions for name in names}),
        _dead_letters(
            cluster,
            {name: topics[name] for name in letter_topics},
            letter_topics,
            create=dead_letter.create,
        ),
    ]


def _topics(topics: Mapping[str, Topic]) -> Check:
    if not topics:
        text = "no topic matches SEG_KAFKA__TOPICS yet; one that appears is read"
        return Check(Name.TOPICS, State.WARNING, text)
    fine = ", ".join(f"{name} ({topic.partitions} partitions)" for name, topic in topics.items())
    return judged(Name.TOPICS, (topic_problem(*item) for item in topics.items()), fine)


def _offsets(cluster: Cluster, kafka: KafkaSettings, partitions: Mapping[str, int]) -> Check:
    try:
        standings = cluster.standings(partitions)
    except StartError as error:
        return Check(Name.OFFSETS, State.FAILED, str(error))
    if not standings:
        return Check(Name.OFFSETS, State.SKIPPED, "there is no partition to look at")
    if gone := [it for it in standings if _is_gone(it)]:
        return _gone(gone, kafka)
    fresh = sum(it.committed is None for it in standings)
    waiting = sum(it.high - (it.low if it.committed is None else it.committed) for it in standings)
    if not fresh:
        return Check(Name.OFFSETS, State.OK, f"{waiting} records wait to be read")
    start = kafka.auto_offset_reset
    if start == "error":
        text = (
            f"{fresh} partitions without a committed offset: the program stops there. Set"
            " SEG_KAFKA__AUTO_OFFSET_RESET to earliest or latest"
        )
        return Check(Name.OFFSETS, State.FAILED, text)
    text = f"{fresh} partitions without a committed offset start at the {start}"
    return Check(Name.OFFSETS, State.OK, f"{text}; {waiting} records are in the log")


def _is_gone(it: Standing) -> bool:
    return it.committed is not None and not it.low <= it.committed <= it.high


def _gone(gone: Sequence[Standing], kafka: KafkaSettings) -> Check:
    """Return what was deleted unread, or that the topic was made anew."""
    told = []
    for it in gone[:SHOWN]:
        place, committed = f"{it.partition.topic}/{it.partition.number}", it.committed or 0
        if committed < it.low:
            told.append(f"{place}: {it.low - committed} records were deleted before they were read")
        else:
            told.append(f"{place}: the log ends at {it.high}, before the committed {committed}")
    more = f" (and {len(gone) - SHOWN} partitions more)" if len(gone) > SHOWN else ""
    choice = kafka.on_offset_out_of_range
    variable = "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE"
    if choice == "error":
        state, what = State.FAILED, f"the program stops there; set {variable} to earliest or latest"
    else:
        state, what = State.WARNING, f"the program goes on at the {choice} ({variable})"
    advice = "a longer retention.ms of the topic keeps it from happening again"
    return Check(Name.OFFSETS, state, f"{'; '.join(told)}{more}: {what}; {advice}")


def _dead_letters(
    cluster: Cluster,
    topics: Mapping[str, Topic],
    sources: Mapping[str, Sequence[str]],
    *,
    create: bool,
) -> Check:
    findings = [
        examine(cluster, name, topic, sources[name], create=create)
        for name, topic in topics.items()
    ]
    failed = judged(Name.DEAD_LETTERS, (it.problem for it in findings), "")
    if failed.state is State.FAILED:
        return failed
    if warnings := [it.warning for it in findings if it.warning is not None]:
        return Check(Name.DEAD_LETTERS, State.WARNING, "; ".join(warnings))
    states = {"there": "can be written", "missing": "is made at the start"}
    told = [f"{name} {states[topic.state]}" for name, topic in topics.items()]
    return Check(Name.DEAD_LETTERS, State.OK, ", ".join(told) or "none yet")
