"""The other end: an HTTP server that takes everything, counts, and is never the limit.

One epoll loop over plain sockets: a request here is one read and one write. `GET` asks for its
counts. It runs as a process of its own:

    latency-ms   how long each answer takes
    outage-s     for so long from the first request on it answers 503, or until `GET /back`
    trace        how old is each call? (its messageId ends with the monotonic nanoseconds, `m-...`)
    users        what is lost, out of order, or there twice? (`m-<user>-<number>-...`: `numbered`)
    tls          speak TLS with the certificate and the key of this file
    requests     close a connection after so many
    digest       tell two loads of calls apart, whatever their order and their arrays
"""

from __future__ import annotations

import heapq
import re
import resource
import select
import socket
import ssl
import sys
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import click
import orjson

from tests.soak.verdict import Arrivals

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LAST = ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BORN = re.compile(rb'"messageId": ?"m-(?:\d+-\d+-)?(\d+)"')
NUMBERED = re.compile(rb'"messageId": ?"m-(\d+)-(\d+)-')


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
    connections: int
    """Those over which calls came."""
    resumed: int
    """Those of them that went on with the TLS session of another."""
    connected_s: float | None
    """The monotonic time at which the first was accepted."""
    arrived: int
    """Numbered calls that it took, each counted once."""
    out_of_order: int
    """Those of them that came after a later one of their user."""
    doubles: int
    """Those that came again."""
    of_first_user: int
    """The newest call of user 0."""
    first_user_s: float | None
    """The monotonic time at which the first of them came."""
    digest: int
    """Of all calls together; 0 unless it is asked for."""


class Behaviour(NamedTuple):
    """How a sink answers."""

    latency_s: float = 0.0
    outage_s: float = 0.0
    trace: bool = False
    tls: Path | None = None
    requests: int | None = None
    """The most over one connection."""
    users: int = 0
    """How many there are whose calls are numbered."""
    digest: bool = False


class _Peer:
    """A connection."""

    __slots__ = ("accepted_s", "buffer", "requests", "socket")

    def __init__(self, connected: socket.socket, now_s: float) -> None:
        self.socket = connected
        self.accepted_s = now_s
        self.buffer = bytearray()
        self.requests = 0

    def receive(self) -> bytes | None:
        """Return what has come; nothing at its end, None where more of TLS has to come first."""
        try:
            data = self.socket.recv(1 << 18)
            while isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                data += self.socket.recv(1 << 18)  # it was read: no epoll tells of it
        except ssl.SSLWantReadError:
            return None
        except OSError:
            return b""
        return data


class Sink:
    """The server."""

    def __init__(self, how: Behaviour) -> None:
        self._how = how
        self._tls = None if how.tls is None else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self._tls is not None:
            self._tls.load_cert_chain(str(how.tls))
        self._away_until_s: float | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.settimeout(0.0)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._peers: dict[int, _Peer] = {}
        self._late: list[tuple[float, int, bytes]] = []
        self._requests = 0
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._ages_ms: list[float] = []
        self._connections = 0
        self._resumed = 0
        self._connected_s: float | None = None
        self._arrivals = Arrivals(how.users)
        self._first_user_s: float | None = None
        self._digest = 0
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/"

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
                    self._accept(now_s)
                else:
                    self._read(fd, now_s)
            while self._late and self._late[0][0] <= now_s:
                _, fd, answer = heapq.heappop(self._late)
                if fd in self._peers:
                    self._send(fd, answer)

    def _accept(self, now_s: float) -> None:
        connected, _ = self._listener.accept()
        connected.settimeout(0.0)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:  # the handshake is part of the first reads
            connected = self._tls.wrap_socket(
                connected, server_side=True, do_handshake_on_connect=False
            )
        self._peers[connected.fileno()] = _Peer(connected, now_s)
        self._epoll.register(connected.fileno(), select.EPOLLIN)

    def _close(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._peers.pop(fd).socket.close()

    def _read(self, fd: int, now_s: float) -> None:
        peer = self._peers[fd]
        data = peer.receive()
        if data is None:
            return
        if not data:
            self._close(fd)
            return
        buffer = peer.buffer
        buffer += data
        while size := _request_bytes(buffer):
            answer = self._answer(peer, size, now_s)
            del buffer[:size]
            if self._how.latency_s:
                heapq.heappush(self._late, (now_s + self._how.latency_s, fd, answer))
            else:
                self._send(fd, answer)

    def _send(self, fd: int, answer: bytes) -> None:
        self._peers[fd].socket.send(answer)
        if answer is LAST:
            self._close(fd)

    def _answer(self, peer: _Peer, size: int, now_s: float) -> bytes:
        buffer = peer.buffer
        if buffer.startswith(b"GET"):
            if buffer.startswith(b"GET /back"):
                self._away_until_s = now_s
            content = orjson.dumps(self._counts())
            return ANSWER.replace(b": 2\r", b": %d\r" % len(content))[:-2] + content
        if self._how.outage_s:
            self._away_until_s = self._away_until_s or now_s + self._how.outage_s
            if now_s < self._away_until_s:
                return AWAY
        self._requests += 1
        self._first_s = self._first_s or now_s
        self._last_s = now_s
        if self._how.trace:
            now_ns = time.monotonic_ns()
            born = BORN.findall(buffer, 0, size)
            self._ages_ms += [(now_ns - int(digits)) / 1e6 for digits in born]
        if self._how.users:
            self._note_numbered(NUMBERED.findall(buffer, 0, size), now_s)
        if self._how.digest:
            self._digest = (self._digest + _digest(buffer[:size])) % (1 << 63)
        if not peer.requests:
            self._note_connection(peer)
        peer.requests += 1
        return LAST if peer.requests == self._how.requests else ANSWER

    def _note_numbered(self, calls: list[tuple[bytes, bytes]], now_s: float) -> None:
        for user, number in calls:
            self._arrivals.arrive(int(user), int(number))
            if self._first_user_s is None and not int(user):
                self._first_user_s = now_s

    def _note_connection(self, peer: _Peer) -> None:
        self._connections += 1
        self._connected_s = self._connected_s or peer.accepted_s
        if isinstance(peer.socket, ssl.SSLSocket) and peer.socket.session_reused:
            self._resumed += 1

    def _counts(self) -> Counts:
        ages_ms, self._ages_ms = self._ages_ms, []
        used, arrivals = resource.getrusage(resource.RUSAGE_SELF), self._arrivals
        return Counts(
            requests=self._requests,
            cpu_s=used.ru_utime + used.ru_stime,
            first_s=self._first_s,
            last_s=self._last_s,
            ages_ms=ages_ms,
            connections=self._connections,
            resumed=self._resumed,
            connected_s=self._connected_s,
            arrived=arrivals.arrived,
            out_of_order=arrivals.out_of_order,
            doubles=arrivals.doubles,
            of_first_user=arrivals.newest[0] if arrivals.newest else 0,
            first_user_s=self._first_user_s,
            digest=self._digest,
        )


def _request_bytes(buffer: bytearray) -> int:
    """Return how long the first request in *buffer* is; 0 where it is not whole."""
    end = buffer.find(HEAD_END)
    if end < 0:
        return 0
    length = LENGTH.search(buffer, 0, end)
    size = end + 4 + (int(length[1]) if length else 0)
    return size if len(buffer) >= size else 0


def _digest(request: bytearray) -> int:
    """Return a sum over the calls in the body of *request*."""
    content = orjson.loads(request.partition(HEAD_END)[2])
    calls = content if isinstance(content, list) else [content]
    hashes = (blake2b(orjson.dumps(call), digest_size=8).digest() for call in calls)
    return sum(int.from_bytes(it) for it in hashes)


@click.command()
@click.option("--latency-ms", default=0.0)
@click.option("--outage-s", default=0.0)
@click.option("--trace", is_flag=True)
@click.option("--tls", type=click.Path(path_type=Path))
@click.option("--requests", type=int)
@click.option("--users", default=0)
@click.option("--digest", is_flag=True)
def main(*, latency_ms: float, **how: Any) -> None:  # noqa: ANN401 - as the options say
    """Serve, and print the address."""
    sink = Sink(Behaviour(latency_s=latency_ms / 1000, **how))
    sys.stdout.write(sink.url + "\n")
    sys.stdout.flush()
    sink.serve()


if __name__ == "__main__":
    main()
