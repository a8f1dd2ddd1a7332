"""What can go wrong at the brokers: of the embedded kind, and three of the real one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Final

from consumer.kafka.embedded import EmbeddedBroker
from tests.kafka.brokers import Broker, Embedded, Real
from tests.kafka_real.cluster import RealKafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future
    from pathlib import Path
    from random import Random

    from tests.soak.chronicle import Spell
    from tests.soak.trouble import Faults

KINDS: Final = ("embedded", "real")
NODES: Final = (1, 2, 3)

PROPERTIES: Final = {
    # What is acknowledged outlives any one broker.
    "min.insync.replicas": "2",
    # As users have them: a broker that waits a second or two for a core is not dead.
    "broker.session.timeout.ms": "9000",
    "controller.quorum.fetch.timeout.ms": "5000",
}
"""Of the real ones."""


@contextmanager
def brokers(
    kind: str, folder: Path, group: str, random: Random, session_s: float
) -> Iterator[tuple[Broker, Faults]]:
    """Run three brokers of a *kind*, with their data and logs in *folder* where they have any.

    By KIP-848 they say how long a dead member is waited for: *session_s*, if they are real ones.
    """
    if kind == "embedded":
        with EmbeddedBroker(len(NODES)) as broker:
            yield Embedded(broker), EmbeddedFaults(broker, group, random)
        return
    session = {"group.consumer.session.timeout.ms": f"{session_s * 1000:.0f}"}
    with (
        RealKafka(len(NODES), PROPERTIES | session, folder) as kafka,
        ThreadPoolExecutor(max_workers=1) as worker,
    ):
        faults = RealFaults(kafka, group, random, worker, session_s)
        try:
            yield Real(kafka), faults
        finally:
            faults.heal()  # else the worker waits for it, and we for the worker


class EmbeddedFaults:
    """What the mock cluster can be told to do."""

    def __init__(self, broker: EmbeddedBroker, group: str, random: Random) -> None:
        self._broker = broker
        self._group = group
        self._random = random
        self.known: dict[str, Callable[[], None]] = {
            "slow brokers": self._be_slow,
            "broker away": self._go_away,
            "coordinator moves": self._move_coordinator,
        }

    def heal(self) -> bool:
        """Let every broker answer at once."""
        self._broker.call("set_up")
        self._broker.call("set_rtt", 0)
        return True

    def repeats(self, _fault: str, spell: Spell) -> list[Spell]:
        """Return *spell*: commits wait for as long as it lasts."""
        return [spell]

    def _be_slow(self) -> None:
        self._broker.call("set_rtt", 100)

    def _go_away(self) -> None:
        # Not the first, the mock cluster's controller: an admin client that comes while that one is
        # away waits for it in vain even when it is back, and a member that starts asks with one.
        self._broker.call("set_down", self._random.choice(NODES[1:]))

    def _move_coordinator(self) -> None:
        self._broker.call("set_coordinator", self._group, self._random.choice(NODES))


class RealFaults:
    """Brokers that are ended, in good order or not, and come back.

    That takes seconds, in which the soak goes on: *worker* does it. It is one thread, and it stays
    until the end, for the brokers that it started die with it.
    """

    def __init__(
        self, kafka: RealKafka, group: str, random: Random, worker: Executor, session_s: float
    ) -> None:
        self._kafka = kafka
        self._worker = worker
        self._session_s = session_s
        self._enough = Event()
        self._under_way: Future[None] | None = None
        absences: dict[str, tuple[Callable[[], int], Callable[[int], None]]] = {
            "broker killed": (partial(random.choice, NODES), kafka.kill),
            "controller killed": (kafka.active_controller, kafka.kill),
            "controller stopped": (kafka.active_controller, kafka.stop),
            "coordinator killed": (partial(kafka.coordinator, group), kafka.kill),
            "coordinator stopped": (partial(kafka.coordinator, group), kafka.stop),
        }
        self.known = {"rolling restart": partial(self._begin, self._roll)} | {
            name: partial(self._begin, partial(self._be_away, *how))
            for name, how in absences.items()
        }

    def heal(self) -> bool:
        """Let who is away come back, and tell whether every broker is there and in sync.

        Raises:
            RuntimeError: a broker did not come back.
        """
        self._enough.set()
        if self._under_way is not None and self._under_way.done():
            self._under_way.result()
            self._under_way = None
        return self._under_way is None

    def repeats(self, _fault: str, spell: Spell) -> list[Spell]:
        """Return *spell* and a session more: commits wait until the group has settled again."""
        return [spell._replace(until_s=spell.until_s + self._session_s)]

    def _begin(self, work: Callable[[], None]) -> None:
        self._enough.clear()
        self._under_way = self._worker.submit(work)

    def _roll(self) -> None:
        """Restart one after the other, as an upgrade does."""
        for node in NODES:
            self._kafka.stop(node)
            self._kafka.rejoin(node)

    def _be_away(self, who: Callable[[], int], end: Callable[[int], None]) -> None:
        """End a broker, and start it when it is time to heal."""
        node = who()
        end(node)
        self._enough.wait()
        self._kafka.rejoin(node)
