"""The floor: confluent-kafka, fastavro, orjson and pycurl in a loop, and nothing else.

The same work without any promise: consume 500, decode the datum, parse the JSON that is in it,
write JSON, POST it with 64 requests under way (or arrays of 50), commit once a second. No order,
no retries, no ledger, no metrics. Prints one JSON object.
"""

from __future__ import annotations

import io
import time
import urllib.request
from collections import deque
from sys import maxsize
from typing import Any

import orjson
import pycurl
from confluent_kafka import Consumer
from fastavro import parse_schema, schemaless_reader

from benchmarks.measure import Job, Usage, job, say

IN_FLIGHT = 64
CHUNK = 500
HEADER_BYTES = 5  # Confluent's
OBJECTS = ("properties", "traits", "context", "integrations")
FETCH = {  # as ours
    "fetch.max.bytes": 1_000_000,
    "fetch.queue.backoff.ms": 20,
    "max.partition.fetch.bytes": 65_536,
    "queued.max.messages.kbytes": 4_096,
}


def _schema(registry: str, header: bytes) -> Any:  # noqa: ANN401 - fastavro's
    schema_id = int.from_bytes(header[1:], "big")
    with urllib.request.urlopen(f"{registry}/schemas/ids/{schema_id}") as answer:  # noqa: S310
        schema = orjson.loads(orjson.loads(answer.read())["schema"])
    for field in schema["fields"]:
        for part in field["type"] if isinstance(field["type"], list) else ():
            if isinstance(part, dict):
                part.pop("logicalType", None)  # a number will do: a datetime costs 4 µs
    return parse_schema(schema)


class Poster:
    """POSTs with so many requests under way at once."""

    def __init__(self, url: str, authority: str | None) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, IN_FLIGHT)
        self._idle = [self._handle(url, authority) for _ in range(IN_FLIGHT)]
        self.busy = 0

    @staticmethod
    def _handle(url: str, authority: str | None) -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        curl.setopt(pycurl.WRITEFUNCTION, len)
        if authority is not None:
            curl.setopt(pycurl.CAINFO, authority)
            curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)  # as ours
        return curl

    def post(self, bodies: deque[bytes]) -> None:
        """Start as many of *bodies* as there is room for, and take in what is answered."""
        while bodies and self._idle:
            curl = self._idle.pop()
            curl.setopt(pycurl.POSTFIELDS, bodies.popleft())
            self._multi.add_handle(curl)
            self.busy += 1
        self._multi.perform()
        _, done, failed = self._multi.info_read()
        if failed:
            raise RuntimeError(f"the sink failed: {failed[0][2]}")
        for curl in done:
            self._multi.remove_handle(curl)
            self._idle.append(curl)
            self.busy -= 1
        if not done:
            self._multi.select(0.005)


def run(todo: Job) -> None:
    """Consume the events of a topic and POST them."""
    own = {"group.id": todo.group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": todo.bootstrap} | FETCH | todo.config | own)
    consumer.subscribe([todo.topic])
    number, batch, poster = todo.events or maxsize, todo.batch, Poster(todo.url, todo.authority)
    schema: Any = None
    bodies: deque[bytes] = deque()
    waiting: list[bytes] = []
    seen = 0
    usage: Usage | None = None
    committed_s = 0.0
    while seen < number or bodies or waiting or poster.busy:
        if seen < number and len(bodies) < IN_FLIGHT:
            for message in consumer.consume(CHUNK, 0.0 if usage else 0.1):
                usage = usage or Usage()
                value: Any = message.value()
                schema = schema or _schema(todo.registry, value[:HEADER_BYTES])
                datum: Any = schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, None)
                for name in OBJECTS:
                    if isinstance(datum[name], bytes):
                        datum[name] = orjson.loads(datum[name])
                datum.pop("extra", None)
                waiting.append(orjson.dumps(datum, default=float))  # decimals
                seen += 1
                if len(waiting) >= batch:
                    bodies.append(waiting[0] if batch == 1 else b"[" + b",".join(waiting) + b"]")
                    waiting.clear()
        if waiting and (seen >= number or not bodies):
            bodies.append(b"[" + b",".join(waiting) + b"]")
            waiting.clear()
        poster.post(bodies)
        now_s = time.monotonic()
        if usage and now_s - committed_s > 1.0:
            committed_s = now_s
            consumer.commit(asynchronous=True)
    if usage is None:
        raise RuntimeError("no event came")
    say(usage.figures(number))
    consumer.close()


if __name__ == "__main__":
    run(job())
