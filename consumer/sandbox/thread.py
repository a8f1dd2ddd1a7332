"""A sandbox inside another program, for its tests: a thread with its own event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from consumer.core.timing import SystemClock
from consumer.sandbox.server import Site, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from consumer.sandbox.faults import Fault
    from consumer.sandbox.feed import Happening
    from consumer.sandbox.options import Options
    from consumer.sandbox.store import Accepted, Summary
    from consumer.sandbox.upstream import Upstream

T = TypeVar("T")


class _Running(NamedTuple):
    url: str
    site: Site
    loop: asyncio.AbstractEventLoop
    end: asyncio.Event


class Sandbox:
    """A running sandbox; the methods may be called from any thread until it is stopped.

    with Sandbox.start(Options(website_id="...")) as sandbox:
        send(sandbox.url)
        assert sandbox.summary()["accepted"] == 1
    """

    def __init__(self, thread: threading.Thread, running: _Running) -> None:
        self._thread = thread
        self._running = running

    @classmethod
    def start(cls, options: Options) -> Self:
        """Start a sandbox and return it when it listens.

        Raises:
            StartError: the address is taken, or the journal cannot be written.
        """
        started: Future[_Running] = Future()
        thread = threading.Thread(target=_run, args=(options, started), name="sandbox", daemon=True)
        thread.start()
        return cls(thread, started.result())

    @property
    def url(self) -> str:
        """Return the endpoint's URL."""
        return self._running.url

    def stop(self) -> None:
        """Hang up on everyone, close the port and the journal, and wait for the thread."""
        if self._thread.is_alive():
            self._running.loop.call_soon_threadsafe(self._running.end.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def calls(self, after: int = 0, limit: int = 10_000) -> list[Accepted]:
        """Return up to *limit* kept calls that came after number *after*, oldest first."""
        return self._inside(lambda: self._running.site.store.after(after, limit))

    def summary(self) -> Summary:
        """Return the counters."""
        return self._inside(self._running.site.store.summary)

    def faults(self, faults: Iterable[Fault]) -> None:
        """Put *faults* in force instead of all before."""
        rules = list(faults)
        self._inside(lambda: self._running.site.faults.replace(rules))

    def upstream(self, upstream: Upstream) -> None:
        """Let the page know what stands before the sandbox."""
        self._inside(lambda: self._running.site.admin.connect(upstream))

    def tell(self, happening: Happening, size_bytes: int = 0) -> None:
        """Show on the page what became of an event that never came here; does not wait."""
        feed = self._running.site.store.feed
        self._running.loop.call_soon_threadsafe(feed.add, [happening], size_bytes)

    def reset(self) -> None:
        """Forget what was accepted and go back to the faults of the start."""
        self._inside(self._running.site.admin.reset)

    def _inside(self, ask: Callable[[], T]) -> T:
        async def answer() -> T:
            return ask()

        return asyncio.run_coroutine_threadsafe(answer(), self._running.loop).result()


def _run(options: Options, started: Future[_Running]) -> None:
    try:
        asyncio.run(_serve(options, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _serve(options: Options, started: Future[_Running]) -> None:
    end = asyncio.Event()
    async with listening(options, SystemClock()) as (url, site):
        started.set_result(_Running(url, site, asyncio.get_running_loop(), end))
        await end.wait()
