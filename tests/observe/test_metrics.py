"""Every metric as users see it: its name, its value in a scrape, and the law between the counts."""

from __future__ import annotations

import dataclasses
import re

import prometheus_client
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from consumer.observe.counting import LATENCIES_S, SIZES, Histogram, Labelled, add
from consumer.observe.exposition import Metrics
from consumer.observe.metrics import PREFIX, Declaration, Kind, Tally, declarations
from tests.fakes import FakeClock

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name and labels."""


def scrape(metrics: Metrics) -> Samples:
    """Return our own series in a scrape, as a Prometheus server reads them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    }


def scraped(tally: Tally) -> Samples:
    """Return what a scrape of *tally* shows."""
    metrics = Metrics(FakeClock())
    metrics.publish(tally)
    return scrape(metrics)


def filled() -> Tally:
    """Return a tally with a value of its own in every field."""
    tally = Tally()
    for number, field in enumerate(dataclasses.fields(Tally), start=1):
        value = getattr(tally, field.name)
        if isinstance(value, Histogram):
            value.observe(number)
        elif isinstance(value, dict):
            value[tuple(f"l{place}" for place in range(len(field.metadata["labels"])))] = number
        else:
            setattr(tally, field.name, number)
    return tally


@pytest.mark.parametrize("declared", declarations(), ids=lambda declared: declared.name)
def test_metric_is_declared_in_full(declared: Declaration) -> None:
    """A name in base units by Prometheus' rules, a sentence of help, and what looks at it."""
    assert re.fullmatch(r"seg_consumer_[a-z]+(_[a-z]+)*", declared.name)
    assert not re.search(r"_(ms|millis|milliseconds|minutes|hours|kb|mb)\b", declared.name)
    assert declared.name.endswith("_total") is (declared.kind is Kind.COUNTER)
    assert re.fullmatch(r"[A-Z1].*\.", declared.help)
    assert declared.serves
    assert all(re.fullmatch(r"[a-z]+", label) for label in declared.labels)


def test_every_metric_is_in_a_scrape() -> None:
    """Under its declared name and labels, with the value of its field."""
    samples = scraped(filled())

    for number, declared in enumerate(declarations(), start=1):
        labels = tuple(sorted((label, f"l{n}") for n, label in enumerate(declared.labels)))
        if declared.kind is Kind.HISTOGRAM:
            assert samples[declared.name + "_sum", labels] == number
            assert samples[declared.name + "_count", labels] == 1
        elif declared.kind is Kind.AGE:
            assert samples[declared.name, labels] == 0
        else:
            assert samples[declared.name, labels] == number


def test_nothing_else_is_in_a_scrape() -> None:
    """Each series belongs to a declared metric."""
    names = {re.sub(r"_(sum|count|bucket)$", "", name) for name, _ in scraped(filled())}

    assert {declared.name for declared in declarations()} == names


def test_type_and_help_of_a_metric_are_shown() -> None:
    """What the declaration says is what a user reads."""
    families = text_string_to_metric_families(Metrics(FakeClock()).exposition().decode())
    shown = {family.name: (family.type, family.documentation) for family in families}

    for declared in declarations():
        kind = Kind.GAUGE if declared.kind is Kind.AGE else declared.kind
        assert (kind, declared.help) == shown[declared.name.removesuffix("_total")]


def test_value_that_is_not_known_is_absent() -> None:
    """A fresh tally shows counters of zero and no gauge at all but what is in flight."""
    samples = scraped(Tally())
    gauges = {d.name for d in declarations() if d.kind in {Kind.GAUGE, Kind.AGE}}

    assert {(PREFIX + "records_in_flight", ())} == {key for key in samples if key[0] in gauges}
    assert samples[PREFIX + "records_received_total", ()] == 0


def test_process_and_platform_are_shown_too() -> None:
    """Memory, file descriptors and the version of Python come for nothing."""
    text = Metrics(FakeClock()).exposition().decode()

    assert "process_resident_memory_bytes" in text
    assert "python_info" in text


def test_label_values_are_escaped() -> None:
    """Whatever a topic or an error code is called, the scrape stays readable."""
    tally = Tally()
    add(tally.kafka_errors, 'a "b"\\\nc')

    key = (PREFIX + "kafka_errors_total", (("code", 'a "b"\\\nc'),))
    assert scraped(tally)[key] == 1


def test_scrape_shows_one_moment() -> None:
    """What the pipeline counts after it has published is not seen before it publishes again."""
    metrics, tally = Metrics(FakeClock()), filled()
    metrics.publish(tally)
    before = scrape(metrics)

    tally.records_received += 1
    add(tally.records_ignored, "tombstone")
    tally.request_seconds.observe(1)

    assert before == scrape(metrics)
    metrics.publish(tally)
    assert before != scrape(metrics)
    assert metrics.published.records_received == tally.records_received


def test_age_is_counted_to_the_moment_of_the_scrape() -> None:
    """A loop that hangs publishes nothing more: its age must grow all the same."""
    clock = FakeClock()
    metrics, tally = Metrics(clock), Tally(poll_age_seconds=clock.monotonic_s())
    metrics.publish(tally)

    clock.advance(42.5)

    assert scrape(metrics)[PREFIX + "poll_age_seconds", ()] == 42.5


def test_negative_time_counts_as_none_at_all() -> None:
    """Another machine's clock may be ahead of ours; a sum that falls would look like a restart."""
    ages = Histogram(LATENCIES_S)

    for age in (0.5, -3.0):
        ages.observe(age)

    assert (ages.counts[0], sum(ages.counts), ages.total) == (1, 2, 0.5)


@settings(deadline=None)
@given(
    bounds=st.sampled_from([LATENCIES_S, SIZES]),
    values=st.lists(st.floats(0, 10_000) | st.sampled_from(LATENCIES_S)),
)
def test_histogram_is_the_client_librarys_own(
    bounds: tuple[float, ...], values: list[float]
) -> None:
    """Same buckets, same count, same sum as the histogram of `prometheus_client`."""
    registry = prometheus_client.CollectorRegistry()
    theirs = prometheus_client.Histogram(
        PREFIX + "request_seconds", "x", buckets=bounds, registry=registry
    )
    ours = Histogram(bounds)
    for value in values:
        theirs.observe(value)
        ours.observe(value)

    expected = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in theirs.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    samples = scraped(Tally(request_seconds=ours))
    assert expected == {key: samples[key] for key in samples if "request_seconds" in key[0]}


@given(st.lists(st.floats(-10, 10_000) | st.sampled_from(LATENCIES_S)))
def test_many_values_count_as_each_of_them(values: list[float]) -> None:
    """Counted together or one by one."""
    together, one_by_one = Histogram(LATENCIES_S), Histogram(LATENCIES_S)

    together.observe_all(values)
    for value in values:
        one_by_one.observe(value)

    assert together.counts == one_by_one.counts
    assert together.total == one_by_one.total


def test_several_are_counted_as_so_many() -> None:
    """Under their labels, on top of what is there."""
    counts: Labelled = {}

    add(counts, "a")
    add(counts, "a", times=3)
    add(counts, "b", times=2)

    assert counts == {("a",): 4, ("b",): 2}


ends: st.SearchStrategy[Labelled] = st.dictionaries(
    st.sampled_from([("a",), ("b",), ("c",)]), st.integers(0, 100).map(float)
)


@settings(deadline=None)
@given(ends, ends, ends, st.integers(0, 100))
def test_outcomes_are_all_the_ways_out(
    delivered: Labelled, ignored: Labelled, dead: Labelled, handed_over: int
) -> None:
    """The law of conservation adds these four; there is no fifth way out."""
    tally = Tally(
        calls_delivered=delivered,
        records_ignored=ignored,
        records_dead_lettered=dead,
        records_handed_over=handed_over,
    )

    parts = *delivered.values(), *ignored.values(), *dead.values(), handed_over
    assert sum(parts) == tally.outcomes


def test_delivery_tells_the_tally_of_each_answer() -> None:
    """By its class and cause, with the time it took and how many calls travelled in it."""
    tally = Tally()

    taken, timeout = ("delivered", "2xx"), ("transient", "timeout")
    tally.answered([(taken, 3, 0.5), (timeout, 1, 2.0), (taken, 1, 0.25)])
    tally.answered([])
    tally.resent(2)
    tally.retried(4)

    assert {taken: 2, timeout: 1, ("transient", "reset"): 2} == tally.request_attempts
    assert (2.75, 3) == (tally.request_seconds.total, sum(tally.request_seconds.counts))
    assert (5, 3) == (tally.batch_calls.total, sum(tally.batch_calls.counts))
    assert tally.calls_retried == 4


def test_copy_shares_nothing() -> None:
    """The scrape's thread reads the copy while the pipeline goes on with the original."""
    tally = filled()
    copy = tally.copy()

    for field in dataclasses.fields(Tally):
        ours, theirs = getattr(tally, field.name), getattr(copy, field.name)
        if isinstance(ours, Histogram):
            assert (ours.bounds, ours.counts, ours.total) == (
                theirs.bounds,
                theirs.counts,
                theirs.total,
            )
            assert ours.counts is not theirs.counts
        else:
            assert ours == theirs
            assert not isinstance(ours, dict) or ours is not theirs
