"""The loop that people write first: poll, deserialise, POST, commit.

After github.com/confluentinc/confluent-kafka-python, examples/avro_consumer.py; a commit after each
record as in Confluent's "Kafka Python Client", "Synchronous commits"; the client kept open as
www.python-httpx.org/advanced/clients teaches.
"""

from __future__ import annotations

from typing import Any

import httpx
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.measure import Job, job
from benchmarks.peers.translation import Count, translate


def run(todo: Job) -> None:
    """Consume the events of a topic and POST them."""
    deserialise = AvroDeserializer(SchemaRegistryClient({"url": todo.registry}))
    own = {"group.id": todo.group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": todo.bootstrap} | todo.config | own)
    consumer.subscribe([todo.topic])
    context, count = SerializationContext(todo.topic, MessageField.VALUE), Count(todo)
    done = False
    with httpx.Client() as client:
        while not done:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            count.came()
            event: Any = deserialise(message.value(), context)
            call = translate(event)
            if call is not None:
                client.post(todo.url, json=call).raise_for_status()
            consumer.commit(message=message, asynchronous=False)
            done = count.finished()
    consumer.close()


if __name__ == "__main__":
    run(job())
