"""A Kafka broker for the demo and the tests: the mock cluster in a child process.

A child process is what a broker is: it listens on a TCP port, others can use it, and it can be
killed.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import orjson

from consumer.core.errors import StartError

if TYPE_CHECKING:
    from types import TracebackType

CONFIG: dict[str, str | int | float | bool] = {
    "session.timeout.ms": 1500,
    "heartbeat.interval.ms": 100,
    "fetch.wait.max.ms": 20,
    "fetch.queue.backoff.ms": 5,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200,
}
"""Settings for its clients (`kafka.config`): a rebalance takes the session time-out less a second
there, and an empty fetch is answered only when its wait is over."""


class EmbeddedBroker:
    """A running broker; use it in a `with` statement."""

    def __init__(self, brokers: int = 1) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "consumer.kafka.mock_cluster", str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # a Ctrl-C is for its parent, whose last commit needs it
        )
        self.bootstrap = str(self._read()["bootstrap"])
        """The addresses of its brokers, as `bootstrap.servers` takes them."""

    @property
    def pid(self) -> int:
        """The broker's process; a test may kill it."""
        return self._process.pid

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic."""
        self.call("create_topic", name, partitions)

    def call(self, name: str, *arguments: str | int) -> None:
        """Call a method of `MockCluster` in the broker's process.

        Raises:
            StartError: the broker is gone, or refuses.
        """
        if self._process.stdin is None:
            raise StartError("the embedded broker has no standard input")
        line = orjson.dumps({"call": name, "arguments": arguments})
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise StartError("the embedded broker is gone") from None
        answer = self._read()
        if "error" in answer:
            raise StartError(f"the embedded broker did not obey {name}: {answer['error']}")

    def close(self) -> None:
        """Stop it; its records are gone."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it is gone already, and a call with it
                self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> dict[str, object]:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            raise StartError("the embedded broker ended before it answered")
        answer: dict[str, object] = orjson.loads(line)
        return answer
