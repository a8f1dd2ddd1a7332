"""The other end: an HTTP server that takes everything, counts, and is never the limit.

One epoll loop over plain sockets: a request here is one read and one write. `GET` asks for its
counts. It runs as a process of its own:

    latency-ms   how long each answer takes
    outage-s     for so long from the first request on it answers 503
    trace        how old is each call? (its messageId is `m-<monotonic nanoseconds>`)
"""

from __future__ import annotations

import heapq
import re
import resource
import select
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Self, TypedDict

import click
import orjson

if TYPE_CHECKING:
    from types import TracebackType

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BORN = re.compile(rb'"messageId": ?"m-(\d+)"')


class Counts(TypedDict):
    """What a sink has seen."""

    requests: int
    """Those that it took."""
    cpu_s: float
    """What the process has used so far."""
    first_s: float | None
    """The monotonic time of the first that it took."""
    last_s: float | None
    """Of the last."""
    ages_ms: list[float]
    """How old each call was, since they were asked for last."""


class Sink:
    """The server."""

    def __init__(self, latency_s: float, outage_s: float, *, trace: bool) -> None:
        self._latency_s = latency_s
        self._outage_s = outage_s
        self._away_until_s: float | None = None
        self._trace = trace
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.settimeout(0.0)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._peers: dict[int, socket.socket] = {}
        self._buffers: dict[int, bytearray] = {}
        self._late: list[tuple[float, int, bytes]] = []
        self._requests = 0
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._ages_ms: list[float] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            timeout_s = -1.0
            if self._late:
                timeout_s = max(0.0, self._late[0][0] - time.monotonic())
            ready = self._epoll.poll(timeout_s)
            now_s = time.monotonic()
            for fd, _ in ready:
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd, now_s)
            while self._late and self._late[0][0] <= now_s:
                _, fd, answer = heapq.heappop(self._late)
                if fd in self._peers:
                    self._peers[fd].send(answer)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.settimeout(0.0)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._buffers[peer.fileno()] = bytearray()
        self._epoll.register(peer.fileno(), select.EPOLLIN)

    def _read(self, fd: int, now_s: float) -> None:
        try:
            data = self._peers[fd].recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            self._epoll.unregister(fd)
            self._peers.pop(fd).close()
            del self._buffers[fd]
            return
        buffer = self._buffers[fd]
        buffer += data
        while size := _request_bytes(buffer):
            answer = self._answer(buffer, size, now_s)
            del buffer[:size]
            if self._latency_s:
                heapq.heappush(self._late, (now_s + self._latency_s, fd, answer))
            else:
                self._peers[fd].send(answer)

    def _answer(self, buffer: bytearray, size: int, now_s: float) -> bytes:
        if buffer.startswith(b"GET"):
            content = orjson.dumps(self._counts())
            return ANSWER.replace(b": 2\r", b": %d\r" % len(content))[:-2] + content
        if self._outage_s:
            self._away_until_s = self._away_until_s or now_s + self._outage_s
            if now_s < self._away_until_s:
                return AWAY
        self._requests += 1
        self._first_s = self._first_s or now_s
        self._last_s = now_s
        if self._trace:
            now_ns = time.monotonic_ns()
            born = BORN.findall(buffer, 0, size)
            self._ages_ms += [(now_ns - int(digits)) / 1e6 for digits in born]
        return ANSWER

    def _counts(self) -> Counts:
        ages_ms, self._ages_ms = self._ages_ms, []
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Counts(
            requests=self._requests,
            cpu_s=used.ru_utime + used.ru_stime,
            first_s=self._first_s,
            last_s=self._last_s,
            ages_ms=ages_ms,
        )


def _request_bytes(buffer: bytearray) -> int:
    """Return how long the first request in *buffer* is; 0 where it is not whole."""
    end = buffer.find(HEAD_END)
    if end < 0:
        return 0
    length = LENGTH.search(buffer, 0, end)
    size = end + 4 + (int(length[1]) if length else 0)
    return size if len(buffer) >= size else 0


class SinkProcess:
    """A sink in a process of its own; use it in a `with` statement."""

    def __init__(
        self, *, latency_ms: float = 0.0, outage_s: float = 0.0, trace: bool = False
    ) -> None:
        options = [f"--latency-ms={latency_ms}", f"--outage-s={outage_s}"]
        options += ["--trace"] if trace else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink", *options], stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None:
            raise RuntimeError("the sink has no standard output")
        self.url = self._process.stdout.readline().strip()

    def counts(self) -> Counts:
        """Ask for what it has seen."""
        with urllib.request.urlopen(self.url, timeout=30) as answer:  # noqa: S310 - our own
            counts: Counts = orjson.loads(answer.read())
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()


@click.command()
@click.option("--latency-ms", default=0.0)
@click.option("--outage-s", default=0.0)
@click.option("--trace", is_flag=True)
def main(*, latency_ms: float, outage_s: float, trace: bool) -> None:
    """Serve, and print the address."""
    sink = Sink(latency_ms / 1000, outage_s, trace=trace)
    sys.stdout.write(sink.url + "\n")
    sys.stdout.flush()
    sink.serve()


if __name__ == "__main__":
    main()
