"""FastStream on confluent-kafka.

After faststream.ag2.ai: "Consuming Acknowledgements" of Confluent (`NACK_ON_ERROR`: committed after
the handler, read again after an error; with it one worker is the most), "Serialization examples"
(Avro by fastavro in a decoder of the subscriber) and "Lifespan" (the client in the context).
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import urllib.request
from functools import cache
from typing import Any

import fastavro
import httpx
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker

from benchmarks.measure import Job, job
from benchmarks.peers.translation import Count, translate

HEADER_BYTES = 5  # Confluent's


async def run(todo: Job) -> None:
    """Consume the events of a topic and POST them."""

    @cache
    def schema(header: bytes) -> Any:  # noqa: ANN401 - fastavro's
        number = int.from_bytes(header[1:], "big")
        with urllib.request.urlopen(f"{todo.registry}/schemas/ids/{number}") as answer:  # noqa: S310
            return fastavro.schema.parse_schema(json.loads(json.load(answer)["schema"]))

    async def decode(message: Any) -> Any:  # noqa: ANN401 - fastavro's
        header, datum = message.body[:HEADER_BYTES], message.body[HEADER_BYTES:]
        return fastavro.schemaless_reader(io.BytesIO(datum), schema(header), None)

    broker = KafkaBroker(todo.bootstrap, config=todo.config, logger=None)
    app = FastStream(broker, logger=logging.getLogger(__name__))
    client, count = httpx.AsyncClient(), Count(todo)

    @broker.subscriber(  # type: ignore[untyped-decorator] # it is not in .venv
        todo.topic,
        group_id=todo.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=decode,
    )
    async def handle(event: dict[str, Any]) -> None:
        count.came()
        call = translate(event)
        if call is not None:
            (await client.post(todo.url, json=call)).raise_for_status()
        if count.finished():
            app.exit()

    async with client:
        await app.run()


if __name__ == "__main__":
    asyncio.run(run(job()))
