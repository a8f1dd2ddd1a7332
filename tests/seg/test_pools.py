"""Many transfers on one epoll: each is turned when it has news, and nothing is left lying."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Self

import pytest

from consumer.core.timing import SystemClock
from consumer.seg import pools
from consumer.seg.client import Client
from consumer.seg.pools import LOOK_AGAIN_S, POOL_TRANSFERS, UPLOAD_BUFFER_BYTES
from tests.seg.raw import http
from tests.seg.test_client import collect, options

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reader:
    """A server that reads whole requests, some bytes at a time, and then answers each."""

    def __init__(self, *, at_a_time: int, pause_s: float) -> None:
        self._at_a_time = at_a_time
        self._pause_s = pause_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Small, so that a large body fills it.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.bodies: list[int] = []
        self.hang_up = False
        """Close a connection after its first answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._open:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._open.append(peer)
                thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError), peer:
            read = b""
            while data := peer.recv(self._at_a_time):
                read += data
                self._ended.wait(self._pause_s)
                head, end, body = read.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                if end and len(body) >= length:
                    self.bodies.append(len(body))
                    read = b""
                    peer.sendall(http(200))
                    if self.hang_up:
                        return


@pytest.fixture(name="reader")
def _reader() -> Iterator[Reader]:
    with Reader(at_a_time=1 << 20, pause_s=0.0) as reader:
        yield reader


@pytest.fixture(name="seldom_s")
def _seldom_s(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let the pools look unasked so seldom that a busy machine is not taken for a missed event."""
    monkeypatch.setattr(pools, "LOOK_AGAIN_S", 4.0)
    return 4.0


@pytest.fixture(name="client")
def _client(reader: Reader) -> Iterator[Client]:
    with closing(Client(options(reader.url), SystemClock())) as client:
        yield client


def test_large_body_goes_out_without_a_pause(
    reader: Reader, client: Client, seldom_s: float
) -> None:
    """A turn sends a buffer; waiting for news in between would take minutes."""
    large = b"x" * (30 * UPLOAD_BUFFER_BYTES)
    start_s = time.perf_counter()
    for number in range(5):
        client.send(number, large, "key")
        collect(client, 1)

    assert time.perf_counter() - start_s < 2 * seldom_s
    assert reader.bodies == [len(large)] * 5
    assert [pool._gone_bytes for pool in client._pools] == [{}]


def test_large_body_waits_for_a_slow_reader() -> None:
    """A full socket costs no turn until the other end has read; then the rest goes out."""
    large = b"x" * 3_000_000
    with (
        Reader(at_a_time=60_000, pause_s=0.005) as reader,
        closing(Client(options(reader.url), SystemClock())) as client,
    ):
        client.send(0, large, "key")
        before_s = time.process_time()
        collect(client, 1)
        spent_s = time.process_time() - before_s

    assert reader.bodies == [len(large)]
    assert spent_s < 1.0  # the reader's thread included; turning all the time would take them all


def test_as_many_pools_as_are_needed(client: Client) -> None:
    """A pool takes `POOL_TRANSFERS`; what is idle is used again before there is another."""
    for number in range(POOL_TRANSFERS + 1):
        client.send(number, b"{}", "key")
    collect(client, POOL_TRANSFERS + 1)
    for number in range(POOL_TRANSFERS):
        client.send(number, b"{}", "key")
    collect(client, POOL_TRANSFERS)

    assert [pool.size for pool in client._pools] == [POOL_TRANSFERS, 1]
    assert [pool.busy for pool in client._pools] == [0, 0]


def test_connection_that_was_closed_while_idle_costs_nothing(
    reader: Reader, client: Client, seldom_s: float
) -> None:
    """Its number may be another socket's by then: that one is heard all the same."""
    reader.hang_up = True
    for number in range(40):
        client.send(number, b"{}", "key")
        start_s = time.perf_counter()
        collect(client, 1)
        assert time.perf_counter() - start_s < seldom_s
        with socket.socket():  # takes a number, or gives one back
            client.poll(0.002)


def test_socket_number_goes_from_pool_to_pool(
    reader: Reader, client: Client, seldom_s: float
) -> None:
    """What the kernel tells of a socket is told to the pool that has it now."""
    reader.hang_up = True
    for _ in range(5):
        for size in (POOL_TRANSFERS + 4, 3):
            start_s = time.perf_counter()
            for number in range(size):
                client.send(number, b"{}", "key")
            collect(client, size)
            assert time.perf_counter() - start_s < seldom_s


def test_time_out_ends_a_long_wait() -> None:
    """A request that gets no answer ends when its time is over, not when the wait is."""
    with Reader(at_a_time=1 << 20, pause_s=20.0) as reader:
        soon = options(reader.url)._replace(timeout_s=0.4)
        with closing(Client(soon, SystemClock())) as client:
            client.send(0, b"{}", "key")
            start_s = time.perf_counter()
            while not client.poll(10.0):
                assert time.perf_counter() - start_s < 5.0

    assert time.perf_counter() - start_s < 5.0


def test_idle_client_is_not_woken(client: Client) -> None:
    """Without a request under way nothing is due: a wait is as long as was asked for."""
    client.send(0, b"{}", "key")
    collect(client, 1)
    client.poll(0.0)
    start_s = time.perf_counter()

    answers = client.poll(2 * LOOK_AGAIN_S)

    assert answers == []
    assert time.perf_counter() - start_s >= 2 * LOOK_AGAIN_S * 0.95
