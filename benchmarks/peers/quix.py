"""Quix Streams, with a sink that sends each value right away.

After quix.io/docs/quix-streams: "Creating a Custom Sink" (`BaseSink.add` "to send results right
away"; what raises aborts the checkpoint), "Schema Registry" (the Avro deserializer) and
"Checkpointing" (a commit every five seconds, at least once).
"""

from __future__ import annotations

from typing import Any

import httpx
from quixstreams import Application
from quixstreams.models import SchemaRegistryClientConfig
from quixstreams.models.serializers.avro import AvroDeserializer
from quixstreams.sinks.base.sink import BaseSink

from benchmarks.measure import Job, job
from benchmarks.peers.translation import Count, translate


class HttpSink(BaseSink):  # type: ignore[misc] # it is not in .venv
    """POSTs each value."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = httpx.Client()
        self._url = url

    def add(self, value: Any, **_: Any) -> None:  # noqa: ANN401 - as in its parent
        """POST *value*."""
        self._client.post(self._url, json=value).raise_for_status()

    def flush(self) -> None:
        """Do nothing: all is taken already."""


def run(todo: Job) -> None:
    """Consume the events of a topic and POST them."""
    count = Count(todo)

    def arrived(event: dict[str, Any]) -> dict[str, Any] | None:
        count.came()
        return translate(event)

    def processed(_topic: str, _partition: int, _offset: int) -> None:
        if count.finished():
            app.stop()

    app = Application(
        broker_address=todo.bootstrap,
        consumer_group=todo.group,
        auto_offset_reset="earliest",
        consumer_extra_config=todo.config,
        on_message_processed=processed,
        auto_create_topics=False,
        loglevel="ERROR",
    )
    registry = SchemaRegistryClientConfig(url=todo.registry)
    deserialiser = AvroDeserializer(schema_registry_client_config=registry)
    calls = app.dataframe(app.topic(todo.topic, value_deserializer=deserialiser))
    calls = calls.apply(arrived)
    calls = calls.filter(lambda call: call is not None)
    calls.sink(HttpSink(todo.url))
    app.run()


if __name__ == "__main__":
    run(job())
