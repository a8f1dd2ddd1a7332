"""What a person wants to know of running members, out of two looks at each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.observe.scrape import Labels, Scrape

ENDS: Final = {
    "delivered": "calls_delivered_total",
    "ignored": "records_ignored_total",
    "dead_lettered": "records_dead_lettered_total",
}
"""The ways in which a record ends here, and the metric that counts each."""


class PartitionLag(NamedTuple):
    """How far one partition is behind; None where its member does not know it yet."""

    topic: str
    partition: int
    owner: str
    """The address of the member that owns it."""
    records: float | None
    seconds: float | None


class Figures(NamedTuple):
    """One member."""

    address: str
    problem: str | None
    """Why it did not answer; all that follows is empty then."""
    per_second: dict[str, float]
    """Records received, delivered, ignored and dead-lettered; empty without a look before."""
    outcomes: dict[str, dict[str, int]]
    """Since the member started: {outcome: {call or reason: records}}, none that is 0."""
    latency_s: dict[str, float]
    """`p50` and `p99` of requests to Seg, between the looks, else since the start."""
    requests: int | None
    """Under way."""
    limit: int | None
    """How many may be."""
    in_flight: int | None
    """Records started and not finished."""
    retrying: int | None
    """Batches that wait for another attempt."""
    waits_for: str | None
    detail: str | None
    """Of what it waits for, or of the last failure."""
    lags: tuple[PartitionLag, ...]


def unreachable(address: str, problem: str) -> Figures:
    """Return the figures of a member that did not answer."""
    return Figures(address, problem, {}, {}, {}, None, None, None, None, None, None, ())


def figures(address: str, now: Scrape, before: Scrape | None) -> Figures:
    """Return what *now* says, and how fast things go since *before*."""
    return Figures(
        address=address,
        problem=None,
        per_second={} if before is None else _rates(now, before),
        outcomes={name: _reasons(now, metric) for name, metric in ENDS.items()},
        latency_s=_latency(now, before),
        requests=_whole(now, "requests_in_flight"),
        limit=_whole(now, "concurrency_limit"),
        in_flight=_whole(now, "records_in_flight"),
        retrying=_whole(now, "batches_retrying"),
        waits_for=_text(now.ready.get("waits_for")),
        detail=_text(now.ready.get("detail")),
        lags=_lags(address, now),
    )


def as_json(members: Iterable[Figures]) -> dict[str, object]:
    """Return the figures of *members* and their sums, for programs."""
    members = list(members)
    return {
        "members": [
            {**it._asdict(), "lags": [dict(lag._asdict()) for lag in it.lags]} for it in members
        ],
        "total": {
            "per_second": total_per_second(members),
            "lag_records": total_lag(members),
            "lag_seconds": worst_lag_s(members),
        },
    }


def total_per_second(members: Iterable[Figures]) -> dict[str, float]:
    """Return the rates of all *members* together."""
    total: dict[str, float] = {}
    for member in members:
        for name, rate in member.per_second.items():
            total[name] = total.get(name, 0.0) + rate
    return total


def total_lag(members: Iterable[Figures]) -> float | None:
    """Return the lag of all partitions in records; None where none is known."""
    known = [lag.records for it in members for lag in it.lags if lag.records is not None]
    return sum(known) if known else None


def worst_lag_s(members: Iterable[Figures]) -> float | None:
    """Return the age of the oldest unfinished record of all; None where none is known."""
    return max(
        (lag.seconds for it in members for lag in it.lags if lag.seconds is not None), default=None
    )


def _rates(now: Scrape, before: Scrape) -> dict[str, float]:
    seconds = now.at_s - before.at_s
    if seconds <= 0.0:
        return {}
    names = {"received": "records_received_total", **ENDS}
    # A member that restarted between the looks counts from 0 again.
    return {
        name: max(0.0, _sum(now, metric) - _sum(before, metric)) / seconds
        for name, metric in names.items()
    }


def _reasons(now: Scrape, metric: str) -> dict[str, int]:
    found = now.samples.get(metric, {})
    return {labels[0][1]: int(value) for labels, value in found.items() if labels and value}


def _latency(now: Scrape, before: Scrape | None) -> dict[str, float]:
    buckets = _buckets(now)
    if before is not None:
        earlier = _buckets(before)
        since = {bound: number - earlier.get(bound, 0.0) for bound, number in buckets.items()}
        if all(number >= 0.0 for number in since.values()) and any(since.values()):
            buckets = since
    found = {name: _quantile(buckets, share) for name, share in (("p50", 0.5), ("p99", 0.99))}
    return {name: value for name, value in found.items() if value is not None}


def _buckets(scrape: Scrape) -> dict[float, float]:
    """Return how many requests took at most so many seconds."""
    found = scrape.samples.get("request_seconds_bucket", {})
    return {float(dict(labels)["le"]): number for labels, number in sorted(found.items())}


def _quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the bound below which *share* of the requests stayed, as PromQL interpolates it."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    below, lower = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= share * total:
            if bound == float("inf"):
                return lower
            inside = buckets[bound] - below
            return lower + (bound - lower) * ((share * total - below) / inside if inside else 1.0)
        below, lower = buckets[bound], bound
    return lower


def _lags(address: str, now: Scrape) -> tuple[PartitionLag, ...]:
    records, seconds = now.samples.get("lag_records", {}), now.samples.get("lag_seconds", {})
    owned = {*records, *seconds, *now.samples.get("position_offset", {})}
    found = [
        PartitionLag(
            dict(labels)["topic"],
            int(dict(labels)["partition"]),
            address,
            records.get(labels),
            seconds.get(labels),
        )
        for labels in owned
    ]
    return tuple(sorted(found, key=lambda lag: (-(lag.records or 0.0), lag.topic, lag.partition)))


def _sum(scrape: Scrape, metric: str) -> float:
    return sum(scrape.samples.get(metric, {}).values())


def _whole(scrape: Scrape, metric: str) -> int | None:
    none: Labels = ()
    value = scrape.samples.get(metric, {}).get(none)
    return None if value is None else int(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
