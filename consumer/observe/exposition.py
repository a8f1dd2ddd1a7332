"""The last published tally in Prometheus' text format; the only module that knows the client."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from consumer.observe.counting import Histogram
from consumer.observe.metrics import Declaration, Kind, Tally, declaration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.timing import Clock


class Metrics:
    """What `/metrics` shows: the last published tally, and the process's own figures."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._published = Tally()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    @property
    def published(self) -> Tally:
        """The last published tally: one moment, never changed."""
        return self._published

    def publish(self, tally: Tally) -> None:
        """Show *tally* as it is now; called by its owner between two changes."""
        self._published = tally.copy()

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last published moment (`prometheus_client`'s protocol)."""
        tally = self._published
        for field in dataclasses.fields(Tally):
            yield _metric(declaration(field), getattr(tally, field.name), self._clock)


def _metric(declared: Declaration, value: Any, clock: Clock) -> Metric:  # noqa: ANN401 - any field
    family: CounterMetricFamily | GaugeMetricFamily
    if isinstance(value, Histogram):
        return _histogram_metric(declared, value)
    if declared.kind is Kind.COUNTER:
        family = CounterMetricFamily(declared.name, declared.help, labels=declared.labels)
    else:
        family = GaugeMetricFamily(declared.name, declared.help, labels=declared.labels)
    if isinstance(value, dict):
        for labels, number in value.items():
            family.add_metric([str(label) for label in labels], number)
    elif declared.kind is Kind.AGE and value is not None:
        family.add_metric((), max(0.0, clock.monotonic_s() - value))
    elif value is not None:
        family.add_metric((), value)
    return family


def _histogram_metric(declared: Declaration, value: Histogram) -> Metric:
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, number in zip(
        (*map(str, map(float, value.bounds)), "+Inf"), value.counts, strict=True
    ):
        below += number
        buckets.append((bound, below))
    family = HistogramMetricFamily(declared.name, declared.help)
    family.add_metric((), buckets, value.total)
    return family
