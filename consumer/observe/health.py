"""The program's own web server: `/metrics`, `/livez`, `/readyz` and `/status`.

    /livez    the loop has turned lately. Never tied to Kafka, Seg or lag: a restart mends none.
    /readyz   the group has taken us in (with partitions or without), and nothing that records
              wait for is away.
    /status   what /readyz says, but always with 200: kubectl shows no answer that is an error.

They answer with JSON that says why. The server has a thread of its own and reads what the loop
publishes; it touches nothing else.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import orjson

from consumer.core.errors import StartError

if TYPE_CHECKING:
    from consumer.core.timing import Clock
    from consumer.observe.exposition import Metrics

METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"
JSON_TYPE = "application/json"


class LastFailure(NamedTuple):
    """A request that Seg did not take, for people."""

    reason: str
    detail: str
    look_at: str | None
    """The setting that may be at fault."""
    at_s: float
    """Monotonic."""


class Status(NamedTuple):
    """The loop's state at the end of a turn."""

    turned_at_s: float
    """Monotonic."""
    is_member: bool
    """The group has taken us in."""
    assigned: int
    """Partitions owned; none is a healthy state of a spare member."""
    waits_for: str | None
    """What consumption is paused for; None while nothing is away."""
    detail: str
    """More of that, for people."""
    last_failure: LastFailure | None = None
    """The last request that Seg did not take; None where there was none."""


class Health:
    """What the probes say; the loop sets `status`, the server's thread reads it."""

    def __init__(self, liveness_timeout_s: float, clock: Clock) -> None:
        self._timeout_s = liveness_timeout_s
        self._clock = clock
        self.status = Status(
            clock.monotonic_s(), is_member=False, assigned=0, waits_for=None, detail=""
        )

    def alive(self) -> tuple[bool, dict[str, object]]:
        """Tell whether the loop has turned lately, and how long ago it did."""
        age_s = self._clock.monotonic_s() - self.status.turned_at_s
        return age_s <= self._timeout_s, {"seconds_since_turn": round(age_s, 3)}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Tell whether this member does its part in the group, and what it waits for."""
        status = self.status
        ready = status.is_member and status.waits_for is None
        return ready, {
            "member": status.is_member,
            "assigned_partitions": status.assigned,
            "waits_for": status.waits_for,
            "detail": status.detail or None,
            "last_failure": self._last_failure(),
        }

    def _last_failure(self) -> dict[str, object] | None:
        failure = self.status.last_failure
        if failure is None:
            return None
        return {
            "reason": failure.reason,
            "detail": failure.detail,
            "look_at": failure.look_at,
            "seconds_ago": round(self._clock.monotonic_s() - failure.at_s, 1),
        }


class HealthServer:
    """Serves *health* and *metrics* until `close`."""

    def __init__(self, host: str, port: int, health: Health, metrics: Metrics) -> None:
        handler = type("Handler", (_Handler,), {"health": health, "metrics": metrics})
        try:
            self._server = _Server(host, port, handler)
        except OSError as error:
            raise StartError(
                f"SEG_HTTP__HOST and SEG_HTTP__PORT ({host}:{port}) cannot be listened on: "
                f"{error.strerror}"
            ) from error
        self.port = int(self._server.server_address[1])
        """The port it listens on, also where any free one was asked for."""
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """Listens on *host*, a name or an address of either family."""

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "0.0.0.0"  # noqa: S104 - all that there is, as was asked for
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        """Take IPv4 too where it is IPv6's address for all."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    health: Health
    metrics: Metrics
    protocol_version = "HTTP/1.1"
    timeout = 10  # a client that says nothing does not keep its thread

    def handle(self) -> None:
        """Answer until the client goes away, which is no news however it does."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:  # the name is http.server's
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, METRICS_TYPE, self.metrics.exposition())
        elif path in {"/livez", "/readyz", "/status"}:
            good, facts = self.health.alive() if path == "/livez" else self.health.ready()
            status = 200 if good or path == "/status" else 503
            self._answer(status, JSON_TYPE, orjson.dumps({"ok": good, **facts}))
        else:
            text = {"error": "there are /metrics, /livez, /readyz and /status"}
            self._answer(404, JSON_TYPE, orjson.dumps(text))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: probes come every few seconds."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
