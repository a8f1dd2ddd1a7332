"""Members of one group on one topic, started and ended while it runs."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import ConsumerGroupState, KafkaException

from benchmarks.contenders import OURS
from benchmarks.figures import CPU, Figures
from benchmarks.stage import ContenderError, finish, start
from tests.kafka_real.asking import ATTEMPT_LIMIT_S, admin_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Job
    from benchmarks.sink import SinkProcess
    from benchmarks.stage import Stage, Topic

LOOK_S: Final = 0.05
LIMIT_S: Final = 120.0
"""Of everything that is waited for and has no limit of its own."""

NOT_ARRIVED: Final = "not all calls arrived"


class Standing(NamedTuple):
    """What a group looks like to its coordinator."""

    stable: bool
    shares: tuple[int, ...]
    """How many partitions each member has."""


class Group:
    """The members; use it in a `with` statement of `group`, which ends them."""

    def __init__(self, job: Job, sink: SinkProcess) -> None:
        self.sink = sink
        self.figures: list[Figures] = []
        """Of those that have ended."""
        self._job = job
        self._members: list[subprocess.Popen[bytes]] = []
        self._admin = admin_of(job.bootstrap)

    def start(self, members: int = 1) -> None:
        """Start so many more."""
        self._members += [start(OURS, self._job) for _ in range(members)]

    def leave(self) -> None:
        """Ask the oldest to end, and wait for its figures."""
        self._members[0].send_signal(signal.SIGTERM)
        self.figures.append(finish(self._members.pop(0)))

    def end(self) -> None:
        """Let all of them leave."""
        for member in self._members:
            member.send_signal(signal.SIGTERM)
        while self._members:
            self.figures.append(finish(self._members.pop()))

    def kill(self) -> None:
        """End at once whoever still runs."""
        for member in self._members:
            member.kill()
            member.communicate()

    def until_divided(self, partitions: int) -> None:
        """Wait until the members that run have all *partitions*, in shares that differ by one."""
        members = len(self._members)
        fair = {partitions // members, -(-partitions // members)}

        def divided() -> bool:
            stable, shares = self._standing()
            return (
                stable
                and len(shares) == members
                and sum(shares) == partitions
                and set(shares) <= fair
            )

        self.until(divided, "not all partitions were given to the members")

    def until_arrived(self, calls: int, limit_s: float = LIMIT_S) -> None:
        """Wait until Seg has taken so many different calls."""
        self.until(lambda: self.sink.counts()["arrived"] >= calls, NOT_ARRIVED, limit_s)

    def until(self, done: Callable[[], bool], text: str, limit_s: float = LIMIT_S) -> None:
        """Wait until it is *done*.

        Raises:
            ContenderError: *text*, for it lasts too long; or a member has ended.
        """
        deadline_s = time.monotonic() + limit_s
        while not done():
            if time.monotonic() > deadline_s:
                raise ContenderError(f"{text} within {limit_s:.0f} s")
            for member in self._members:
                if member.poll() is not None:
                    self._members.remove(member)
                    finish(member)
                    raise ContenderError("a member has ended by itself")
            time.sleep(LOOK_S)

    def totals(self) -> Figures:
        """Return the CPU time an event and the most memory of those that have ended."""
        handled = sum(it["events"] for it in self.figures)
        return {
            CPU: sum(it[CPU] * it["events"] for it in self.figures) / handled,
            "peak_mb": max(it["peak_mb"] for it in self.figures),
        }

    def _standing(self) -> Standing:
        name = self._job.group
        asked = self._admin.describe_consumer_groups([name], request_timeout=ATTEMPT_LIMIT_S)
        try:
            told = asked[name].result()
        except KafkaException:
            return Standing(stable=False, shares=())
        shares = tuple(len(it.assignment.topic_partitions) for it in told.members)
        return Standing(told.state is ConsumerGroupState.STABLE, shares)


@contextmanager
def group(stage: Stage, topic: Topic, sink: SinkProcess, batch: int = 1) -> Iterator[Group]:
    """Give a group without members; those that are started are ended.

    They read as users have it: the other benches' short waits are too much for many partitions.
    """
    members = Group(stage.job(topic, batch, 0, sink)._replace(config={}), sink)
    try:
        yield members
    finally:
        members.kill()
