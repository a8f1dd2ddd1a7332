"""TERM and INT, obeyed whatever the main thread does.

Python runs a handler between two steps of the main thread. While that waits in librdkafka, for
brokers that do not answer for example, no handler runs. So a thread reads the signals from a pipe
that Python's own C code writes to. It also ends the process where an orderly stop takes too long.
"""

from __future__ import annotations

import os
import select
import signal
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger


class Signals:
    """Calls *stop* on the first TERM or INT, and ends the process on the next.

    *stop* runs in a thread of its own; it returns within how many seconds the process ends by
    itself, None where there is nothing to end in order.
    """

    def __init__(self, stop: Callable[[], float | None], log: FilteringBoundLogger) -> None:
        """Take the signals over; only the main thread may."""
        self._stop = stop
        self._log = log
        self._arrived, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        Thread(target=self._obey, name="signals", daemon=True).start()

    def _obey(self) -> None:
        [number] = os.read(self._arrived, 1)
        seconds = self._stop()
        if seconds is None:
            os._exit(128 + number)
        again, _, _ = select.select([self._arrived], [], [], seconds)
        if not again:
            self._log.error("stop_overdue", reason="timeout", seconds=seconds)
        os._exit(1)
