"""A topic from its beginning to the end it has now."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from consumer.core.errors import StartError
from consumer.core.model import Partition, Tenure
from consumer.kafka.read import _read_partition, read_topic
from consumer.kafka.records import record_of
from tests.kafka.member import fill, settings_for

if TYPE_CHECKING:
    from tests.kafka.brokers import Broker

pytest_plugins = ["tests.kafka_real.fixtures"]

T = (TIMESTAMP_NOT_AVAILABLE, 0)

pytestmark = pytest.mark.timeout(60, func_only=True)


def test_it_goes_from_partition_to_partition(broker: Broker, topic: str) -> None:
    """In order, and an empty one does not hold it up."""
    broker.create_topic(topic, 2)
    fill(broker, topic, 1, b"0", b"1", b"2")

    records = read_topic(settings_for(broker, topic).kafka, topic)

    assert [it.value for it in records] == [b"0", b"1", b"2"]


def test_it_ends_though_others_go_on_writing() -> None:
    """What was there when the partition's turn came is read; a busy topic has an end, too."""
    client = Mock()
    client.get_watermark_offsets.return_value = (0, 2)
    client.poll.side_effect = [
        Mock(**{"error.return_value": None, "offset.return_value": it, "timestamp.return_value": T})
        for it in range(5)
    ]

    assert [it.offset for it in _read_partition(client, Partition("events", 0))] == [0, 1]


def test_a_missing_topic_is_said_in_a_sentence(broker: Broker, topic: str) -> None:
    """And not made."""
    with pytest.raises(StartError, match=f"^{topic}: "):
        next(read_topic(settings_for(broker, topic).kafka, topic))


def test_a_record_without_a_time_has_none() -> None:
    """Messages of the first format have no timestamp; that is not the year 1970."""
    message = Mock()
    message.timestamp.return_value = T

    assert record_of(message, Tenure(Partition("events", 0))).timestamp_ms is None
