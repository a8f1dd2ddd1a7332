"""A place where all is well, and what mistakes lead to: servers, topics, files."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Consumer, TopicPartition

from consumer.avro.encoder import Encoder
from consumer.avro.framing import SINGLE_OBJECT_BYTES, confluent
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.sandbox import Options, Sandbox
from consumer.settings import load
from tests.kafka.stranger import stranger
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEBSITE_ID = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"
EVENTS = 20
FILES = {
    "typo.yaml": "kafka:\n  topcis: [events]\n",
    "syntax.yaml": "kafka:\n  topics: [events\nhttp: {}\n",
    "own.avsc": '{"type": "record", "name": "Own", "fields": [{"name": "id", "type": "string"}]}',
}


class Place:
    """What the rows' placeholders stand for, and the variables of a place where all is well."""

    def __init__(self, names: dict[str, str], good: dict[str, str]) -> None:
        self.names = names
        self.good = good


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Make everything; files go to *folder*."""
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        sandbox = stack.enter_context(Sandbox.start(Options(website_id=WEBSITE_ID)))
        good = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "events",
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }
        _fill(broker, good)
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        names = {
            "folder": str(folder),
            "taken": str(taken.getsockname()[1]),
            "web": stack.enter_context(_web(None)),
            "tls": stack.enter_context(_web(Authority(folder / "proxy").issue("proxy").together())),
            "login": stack.enter_context(_login()),
        }
        yield Place(names, good)


def _fill(broker: EmbeddedBroker, good: dict[str, str]) -> None:
    encode = Encoder()
    events = [
        {"type": "track", "event": "Product Viewed", "userId": "u-1", "messageId": f"m-{number}"}
        for number in range(EVENTS)
    ]
    avro = [encode(event) for event in events]
    topics = {
        "events": avro[:1],  # few users: no storm of refusals hastens anything
        "expired": avro,
        "json": [orjson.dumps(event) for event in events],
        "confluent": [confluent(7) + value[SINGLE_OBJECT_BYTES:] for value in avro],
    }
    broker.create_topic("bare", 1)
    for name, values in topics.items():
        broker.create_topic(name, 1)
        broker.create_topic(f"{name}.dead-letter", 1)
        producer = TopicProducer(load(env=good).kafka, name)
        for value in values:
            producer.put(Outgoing(b"key", value))
            producer.close()  # a batch of its own: the embedded broker deletes whole ones
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "behind"})
    consumer.commit(offsets=[TopicPartition("expired", 0, 1)], asynchronous=False)
    consumer.close()
    broker.call("delete_records", "expired", 0, 5)


class _Handler(BaseHTTPRequestHandler):
    """Knows no path."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response_only(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the module's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _web(identity: Path | None) -> Iterator[str]:
    """Serve 404 to everything, with TLS where *identity* is a certificate; give host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up is expected
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_VERSIONS, _HANDSHAKE, _AUTHENTICATE = 18, 17, 36
_UNSUPPORTED_VERSION, _AUTHENTICATION_FAILED = 35, 58


@contextmanager
def _login() -> Iterator[str]:
    """Serve as much of Kafka's protocol as it takes to refuse a password; give host and port.

    Source: Kafka protocol guide: ApiVersions v0, SaslHandshake v1, SaslAuthenticate v0.
    """

    def meet(connection: socket.socket) -> None:
        threading.Thread(target=_refuse, args=(connection,), daemon=True).start()

    with stranger(meet) as address:
        yield address


def _refuse(connection: socket.socket) -> None:
    with connection, connection.makefile("rwb") as stream, contextlib.suppress(OSError):
        while head := stream.read(4):
            body = stream.read(int.from_bytes(head))
            api, version, correlation = struct.unpack_from(">hhi", body)
            answer = struct.pack(">i", correlation) + _answered(api, version)
            stream.write(struct.pack(">i", len(answer)) + answer)
            stream.flush()


def _answered(api: int, version: int) -> bytes:
    if api == _VERSIONS:
        known = ((_VERSIONS, 0, 0), (_HANDSHAKE, 0, 1), (_AUTHENTICATE, 0, 0), (3, 0, 4))
        error = _UNSUPPORTED_VERSION if version > 0 else 0
        entries = b"".join(struct.pack(">hhh", *it) for it in known)
        return struct.pack(">hi", error, len(known)) + entries
    if api == _HANDSHAKE:
        return struct.pack(">hi", 0, 1) + struct.pack(">h", 5) + b"PLAIN"
    why = b"Authentication failed: Invalid username or password"
    return struct.pack(">hh", _AUTHENTICATION_FAILED, len(why)) + why + struct.pack(">i", 0)
