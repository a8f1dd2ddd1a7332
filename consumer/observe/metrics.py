"""Every metric, declared once: a field of `Tally`, with its help and the panel or alert it serves.

The pipeline counts in plain numbers and publishes a copy at the end of a turn (`exposition`); a
scrape, on another thread, reads the last copy. So each scrape sees one moment, and in each

    records_received = delivered + ignored + dead_lettered + handed_over + in_flight

holds. (`handed_over` are the records of a revoked partition that were not finished here: they
are the next owner's.) Counting costs no lock and a fraction of a microsecond.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.observe.counting import LATENCIES_S, SIZES, Histogram, Labelled, add

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PREFIX = "seg_consumer_"


class Kind(StrEnum):
    """How a field becomes a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    AGE = "age"
    """A gauge whose field holds a moment (monotonic seconds): exported as the time since."""


class Declaration(NamedTuple):
    """One metric as users see it."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    serves: str


def _declare(kind: Kind, help_: str, serves: str, labels: tuple[str, ...]) -> dict[str, Any]:
    return {"kind": kind, "help": help_, "serves": serves, "labels": labels}


def _counter(help_: str, serves: str) -> Any:  # noqa: ANN401 - as dataclasses.field itself
    return dataclasses.field(default=0, metadata=_declare(Kind.COUNTER, help_, serves, ()))


def _gauge(help_: str, serves: str, kind: Kind = Kind.GAUGE, default: int | None = None) -> Any:  # noqa: ANN401 - likewise
    return dataclasses.field(default=default, metadata=_declare(kind, help_, serves, ()))


def _labelled(kind: Kind, help_: str, serves: str, *labels: str, values: Iterable[str] = ()) -> Any:  # noqa: ANN401 - likewise
    # What starts at 0 shows its first event: Prometheus sees no increase in a series born at 1.
    return dataclasses.field(
        default_factory=lambda: {(value,): 0 for value in values},
        metadata=_declare(kind, help_, serves, labels),
    )


def _histogram(help_: str, serves: str, bounds: tuple[float, ...] = LATENCIES_S) -> Any:  # noqa: ANN401
    return dataclasses.field(
        default_factory=lambda: Histogram(bounds),
        metadata=_declare(Kind.HISTOGRAM, help_, serves, ()),
    )


C, G = Kind.COUNTER, Kind.GAUGE


@dataclass(slots=True)
class Tally:
    """What is counted and measured; one field a metric, None where there is no value yet."""

    records_received: int = _counter("Records read from Kafka that need work here.", "Throughput")
    calls_delivered: Labelled = _labelled(C, "Calls that Seg took, by call.", "Throughput", "call")
    records_ignored: Labelled = _labelled(
        C, "Records with nothing to do.", "Outcomes", "reason", values=IgnoredReason
    )
    records_dead_lettered: Labelled = _labelled(
        C,
        "Records stored in the dead-letter topic.",
        "Alert SegConsumerDeadLetters",
        "reason",
        values=DeadLetterReason,
    )
    records_handed_over: int = _counter(
        "Records of revoked partitions, unfinished here: the next owner's.", "Rebalances"
    )
    records_in_flight: int = _gauge("Records started and not finished.", "Saturation", default=0)
    records_skipped: int = _counter(
        "Records read again that were finished before: after a crash or a rebalance.", "Rebalances"
    )
    identifies_anonymous: int = _counter(
        "Identify calls delivered without traits.email: Seg cannot know the customer.", "Outcomes"
    )
    values_left_out: Labelled = _labelled(
        C,
        "Values that could not be read and that Seg was not sent, by Seg's key.",
        "Alert SegConsumerValuesLeftOut",
        "key",
    )
    request_attempts: Labelled = _labelled(
        C,
        "Requests to Seg that were answered or broke, by class and cause.",
        "Outcomes",
        "class",
        "cause",
    )
    request_seconds: Histogram = _histogram("From a request's start to its end.", "Latency")
    batch_calls: Histogram = _histogram("Calls in one request.", "Throughput", SIZES)
    event_to_ack_seconds: Histogram = _histogram(
        "From the event's own timestamp to Seg's acknowledgement.", "Latency"
    )
    append_to_ack_seconds: Histogram = _histogram(
        "From the record's append to Kafka to Seg's acknowledgement.",
        "Alert SegConsumerFreshnessBurn",
    )
    calls_retried: int = _counter("Calls that were tried again.", "Outcomes")
    batches_retrying: int | None = _gauge("Batches that wait for another attempt.", "Outcomes")
    requests_in_flight: int | None = _gauge("Requests to Seg under way.", "Saturation")
    concurrency_limit: int | None = _gauge("How many requests may be under way.", "Saturation")
    request_rate_limit: float | None = _gauge(
        "Requests a second that may start; absent without a bound.", "Saturation"
    )
    breaker_open: Labelled = _labelled(
        G,
        "1 for the reason why no calls are sent, or a topic is not read, else 0.",
        "Alert SegConsumerBreakerOpen",
        "reason",
    )
    waits_for: Labelled = _labelled(
        G,
        "1 for what /readyz says that consumption waits for, 0 once it is over.",
        "Headline",
        "reason",
    )
    held_partitions: int | None = _gauge(
        "Partitions whose next record waits for its schema.", "Headline"
    )
    dead_letters_kept: Labelled = _labelled(
        G,
        "Poison kept back for it may be a storm, or a setting's fault: unfinished records.",
        "Headline",
        "topic",
        "reason",
    )
    lag_records: Labelled = _labelled(
        G, "Records in the log from the position on.", "Lag", "topic", "partition"
    )
    lag_seconds: Labelled = _labelled(
        G, "Age of the oldest unfinished record.", "Alert SegConsumerLag", "topic", "partition"
    )
    committed_offset: Labelled = _labelled(
        G, "The offset that the broker has acknowledged.", "Commits", "topic", "partition"
    )
    position_offset: Labelled = _labelled(
        G, "The oldest unfinished offset.", "Alert SegConsumerStuck", "topic", "partition"
    )
    assigned_partitions: int | None = _gauge("Partitions that this member owns.", "Scaling")
    paused_partitions: int | None = _gauge("Owned partitions that are paused.", "Saturation")
    rebalances: Labelled = _labelled(
        C,
        "Times that partitions came or went.",
        "Alert SegConsumerRebalanceStorm",
        "event",
        values=("assigned", "revoked", "lost"),
    )
    revoke_drain_seconds: Histogram = _histogram(
        "How long a revoke waited for requests under way.", "Rebalances"
    )
    commit_seconds: Histogram = _histogram("From a commit to the broker's answer.", "Commits")
    commit_failures: Labelled = _labelled(
        C, "Commits that the broker refused.", "Alert SegConsumerCommitFailures", "code"
    )
    dead_letters_pending: int | None = _gauge(
        "Dead letters that the broker has not acknowledged.", "Outcomes"
    )
    dead_letter_write_failures: int = _counter(
        "Dead letters that the broker refused; each is tried again.",
        "Alert SegConsumerDeadLetterWritesFail",
    )
    dependency_failures: Labelled = _labelled(
        C,
        "Times that a dependency did not answer and records waited.",
        "Alert SegConsumerDependencyAway",
        "dependency",
    )
    registry_lookup_seconds: Histogram = _histogram(
        "From a look-up in the schema registry to its end, with an answer or without.", "Latency"
    )
    kafka_errors: Labelled = _labelled(C, "Errors that the Kafka client told.", "Brokers", "code")
    poll_age_seconds: float | None = _gauge(
        "Since the loop last polled.", "Alert SegConsumerStuck", Kind.AGE
    )
    loop_seconds: Labelled = _labelled(C, "Where the loop's time goes.", "Loop time", "stage")
    build_info: Labelled = _labelled(
        G,
        "Always 1; the versions are its labels, and whether it is compiled.",
        "Headline",
        *("version", "python", "librdkafka", "build"),
    )

    def answered(self, answers: Sequence[tuple[tuple[str, str], int, float]]) -> None:
        """Note what requests met, how many calls they had, and their seconds (for `seg`)."""
        if answers:
            labels, calls, seconds = zip(*answers, strict=True)
            for label in set(labels):
                add(self.request_attempts, *label, times=labels.count(label))
            self.request_seconds.observe_all(seconds)
            self.batch_calls.observe_all(calls)

    def resent(self, times: int) -> None:
        """Note requests that the HTTP client sent again by itself (for `seg.delivery`)."""
        add(self.request_attempts, "transient", "reset", times=times)

    def retried(self, calls: int) -> None:
        """Note that *calls* calls will be tried again (for `seg.delivery`)."""
        self.calls_retried += calls

    def copy(self) -> Tally:
        """Return the same values as they are now."""
        other = Tally.__new__(Tally)
        for name in _FIELDS:
            value = getattr(self, name)
            setattr(other, name, value.copy() if hasattr(value, "copy") else value)
        return other

    @property
    def outcomes(self) -> int:
        """How many records have ended here or left; with those in flight, all that came."""
        ended = sum(self.calls_delivered.values()) + sum(self.records_ignored.values())
        return int(ended + sum(self.records_dead_lettered.values())) + self.records_handed_over


_FIELDS = tuple(field.name for field in dataclasses.fields(Tally))


def declarations() -> list[Declaration]:
    """Return every metric as users see it, in the order of declaration."""
    return [declaration(field) for field in dataclasses.fields(Tally)]


def declaration(field: dataclasses.Field[Any]) -> Declaration:
    """Return the metric that *field* of `Tally` is."""
    kind: Kind = field.metadata["kind"]
    suffix = "_total" if kind is Kind.COUNTER else ""
    name = PREFIX + field.name + suffix
    return Declaration(
        name, kind, field.metadata["labels"], field.metadata["help"], field.metadata["serves"]
    )
