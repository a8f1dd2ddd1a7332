"""Questions from outside the group while a broker is away or has just been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.kafka import inspect
from consumer.kafka.inspect import Cluster
from consumer.timing import SystemClock
from tests.kafka.member import settings_for

if TYPE_CHECKING:
    from tests.kafka.brokers import Embedded

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

CONTROLLER = 1
"""Of the embedded brokers."""


def test_a_controller_that_was_away_when_the_client_came_is_not_waited_for_in_vain(
    faulty: Embedded, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be back, and all may be well: librdkafka waits, and a start would fail."""
    monkeypatch.setattr(inspect, "ATTEMPT_S", 1.0)
    faulty.create_topic(topic, 3)
    cluster = Cluster(settings_for(faulty, topic).kafka, SystemClock())
    faulty.broker.call("set_down", CONTROLLER)
    cluster.reach(5.0)
    faulty.broker.call("set_up", CONTROLLER)

    found = cluster.topics([topic])[topic]

    assert (found.state, found.partitions) == ("there", 3)
