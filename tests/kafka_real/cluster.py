"""A real Apache Kafka for tests and benchmarks: KRaft, on loopback, without containers.

with RealKafka(brokers=3) as kafka:
    kafka.create_topic("events", partitions=12)
    Producer({"bootstrap.servers": kafka.bootstrap})
    kafka.kill(2)
    kafka.start(2)
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka.cimpl import NewTopic

from consumer.core.timing import SystemClock
from tests.kafka_real.asking import (
    ATTEMPT_LIMIT_S,
    admin_of,
    ask,
    coordinator_of,
    is_in_sync,
    nodes,
)
from tests.kafka_real.broker import Broker, free_addresses, java_command
from tests.kafka_real.quorum import leader_of_quorum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_READY_LIMIT_S: Final = 180.0
"""A broker needs a minute of a machine whose cores are all taken."""
_LOOK_AGAIN_S: Final = 0.02
_LOG_TAIL_LINES: Final = 15


class Kafka:
    """A cluster that is there; *bootstrap* is its `bootstrap.servers`."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin_bootstrap = bootstrap

    def create_topic(
        self, name: str, partitions: int, config: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic with the cluster's default number of copies and wait for its leaders.

        Raises:
            KafkaException: the broker refused, for example since the topic exists.
        """
        topic = NewTopic(name, num_partitions=partitions, config=dict(config or {}))
        ask(
            self._admin_bootstrap,
            lambda admin: admin.create_topics([topic], request_timeout=ATTEMPT_LIMIT_S)[
                name
            ].result(),
            _READY_LIMIT_S,
        )
        admin = admin_of(self._admin_bootstrap)
        leaders: list[int] = []
        while len(leaders) < partitions or min(leaders) < 0:
            found = admin.list_topics(name, timeout=_READY_LIMIT_S).topics[name].partitions
            leaders = [partition.leader for partition in found.values()]


class RealKafka(Kafka):
    """A cluster whose brokers are processes of ours to start, stop and kill; they count from 1.

    *properties* are added to every broker's own, and win. Data and logs lie in *folder*, else in
    a temporary one that is kept only when the `with` block fails. Unless *detached*, the brokers
    die with the thread that starts them.

    Raises:
        KafkaUnavailableError: this machine has no Java or Maven, or cannot fetch the jars.
        RuntimeError: a broker ended or was not ready after 180 s; the text has its last lines.
    """

    def __init__(
        self,
        brokers: int = 1,
        properties: Mapping[str, str] | None = None,
        folder: Path | None = None,
        *,
        detached: bool = False,
    ) -> None:
        java = java_command(detached=detached)
        self._addresses = free_addresses(brokers)
        super().__init__(",".join(f"127.0.0.1:{it.client}" for it in self._addresses))
        self._admin_bootstrap = ",".join(f"127.0.0.1:{it.internal}" for it in self._addresses)
        self._properties = properties or {}
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="kafka-"))
        self._brokers = {it.node: Broker(it, java, self.folder) for it in self._addresses}

    @property
    def pids(self) -> dict[int, int]:
        """The process of each broker that runs, by its number."""
        return {node: it.process.pid for node, it in self._brokers.items() if it.running}

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()
        if error is not None:
            error.add_note(f"the brokers' data and logs are in {self.folder}")
        elif self._temporary:
            shutil.rmtree(self.folder)

    def up(self) -> None:
        """Format and start every broker; return when all are ready, or kill all and raise."""
        try:
            self._up()
        except BaseException:
            self.down()
            raise

    def _up(self) -> None:
        for broker in self._brokers.values():
            broker.format(self._addresses, self._properties)
        for broker in self._brokers.values():
            if broker.process.wait() != 0:
                raise _failure(broker, "could not format its storage")
        for broker in self._brokers.values():
            broker.start()
        for broker in self._brokers.values():
            self._wait_until_ready(broker)

    def down(self) -> None:
        """Kill every broker."""
        for node in self._brokers:
            self.kill(node)

    def start(self, node: int = 1) -> None:
        """Start a broker that was stopped or killed; return when it is ready."""
        self._brokers[node].start()
        self._wait_until_ready(self._brokers[node])

    def rejoin(self, node: int = 1) -> None:
        """Start a broker that was stopped or killed; return when it has every record again."""
        self.start(node)
        broker = self._brokers[node]
        # It is asked itself: it knows that it is back, and so what it missed before.
        admin = admin_of(f"127.0.0.1:{broker.address.internal}")
        self._wait(broker, lambda: is_in_sync(admin), "in sync")

    def stop(self, node: int = 1) -> None:
        """End a broker in good order: it hands its partitions over first."""
        self._brokers[node].end(signal.SIGTERM)

    def kill(self, node: int = 1) -> None:
        """End a broker at once, as `kill -9` does."""
        self._brokers[node].end(signal.SIGKILL)

    def active_controller(self) -> int:
        """Return the broker that leads the quorum; where they elect one, wait for it.

        Raises:
            RuntimeError: nobody was elected in 180 s.
        """
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + _READY_LIMIT_S
        while clock.monotonic_s() < deadline_s:
            for node in self.pids:
                with suppress(OSError):
                    leader = leader_of_quorum(self._brokers[node].address.internal)
                    if leader in self.pids:  # else it has ended, and they do not know it yet
                        return leader
            Event().wait(_LOOK_AGAIN_S)
        raise RuntimeError("the brokers have no active controller")

    def coordinator(self, group: str) -> int:
        """Return the broker that keeps the members and the offsets of *group*.

        Raises:
            KafkaException: nobody has told it in 180 s.
        """
        return ask(
            self._admin_bootstrap, lambda admin: coordinator_of(admin, group), _READY_LIMIT_S
        )

    def _wait_until_ready(self, broker: Broker) -> None:
        """Return when *broker* answers and sees every broker that runs."""
        admin = admin_of(f"127.0.0.1:{broker.address.internal}")
        self._wait(broker, lambda: self.pids.keys() <= nodes(admin), "ready")

    def _wait(self, broker: Broker, done: Callable[[], bool], what: str) -> None:
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + _READY_LIMIT_S
        while not done():
            if clock.monotonic_s() > deadline_s:
                raise _failure(broker, f"was not {what} after {_READY_LIMIT_S:.0f} s")
            try:
                broker.process.wait(timeout=_LOOK_AGAIN_S)
            except subprocess.TimeoutExpired:
                continue
            raise _failure(broker, f"ended before it was {what}")


def _failure(broker: Broker, what: str) -> RuntimeError:
    tail = broker.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    where = f"broker {broker.address.node} {what}; the end of {broker.log}:"
    return RuntimeError("\n  ".join([where, *tail]))
