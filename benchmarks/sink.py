"""An HTTP server that answers 200 to everything and counts: fast enough not to be the limit.

One epoll loop over plain sockets: a request here is one read and one write. Run as a program it
prints its address; `python -m benchmarks.sink [LATENCY_MS]`.
"""

from __future__ import annotations

import heapq
import select
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HEAD_END = b"\r\n\r\n"


class Sink:
    """The server; *latency_s* is how long each answer takes."""

    def __init__(self, latency_s: float = 0.0) -> None:
        self._latency_s = latency_s
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.settimeout(0.0)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._peers: dict[int, socket.socket] = {}
        self._buffers: dict[int, bytearray] = {}
        self._late: list[tuple[float, int]] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            timeout_s = -1.0
            if self._late:
                timeout_s = max(0.0, self._late[0][0] - time.monotonic())
            for fd, _ in self._epoll.poll(timeout_s):
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            now_s = time.monotonic() if self._late else 0.0
            while self._late and self._late[0][0] <= now_s:
                peer = self._peers.get(heapq.heappop(self._late)[1])
                if peer is not None:
                    peer.send(ANSWER)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.settimeout(0.0)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._buffers[peer.fileno()] = bytearray()
        self._epoll.register(peer.fileno(), select.EPOLLIN)

    def _read(self, fd: int) -> None:
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
        while (size := _request_bytes(buffer)) is not None:
            del buffer[:size]
            if self._latency_s:
                due_s = time.monotonic() + self._latency_s
                heapq.heappush(self._late, (due_s, fd))
            else:
                self._peers[fd].send(ANSWER)


def _request_bytes(buffer: bytearray) -> int | None:
    """Return how long the first request in *buffer* is; None where it is not whole."""
    end = buffer.find(HEAD_END)
    if end < 0:
        return None
    at = buffer.find(b"Content-Length: ", 0, end) + 16
    size = end + 4 + int(buffer[at : buffer.find(b"\r\n", at)])
    return size if len(buffer) >= size else None


if __name__ == "__main__":
    sink = Sink(float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0)
    sys.stdout.write(sink.url + "\n")
    sys.stdout.flush()
    sink.serve()
