"""A steady stream of events onto a topic, each marked with when it was written, until the end.

    python -m benchmarks.pace JOB RATE

The mark is the messageId, `m-<monotonic nanoseconds>`: one clock for all processes of a machine.
"""

from __future__ import annotations

import sys
import time
from random import Random

from benchmarks.load import SCHEMA_IDS, calls
from benchmarks.measure import job
from benchmarks.stage import Topic, kafka_settings
from consumer.avro.encoder import Encoder
from consumer.avro.schemas import CANONICAL
from consumer.kafka.produce import Outgoing, TopicProducer

TICK_S = 0.001


def run(topic: Topic, rate: float) -> None:
    """Write *rate* events a second."""
    encode = Encoder(SCHEMA_IDS[CANONICAL])
    at_once = topic._replace(config=topic.config | {"linger.ms": 0})
    producer = TopicProducer(kafka_settings(at_once), topic.name)
    start_s = time.monotonic()
    for number, (user, call) in enumerate(calls(Random(7))):  # noqa: S311 - seeded
        while time.monotonic() - start_s < number / rate:
            time.sleep(TICK_S)
        marked = call | {"messageId": f"m-{time.monotonic_ns()}"}
        producer.put(Outgoing(user.encode(), encode(marked)))


if __name__ == "__main__":
    told = job()
    run(Topic(told.bootstrap, told.topic, told.config), float(sys.argv[2]))
