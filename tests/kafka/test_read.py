"""A topic from its beginning to the end it has now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from consumer.errors import StartError
from consumer.kafka.read import read_topic
from consumer.kafka.records import record_of
from consumer.model import Partition
from tests.kafka.member import fill, settings_for

if TYPE_CHECKING:
    from tests.kafka.brokers import Broker

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = pytest.mark.timeout(60, func_only=True)


def test_it_ends_though_others_go_on_writing(broker: Broker, topic: str) -> None:
    """What a partition had when its turn came is read, and an empty one does not hold it up."""
    broker.create_topic(topic, 2)
    fill(broker, topic, 1, b"0", b"1", b"2")

    records = read_topic(settings_for(broker, topic).kafka, topic)
    first = next(records)
    fill(broker, topic, 1, b"3", b"4")

    assert [it.value for it in (first, *records)] == [b"0", b"1", b"2"]


def test_a_missing_topic_is_said_in_a_sentence(broker: Broker, topic: str) -> None:
    """And not made."""
    with pytest.raises(StartError, match=f"^{topic}: "):
        next(read_topic(settings_for(broker, topic).kafka, topic))


def test_a_record_without_a_time_has_none() -> None:
    """Messages of the first format have no timestamp; that is not the year 1970."""
    message = Mock()
    message.timestamp.return_value = (TIMESTAMP_NOT_AVAILABLE, 0)

    assert record_of(message, Partition("events", 0)).timestamp_ms is None
