"""libcurl's transfers over one epoll: the sockets that are ready, the timers that are due.

libcurl looks through all connections of a multi handle for each request: with 768 in one a request
costs nearly twice what it costs with 32. So there are as many pools of 32 as are needed, all on
one epoll. (`curl_multi_perform` would look at every transfer on each turn, and `select` ends at
file descriptor 1,023.)

A socket is watched for one event at a time (EPOLLONESHOT). An idle connection then needs no call
to be left alone, and what the kernel knows of a socket goes with it: a number that is used again
is found to be a stranger's, whoever closed it.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pycurl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.timing import Clock

POOL_TRANSFERS = 32
"""A pool of fewer is no cheaper; of more, each request looks at more connections."""

_ONE_READ = select.EPOLLONESHOT | select.EPOLLIN
_ONE_WRITE = select.EPOLLONESHOT | select.EPOLLOUT
_EVENTS = {
    pycurl.POLL_IN: _ONE_READ,
    pycurl.POLL_OUT: _ONE_WRITE,
    pycurl.POLL_INOUT: _ONE_READ | _ONE_WRITE,
}
"""What libcurl waits for, as epoll names it."""


class Pool:
    """One multi handle, for at most `POOL_TRANSFERS` easy handles."""

    __slots__ = ("busy", "due_s", "multi", "size", "timers_ms")

    def __init__(self) -> None:
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_MAXCONNECTS, POOL_TRANSFERS)
        self.timers_ms: list[int] = []
        """What libcurl set its timer to since we looked; the last one counts."""
        # A list's own method: libcurl sets its timer twice a request, and this enters no Python.
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self.timers_ms.append)
        self.due_s: float | None = None
        """When libcurl's timer is due, monotonic; None while it is off."""
        self.size = 0
        """How many easy handles belong to it."""
        self.busy = 0
        """How many of them are under way."""

    def add(self, curl: pycurl.Curl) -> None:
        """Start the transfer of *curl*, at the next `Pools.wait`."""
        self.busy += 1
        self.multi.add_handle(curl)

    def remove(self, curl: pycurl.Curl) -> None:
        """Take *curl* out, its transfer being done or not."""
        self.busy -= 1
        self.multi.remove_handle(curl)

    def run_timer(self, now_s: float) -> float | None:
        """Do what is due by *now_s*; return when there is more to do, None where nothing waits."""
        if self.timers_ms:
            self._set_timer(now_s)
        if self.due_s is not None and self.due_s <= now_s:
            self.due_s = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            if self.timers_ms:
                self._set_timer(now_s)
        return self.due_s

    def _set_timer(self, now_s: float) -> None:
        timeout_ms = self.timers_ms[-1]
        self.timers_ms.clear()
        # libcurl's -1 takes the timer away.
        self.due_s = now_s + timeout_ms / 1000 if timeout_ms >= 0 else None


class Pools:
    """All pools, and the epoll that their sockets are watched by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoll = select.epoll()
        self._pools: list[Pool] = []
        self._watched: dict[int, tuple[Pool, int]] = {}  # to what is waited for
        self._registered: set[int] = set()  # were once: the kernel knows whether they still are

    def __iter__(self) -> Iterator[Pool]:
        """Return the pools."""
        return iter(self._pools)

    def place(self) -> Pool:
        """Return the pool that one more easy handle belongs to from now on."""
        if not self._pools or self._pools[-1].size == POOL_TRANSFERS:
            pool = Pool()
            pool.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watcher(pool))
            self._pools.append(pool)
        self._pools[-1].size += 1
        return self._pools[-1]

    def wait(self, timeout_s: float) -> None:
        """Wait up to *timeout_s* for something to happen, and let libcurl do what there is."""
        now_s = self._clock.monotonic_s()
        wait_s = timeout_s
        for pool in self._pools:
            due_s = pool.run_timer(now_s)
            if due_s is not None and due_s - now_s < wait_s:
                wait_s = max(0.0, due_s - now_s)
        for fd, happened in self._epoll.poll(wait_s):
            self._act(fd, happened)

    def close(self) -> None:
        """Free the sockets."""
        for pool in self._pools:
            pool.multi.close()
        self._epoll.close()

    def _act(self, fd: int, happened: int) -> None:
        watched = self._watched.get(fd)
        if watched is None:
            return
        flags = pycurl.CSELECT_IN if happened & select.EPOLLIN else 0
        if happened & select.EPOLLOUT:
            flags |= pycurl.CSELECT_OUT
        if happened & (select.EPOLLERR | select.EPOLLHUP):
            flags |= pycurl.CSELECT_ERR
        watched[0].multi.socket_action(fd, flags)
        watched = self._watched.get(fd)
        if watched is not None:  # there is more to come than this one event
            self._watch(fd, watched[1])

    def _watcher(self, pool: Pool) -> Callable[[int, int, object, object], None]:
        watched = self._watched

        def on_socket(what: int, fd: int, _multi: object, _data: object) -> None:
            if what == pycurl.POLL_REMOVE:
                watched.pop(fd, None)
                return
            events = _EVENTS[what]
            watched[fd] = (pool, events)
            self._watch(fd, events)

        return on_socket

    def _watch(self, fd: int, events: int) -> None:
        if fd in self._registered:
            try:
                self._epoll.modify(fd, events)
            except FileNotFoundError:
                pass  # it was closed since, and its number is another socket's
            else:
                return
        self._epoll.register(fd, events)
        self._registered.add(fd)
