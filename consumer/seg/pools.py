"""libcurl's transfers over one epoll: which sockets have news, and which timers are due.

libcurl looks through all connections of a multi handle for each request, and through all transfers
on each turn. So there are as many handles ("pools") as are needed, of `POOL_TRANSFERS` each, and
only one that has news is turned: with hundreds of requests under way that is half the cost.

A socket is registered once, when libcurl makes it, and edge-triggered: the kernel tells when it
becomes ready, and a turn uses all of that. The kernel forgets it when libcurl closes it. So a
request on a connection that is there takes no call of epoll's of its own, nor one from libcurl into
Python. (libcurl's way to be told of each socket, `curl_multi_socket_action`, takes five.)

libcurl sends a buffer a turn and relies on being called again while the socket takes more. Of that
no edge tells; so a pool is turned until no more of a large body goes out. And whatever else libcurl
may leave for later, a pool at work is looked at four times a second.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pycurl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.core.timing import Clock

POOL_TRANSFERS = 16
"""In smaller pools more turns are needed, in larger ones each looks at more in vain."""

UPLOAD_BUFFER_BYTES = 16 * 1024
"""What libcurl sends at a time: the least that it allows, for each request under way has one."""
LOOK_AGAIN_S = 0.25

_NEWS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Pool:
    """One multi handle, for at most `POOL_TRANSFERS` easy handles."""

    __slots__ = ("_gone_bytes", "_timers_ms", "busy", "due_s", "multi", "retired", "size")

    def __init__(self) -> None:
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_MAXCONNECTS, POOL_TRANSFERS)
        self._timers_ms: list[int] = []  # what libcurl set its timer to since we looked
        # A list's own method: libcurl sets its timer twice a request, and this enters no Python.
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._timers_ms.append)
        self._gone_bytes: dict[pycurl.Curl, int] = {}  # of the large bodies that are on their way
        self.due_s: float | None = None
        """When to turn it whatever happens, monotonic; None where nothing waits."""
        self.size = 0
        """How many easy handles belong to it."""
        self.busy = 0
        """How many of them are under way."""
        self.retired = False
        """Its connections are given up: what is under way ends, and nothing begins."""

    def add(self, curl: pycurl.Curl, body_bytes: int) -> None:
        """Start the transfer of *curl*, at the next `Pools.wait`."""
        self.busy += 1
        if body_bytes > UPLOAD_BUFFER_BYTES:
            self._gone_bytes[curl] = 0
        self.multi.add_handle(curl)  # sets the timer to now

    def remove(self, curl: pycurl.Curl) -> None:
        """Take *curl* out, its transfer being done or not."""
        self.busy -= 1
        self._gone_bytes.pop(curl, None)
        self.multi.remove_handle(curl)

    def turn(self) -> None:
        """Let libcurl do all that there is to do now."""
        self.multi.perform()
        while self._gone_bytes and self._sends_on():
            self.multi.perform()

    def turn_if_due(self, now_s: float) -> bool:
        """Do what is due by *now_s*; return whether anything was."""
        if self._timers_ms:
            self._set_timer(now_s)
        if self.due_s is None or self.due_s > now_s:
            return False
        self.turn()
        self._set_timer(now_s)
        return True

    def _sends_on(self) -> bool:
        """Tell whether more of a large body has gone since we looked: its socket takes more."""
        sends_on = False
        for curl, before in self._gone_bytes.items():
            gone = int(curl.getinfo(pycurl.SIZE_UPLOAD_T))
            if gone > before:
                self._gone_bytes[curl] = gone
                sends_on = True
        return sends_on

    def _set_timer(self, now_s: float) -> None:
        """Be due when libcurl says, and soon enough in any case."""
        timeout_ms = self._timers_ms[-1] if self._timers_ms else -1
        self._timers_ms.clear()
        self.due_s = now_s + LOOK_AGAIN_S if self.busy else None
        if 0 <= timeout_ms < LOOK_AGAIN_S * 1000:  # -1 takes the timer away
            self.due_s = now_s + timeout_ms / 1000


class Pools:
    """All pools, and the epoll that tells which of them have news."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoll = select.epoll()
        self._pools: list[Pool] = []
        self._retired: list[Pool] = []
        self._of_socket: dict[int, Pool] = {}  # the last one that had a socket of this number

    def __iter__(self) -> Iterator[Pool]:
        """Return the pools."""
        return iter((*self._pools, *self._retired) if self._retired else self._pools)

    def join(self, curl: pycurl.Curl, opened: list[int]) -> Pool:
        """Return the pool that *curl* belongs to from now on; it adds what it opens to *opened*."""
        if not self._pools or self._pools[-1].size == POOL_TRANSFERS:
            self._pools.append(Pool())
        pool = self._pools[-1]
        pool.size += 1

        def on_socket(fd: int, _purpose: int) -> int:
            self._of_socket[fd] = pool
            self._epoll.register(fd, _NEWS)
            opened.append(fd)
            return pycurl.SOCKOPT_OK

        curl.setopt(pycurl.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES)
        curl.setopt(pycurl.SOCKOPTFUNCTION, on_socket)
        return pool

    def retire(self) -> None:
        """Give up all connections: those at work once they have ended that, the others now."""
        for pool in self._pools:
            pool.retired = True
        self._retired += self._pools
        self._pools = []

    def _close_retired(self) -> None:
        for pool in self._retired:
            if not pool.busy:
                pool.multi.close()
        self._retired = [pool for pool in self._retired if pool.busy]

    def wait(self, timeout_s: float, before: Callable[[], None]) -> set[Pool]:
        """Wait up to *timeout_s* for something to happen, and let libcurl do what there is.

        *before* is called each time before libcurl may send. Return the pools in which transfers
        may be over.
        """
        before()
        now_s = self._clock.monotonic_s()
        wait_s = timeout_s
        if self._retired:
            self._close_retired()
        turned: set[Pool] = set()
        for pool in self:
            if pool.turn_if_due(now_s):
                turned.add(pool)
            if pool.due_s is not None and pool.due_s - now_s < wait_s:
                wait_s = max(0.0, pool.due_s - now_s)
        ready = {self._of_socket[fd] for fd, _ in self._epoll.poll(wait_s)}
        before()
        for pool in ready:
            if pool.busy:
                pool.turn()
        return turned | ready

    def close(self) -> None:
        """Free the sockets."""
        for pool in self:
            pool.multi.close()
        self._epoll.close()
