"""One Kafka broker: its settings and its process.

Each is broker and controller in one and has three listeners:

    CLIENT      for the clients under test; `properties` may give it TLS or SASL
    INTERNAL    plain: between the brokers, and for our own questions
    CONTROLLER  plain: the quorum

https://kafka.apache.org/documentation/#kraft
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.kafka_real.artifacts import class_path, program

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_CLUSTER_ID: Final = "c2VnLWNvbnN1bWVyLWthZg"
"""Any 16 bytes in base64; all brokers of a cluster are formatted with the same."""

_END_LIMIT_S: Final = 120.0

_JAVA_OPTIONS: Final = (
    "-Xmx512m",
    "-XX:+UseSerialGC",  # with the next: a quick start and a small process
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)

_PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "INTERNAL",
    "controller.listener.names": "CONTROLLER",
    # Few partitions of the internal topics: each is created on first use, while a test waits.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # The default takes a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": "4194304",
    # A killed broker is let in again only when its session has ended.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "300",
    # Groups that form, rebalance and expire in a test's time.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "200",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "6000",
}

_candidates = iter(range(20000 + os.getpid() * 31 % 10000, 32768))
"""Ports to try, each once: a broker that was killed keeps its own. They lie below the range that
the kernel takes for outgoing connections, so that no client that tries again and again gets the
port of a broker that is down."""


class Address(NamedTuple):
    """The ports of a broker on 127.0.0.1; *node* counts from 1."""

    node: int
    client: int
    internal: int
    controller: int


def free_addresses(brokers: int) -> list[Address]:
    """Return addresses that nobody listens on."""
    with ExitStack() as held:
        return [
            Address(node, *(_free_port(held) for _ in range(3))) for node in range(1, brokers + 1)
        ]


def java_command(*, detached: bool) -> tuple[str, ...]:
    """Return the command that runs one of Kafka's classes, which is the next argument.

    Unless *detached*, the kernel kills it when the thread that started it ends, in any way.

    Raises:
        KafkaUnavailableError: a program or the jars are missing.
    """
    java = (program("java"), *_JAVA_OPTIONS, "-cp", class_path())
    return java if detached else (program("setpriv"), "--pdeathsig", "KILL", "--", *java)


class Broker:
    """One broker of a cluster; it can be started again on the data that it left."""

    def __init__(self, address: Address, java: Sequence[str], folder: Path) -> None:
        self.address = address
        self.log = folder / f"broker-{address.node}.log"
        self._settings = folder / f"broker-{address.node}.properties"
        self._data = folder / f"broker-{address.node}"
        self._java = java
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that runs, or ran last.

        Raises:
            RuntimeError: nothing was started yet.
        """
        if self._process is None:
            raise RuntimeError(f"broker {self.address.node} was never started")
        return self._process

    @property
    def running(self) -> bool:
        """Whether the broker has a process, ready or not."""
        return self._process is not None and self._process.poll() is None

    def format(self, peers: Sequence[Address], properties: Mapping[str, str]) -> None:
        """Begin to prepare the data folder; `start` when this `process` has ended."""
        merged = _PROPERTIES | _cluster_properties(self.address, peers) | dict(properties)
        merged["log.dirs"] = str(self._data)
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in merged.items()))
        config = ("--cluster-id", _CLUSTER_ID, "--config", str(self._settings))
        self._spawn("kafka.tools.StorageTool", "format", *config)

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        self._spawn("kafka.Kafka", str(self._settings))

    def end(self, by: signal.Signals) -> None:
        """Send the signal *by* and return when the process is gone, at most 120 s later."""
        if self.running:
            self.process.send_signal(by)
            self.process.wait(timeout=_END_LIMIT_S)

    def _spawn(self, *java_class_and_arguments: str) -> None:
        if self.running:
            raise RuntimeError(f"broker {self.address.node} is running already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, *java_class_and_arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then end the broker
            )


def _free_port(held: ExitStack) -> int:
    for port in _candidates:
        probe = held.enter_context(socket.socket())
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise RuntimeError("no free port below 32768 is left on 127.0.0.1")


def _cluster_properties(address: Address, peers: Sequence[Address]) -> dict[str, str]:
    """Return the settings that depend on the broker's place in the cluster."""
    copies = str(min(3, len(peers)))
    advertised = f"CLIENT://127.0.0.1:{address.client},INTERNAL://127.0.0.1:{address.internal}"
    voters = [f"{peer.node}@127.0.0.1:{peer.controller}" for peer in peers]
    return {
        "node.id": str(address.node),
        "listeners": f"{advertised},CONTROLLER://127.0.0.1:{address.controller}",
        "advertised.listeners": advertised,
        "controller.quorum.voters": ",".join(voters),
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
    }
