"""The running server: which part answers what, start and stop.

Everything happens on one event loop, in callbacks that do not wait: no locks.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from consumer.core.errors import StartError
from consumer.core.timing import SystemClock
from consumer.sandbox.admin import Admin
from consumer.sandbox.endpoint import Endpoint
from consumer.sandbox.faults import Faults
from consumer.sandbox.options import ADMIN
from consumer.sandbox.page import page
from consumer.sandbox.protocol import Connection
from consumer.sandbox.store import Store
from consumer.sandbox.wire import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from consumer.core.timing import Clock
    from consumer.sandbox.options import Options
    from consumer.sandbox.wire import Answer, Delayed, Request

_BACKLOG = 4096


class Site:
    """All that is behind the port."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.store = Store(options.keep, options.journal, clock, options.arrivals)
        self.faults = Faults(options.faults, options.seed, clock)
        self.admin = Admin(options, self.faults, self.store)
        self._endpoint = Endpoint(options, self.faults, self.store)
        self._endpoint_path = options.path

    def answer(self, request: Request) -> Answer | Delayed:
        """Answer *request*."""
        path = request.target.partition("?")[0]
        if request.method == "GET" and path == "/":
            return page()
        if path == self._endpoint_path:
            return self._endpoint.answer(request)
        if path.startswith(ADMIN):
            return self.admin.answer(request)
        return refusal(HTTPStatus.NOT_FOUND, "there is nothing at this path")


@asynccontextmanager
async def listening(options: Options, clock: Clock) -> AsyncIterator[tuple[str, Site]]:
    """Serve, and yield the endpoint's URL and the site behind it; at the end hang up on everyone.

    Raises:
        StartError: the address is taken, or the journal cannot be written.
    """
    transports: set[asyncio.Transport] = set()
    site: Site | None = None
    try:
        site = Site(options, clock)
        handler = site.answer
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(handler, options.max_request_bytes, transports),
            options.host,
            options.port,
            backlog=_BACKLOG,
        )
    except OSError as error:
        if site is not None:
            site.store.close()
        raise StartError(f"the sandbox cannot start: {error}") from error
    try:
        yield _url(server, options), site
    finally:
        server.close()
        for transport in transports:
            transport.abort()
        await server.wait_closed()
        site.store.close()


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, on the main thread; call *ready* with the endpoint's URL.

    Raises:
        StartError: the address is taken, or the journal cannot be written.
    """
    asyncio.run(_serve(options, ready))


async def _serve(options: Options, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with listening(options, SystemClock()) as (url, _):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ready(url)
        await stop.wait()


def _url(server: asyncio.Server, options: Options) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{options.path}"
