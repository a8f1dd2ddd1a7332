"""Gauges: written from the parts' state before a tally is published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.ports import Extent
from consumer.flow.assignment import Assignment
from consumer.flow.letters import Letters
from consumer.seg.breaker import OpenReason
from consumer.seg.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.core.ledger import Ledger
    from consumer.core.model import Partition, Tenure
    from consumer.flow.pipeline import Pipeline
    from consumer.observe.metrics import Tally

UNKNOWN = Extent(None, None)


class Gauged(NamedTuple):
    """The parts whose state is shown."""

    assignment: Assignment
    delivery: Delivery
    letters: Letters


def refresh(tally: Tally, parts: Gauged) -> None:
    """Write the state of *parts* into *tally*."""
    tenures = parts.assignment.tenures
    delivery = parts.delivery
    tally.assigned_partitions = len(tenures)
    tally.paused_partitions = sum(bool(tenure.pauses) for tenure in tenures)
    tally.dead_letters_pending = parts.letters.pending
    tally.requests_in_flight = delivery.requests_in_flight
    tally.concurrency_limit = delivery.concurrency.limit
    tally.request_rate_limit = delivery.rate.limit
    tally.batches_retrying = delivery.retrying
    for reason in OpenReason:
        tally.breaker_open[(reason,)] = int(delivery.breaker.reason is reason)
    tally.breaker_open[(OpenReason.MISCONFIGURED,)] = int(parts.letters.misconfigured)
    # What is over stays, at 0: a series that ends looks like a scrape that failed.
    tally.dead_letters_kept = dict.fromkeys(tally.dead_letters_kept, 0)
    for labels, letters in parts.letters.kept().items():
        tally.dead_letters_kept[labels] = letters


def refresh_waits(tally: Tally, pipeline: Pipeline) -> None:
    """Write what *pipeline* waits for into *tally*."""
    tally.held_partitions = pipeline.held_partitions
    tally.waits_for = dict.fromkeys(tally.waits_for, 0)
    if pipeline.waits_for is not None:
        tally.waits_for[(pipeline.waits_for,)] = 1


def refresh_lag(
    tally: Tally,
    tenures: Collection[Tenure],
    extents: Mapping[Partition, Extent],
    now_ms: float,
) -> None:
    """Write the lag of each partition, as far as *extents* tell it."""
    for tenure in tenures:
        partition, ledger = tenure.partition, tenure.ledger
        labels = (partition.topic, str(partition.number))
        reader, end = extents.get(partition, UNKNOWN)
        position = reader if ledger.position is None else ledger.position
        if position is None:
            continue
        tally.position_offset[labels] = position
        if tenure.committed is not None:
            tally.committed_offset[labels] = tenure.committed.position
        if end is not None:
            lag = max(0, end - position)
            tally.lag_records[labels] = lag
            age_s = _age_s(ledger, now_ms) if lag else 0.0
            if age_s is None:
                tally.lag_seconds.pop(labels, None)
            else:
                tally.lag_seconds[labels] = age_s


def _age_s(ledger: Ledger, now_ms: float) -> float | None:
    """Return the age of the oldest unfinished record, or of the newest read where none is.

    The second is an upper bound, for unread records are younger than read ones. None where
    nothing was read, or where the log has no timestamps.
    """
    timestamp_ms = ledger.oldest_timestamp_ms
    if timestamp_ms is None:
        timestamp_ms = ledger.newest_timestamp_ms
    return None if timestamp_ms is None else max(0.0, now_ms - timestamp_ms) / 1000
