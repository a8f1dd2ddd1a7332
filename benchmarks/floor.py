"""The floor: confluent-kafka, fastavro, orjson and pycurl in a loop, and nothing else.

The same work without any promise: consume 500, decode the datum, parse the JSON that is in it,
write JSON, POST it with 64 requests under way (or arrays of 50), commit once a second. No order,
no retries, no ledger, no metrics. Prints one JSON object.
"""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from typing import Any

import orjson
import pycurl
from confluent_kafka import Consumer
from fastavro import parse_schema, schemaless_reader

from benchmarks.measure import Usage, say
from consumer.avro.schemas import CANONICAL, folder
from consumer.kafka.embedded import CONFIG

IN_FLIGHT = 64
CHUNK = 500
HEADER_BYTES = 10  # a single object's
OBJECTS = ("properties", "traits", "context", "integrations")


def _schema() -> Any:  # noqa: ANN401 - fastavro's
    schema = orjson.loads((folder() / CANONICAL).read_bytes())
    for field in schema["fields"]:
        for part in field["type"] if isinstance(field["type"], list) else ():
            if isinstance(part, dict):
                part.pop("logicalType", None)
    return parse_schema(schema)


class Poster:
    """POSTs with so many requests under way at once."""

    def __init__(self, url: str) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, IN_FLIGHT)
        self._idle = [self._handle(url) for _ in range(IN_FLIGHT)]
        self.busy = 0

    @staticmethod
    def _handle(url: str) -> pycurl.Curl:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        curl.setopt(pycurl.WRITEFUNCTION, len)
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


def run(bootstrap: str, topic: str, url: str, number: int, batch: int) -> None:
    """Consume *number* events of *topic* and POST them to *url*, *batch* a request."""
    consumer = Consumer(
        dict(CONFIG)
        | {
            "bootstrap.servers": bootstrap,
            "group.id": "floor",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 32_768,
        }
    )
    consumer.subscribe([topic])
    schema, poster = _schema(), Poster(url)
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
                datum: Any = schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, None)
                for name in OBJECTS:
                    if datum[name]:
                        datum[name] = orjson.loads(datum[name])
                datum.pop("extra", None)
                waiting.append(orjson.dumps(datum))
                seen += 1
                if len(waiting) >= batch:
                    bodies.append(waiting[0] if batch == 1 else b"[" + b",".join(waiting) + b"]")
                    waiting.clear()
        if seen >= number and waiting:
            bodies.append(b"[" + b",".join(waiting) + b"]")
            waiting.clear()
        poster.post(bodies)
        now_s = time.monotonic()
        if usage and now_s - committed_s > 1.0:
            committed_s = now_s
            consumer.commit(asynchronous=True)
    say(usage, number)
    consumer.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
