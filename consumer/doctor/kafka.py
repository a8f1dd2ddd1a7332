"""From the brokers to the dead-letter topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.errors import StartError
from consumer.doctor.records import check_records
from consumer.doctor.report import Check, Name, State, counted, judged, skipped
from consumer.kafka.connectivity import Stage, UnreachableError
from consumer.kafka.dead_letter_topics import examine, sources_of
from consumer.kafka.inspect import Cluster
from consumer.kafka.rights import group_problem, strategy_problem, topic_problem
from consumer.kafka.start import matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.core.timing import Clock
    from consumer.kafka.inspect import Standing
    from consumer.kafka.rights import Group, Topic
    from consumer.settings import KafkaSettings, Settings

PATIENCE_S: Final = 5.0
"""How long to wait for the brokers: a person is watching."""
SHOWN: Final = 5
"""How many partitions with the same problem are named."""

_CONNECTION: Final = (Name.BROKERS, Name.TLS, Name.LOGIN)
_REST: Final = (Name.TOPICS, Name.GROUP, Name.OFFSETS, Name.RECORDS, Name.DEAD_LETTERS)


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
        return connection + _inside(cluster, settings, visible, clock)
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


def _inside(
    cluster: Cluster, settings: Settings, visible: Iterable[str], clock: Clock
) -> list[Check]:
    kafka = settings.kafka
    matched = matching(kafka.topics, visible)
    names = [name for name in kafka.topics if not name.startswith("^")] + matched
    letter_topics = sources_of(settings.dead_letter, names)
    topics = cluster.topics([*names, *letter_topics])
    partitions = {name: topics[name].partitions for name in names}
    group = cluster.group()  # first: it waits where the brokers have never seen a group
    try:
        standings = cluster.standings(partitions)
    except StartError as error:
        offsets = Check(Name.OFFSETS, State.FAILED, str(error))
        [records] = skipped([Name.RECORDS], "not read, for offsets failed")
    else:
        offsets = _offsets(standings, kafka)
        records = check_records(settings, standings, clock)
    return [
        _topics({name: topics[name] for name in names}, kafka),
        _group(group, kafka),
        offsets,
        records,
        _dead_letters(cluster, {name: topics[name] for name in letter_topics}, settings, names),
    ]


def _topics(topics: Mapping[str, Topic], kafka: KafkaSettings) -> Check:
    if not topics:
        text = (
            f"no topic matches {', '.join(kafka.topics)}: check SEG_KAFKA__TOPICS. Nothing is read"
            " until one appears that does"
        )
        return Check(Name.TOPICS, State.FAILED, text)
    fine = ", ".join(
        f"{name} ({counted(topic.partitions, 'partition')})" for name, topic in topics.items()
    )
    return judged(Name.TOPICS, (topic_problem(*item) for item in topics.items()), fine)


def _group(group: Group, kafka: KafkaSettings) -> Check:
    problems = [group_problem(kafka.group_id, group.rights)]
    if kafka.group_protocol == "classic":
        problems.append(strategy_problem(kafka.group_id, group, kafka.assignment_strategy))
    members = f"; it has {counted(group.members, 'member')} now" if group.members else ""
    return judged(Name.GROUP, problems, f"{kafka.group_id} may be joined{members}")


def _offsets(standings: Sequence[Standing], kafka: KafkaSettings) -> Check:
    """Return where a start begins to read, and how much there is."""
    if not standings:
        return Check(Name.OFFSETS, State.SKIPPED, "there is no partition to look at")
    if gone := [it for it in standings if _is_gone(it)]:
        return _gone(gone, kafka)
    fresh = [it for it in standings if it.committed is None]
    begun = sum(it.high - it.committed for it in standings if it.committed is not None)
    told = []
    if len(fresh) < len(standings):
        told.append(f"{counted(begun, 'record')} from the committed offsets on")
    start = kafka.auto_offset_reset
    where = f"{counted(len(fresh), 'partition')} without a committed offset"
    if fresh and start == "error":
        text = (
            f"{where}: the program stops there. Set SEG_KAFKA__AUTO_OFFSET_RESET to earliest or"
            " latest"
        )
        return Check(Name.OFFSETS, State.FAILED, text)
    if fresh:
        inside = sum(it.high - it.low for it in fresh) if start == "earliest" else 0
        told.append(f"{counted(inside, 'record')} from the {start} on in {where}")
    return Check(Name.OFFSETS, State.OK, f"a start reads {' and '.join(told)}")


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
    cluster: Cluster, topics: Mapping[str, Topic], settings: Settings, sources: Iterable[str]
) -> Check:
    served = sources_of(settings.dead_letter, sources)
    create = settings.dead_letter.create
    findings = [
        examine(cluster, name, topic, served[name], create=create) for name, topic in topics.items()
    ]
    failed = judged(Name.DEAD_LETTERS, (it.problem for it in findings), "")
    if failed.state is State.FAILED:
        return failed
    warnings = [it.warning for it in findings if it.warning is not None]
    warnings += _letters(cluster, topics)
    if warnings:
        return Check(Name.DEAD_LETTERS, State.WARNING, "; ".join(warnings))
    states = {"there": "can be written", "missing": "is made at the start"}
    told = [f"{name} {states[topic.state]}" for name, topic in topics.items()]
    return Check(Name.DEAD_LETTERS, State.OK, ", ".join(told) or "none yet")


def _letters(cluster: Cluster, topics: Mapping[str, Topic]) -> list[str]:
    """Return which of the dead-letter *topics* hold letters; those that were replayed included."""
    there = {name: topic.partitions for name, topic in topics.items() if topic.state == "there"}
    try:
        standings = cluster.standings(there)
    except StartError:
        return []  # it can be written, and need not be read
    held = dict.fromkeys(there, 0)
    for it in standings:
        held[it.partition.topic] += it.high - it.low
    return [
        f"{name} holds {counted(number, 'letter')}: seg-consumer dead-letters list tells why"
        for name, number in held.items()
        if number
    ]
