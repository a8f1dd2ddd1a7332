"""Whoever is woken finds the cause in the dashboard's first row, within a minute of its start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import pytest

from consumer.seg.breaker import OpenReason
from tests.monitoring.content import panels
from tests.monitoring.prometheus import CLOCK, Prometheus, wait_for
from tests.monitoring.promql import without_variables
from tests.monitoring.troubles import HOT, troubled_members

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [pytest.mark.monitoring, pytest.mark.broker, pytest.mark.timeout(300)]

WITHIN_S = 150.0
"""A minute is what is promised, and a quarter of that usual; the rest is for a busy machine."""
FAR_BEHIND = 500
"""Records, or seconds: more than any partition has that is not hot."""
FIRST_ROW = {panel.title: panel for panel in panels() if panel.row == "Headline"}


class Sign(NamedTuple):
    """Series of a panel of the first row that tell a cause."""

    panel: str
    labels: dict[str, str]
    at_least: float = 1e-9
    """A value of it."""


SIGNS: dict[str, list[Sign]] = {
    "healthy": [Sign("In and out", {}, 1)],
    "down": [
        Sign("Waits for", {"reason": "outage"}),
        Sign("Answers of Seg", {"class": "transient", "cause": "5xx"}),
    ],
    "dns": [
        Sign("Waits for", {"reason": "outage"}),
        Sign("Answers of Seg", {"class": "transient", "cause": "dns"}),
    ],
    "key": [
        Sign("Waits for", {"reason": "unauthorised"}),
        Sign("Answers of Seg", {"class": "unauthorised", "cause": "4xx"}),
    ],
    "hot": [
        Sign("Partitions and their owners", {"partition": str(HOT), "pod": "hot"}, FAR_BEHIND),
    ],
    "storm": [
        Sign("Waits for", {"reason": "dead_letter_storm"}),
        Sign("Poison by reason", {"topic": "storm", "reason": "bad_avro"}, 50),
    ],
    "registry": [
        Sign("Schema registry", {"pod": "registry"}),
        Sign("Schema registry", {}, 2.5),
    ],
    "rebalance": [
        Sign("Rebalances", {"event": "revoked", "pod": "rebalance"}),
    ],
}
"""What tells each cause, by the pod that has it."""

WAITS = [
    Sign("Waits for", {"reason": reason})  # for the group it waits on a busy machine, too
    for reason in (*OpenReason, "schema_registry", "dead_letter_topic")
]
SILENT: dict[str, list[Sign]] = {
    "healthy": [
        *WAITS,
        Sign("Answers of Seg", {"class": "transient"}),
        Sign("Poison by reason", {}),
        Sign("Schema registry", {"pod": "healthy"}),
        Sign("Rebalances", {"event": "revoked"}),
        Sign("Rebalances", {"event": "lost"}),
    ],
    "hot": [
        *WAITS,
        *(
            Sign("Partitions and their owners", {"partition": str(number)}, FAR_BEHIND)
            for number in range(4)
            if number != HOT
        ),
    ],
    "registry": [*WAITS, Sign("Answers of Seg", {"class": "transient"})],
    "rebalance": WAITS,
    "down": [Sign("Poison by reason", {})],
}
"""What would mislead, by the pod that must not show it."""


class Show(NamedTuple):
    """The Prometheus that scrapes them all, and since when they are in trouble."""

    prometheus: Prometheus
    since_s: float


@pytest.fixture(name="show", scope="module")
def _show(tmp_path_factory: pytest.TempPathFactory, _prometheus: None) -> Iterator[Show]:
    with troubled_members(tmp_path_factory.mktemp("troubles")) as prometheus:
        yield Show(prometheus, CLOCK.monotonic_s())


def _shown(prometheus: Prometheus, pod: str, sign: Sign) -> bool:
    """Tell whether *sign* is there for whoever has chosen *pod* in the dashboard."""
    for expr in FIRST_ROW[sign.panel].exprs:
        chosen = expr.replace("$pod", pod).replace("$__rate_interval", "10s")
        for series in prometheus.values(without_variables(chosen)):
            known = sign.labels.items() <= series.labels.items()
            if known and any(it >= sign.at_least for it in series.values if not math.isnan(it)):
                return True
    return False


@pytest.mark.parametrize("pod", SIGNS)
def test_the_cause_is_in_the_first_row(show: Show, pod: str) -> None:
    """Each sign of it is there in time."""
    left_s = show.since_s + WITHIN_S - CLOCK.monotonic_s()
    wait_for(
        lambda: all(_shown(show.prometheus, pod, sign) for sign in SIGNS[pod]), max(left_s, 1.0)
    )


@pytest.mark.parametrize("pod", SILENT)
def test_nothing_else_is(show: Show, pod: str) -> None:
    """What is not the cause does not show as one."""
    assert [] == [sign for sign in SILENT[pod] if _shown(show.prometheus, pod, sign)]
