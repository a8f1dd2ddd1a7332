"""One soak, from its first record to its figures."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from consumer.kafka.dead_letter_reader import Wanted, read_letters
from consumer.settings import load
from tests.kafka.brokers import Broker, committed, ends
from tests.soak.members import Sleepers
from tests.soak.seg import SegFaults
from tests.soak.traffic import POISON_REASON, USERS, Traffic
from tests.soak.trouble import Faults, Place, Trouble
from tests.soak.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.soak.members import Members

PARTITIONS = 24
SESSION_S, USUAL_SESSION_S = 6.0, 45.0
"""At the usual one trouble comes as much less often: else most partitions belong to the dead."""
BACKLOG_MAX = 80_000
"""The embedded broker keeps 5 MiB a partition: no more may wait than that holds. It is also less
than the writer's own queue takes, so that a broker that is away does not hold the soak up."""
BURST = 1_000
TELL_EVERY_S = 10.0
MEND_S = 180.0
DRAIN_S = 300.0


class Scenery(NamedTuple):
    """What a soak runs on."""

    topic: str
    """Also the group's name."""
    broker: Broker
    broker_faults: Faults
    seg: SegFaults
    journal: Path
    env: dict[str, str]
    """A member's settings."""
    session_s: float
    """How long a member that says nothing is waited for."""


class Soak:
    """Traffic from the beginning, trouble while it runs, and a verdict at its end."""

    def __init__(
        self,
        scenery: Scenery,
        members: Members,
        random: Random,
        *,
        kill_every_s: float,
        rate: float,
    ) -> None:
        self._topic = scenery.topic
        self._broker = scenery.broker
        self._seg = scenery.seg
        self._members = members
        self._kafka = load(env=scenery.env).kafka
        self._traffic = Traffic(self._kafka, scenery.topic, random)
        self._rate = rate
        self._told: Counter[str] = Counter()
        self._verdict = Verdict(scenery.journal, USERS)
        slower = scenery.session_s / SESSION_S
        sleepers = Sleepers(members, random, scenery.session_s)
        self._trouble = Trouble(
            [Place(scenery.seg), Place(scenery.broker_faults, slower), Place(sleepers, slower)],
            members,
            random,
            kill_every_s=kill_every_s,
            now_s=time.monotonic(),
        )
        self._chronicle = self._trouble.chronicle

    def run(self, seconds: float) -> None:
        """Write as much as the rate allows and the members bear, and make trouble, for so long."""
        end_s = time.monotonic() + seconds
        tell_s = write_s = 0.0
        while (now_s := time.monotonic()) < end_s:
            if now_s >= write_s and self._waiting < BACKLOG_MAX:
                self._traffic.write(BURST)
                write_s = now_s + BURST / self._rate
            else:
                time.sleep(0.05)
            self._verdict.follow()
            self._trouble.tick(now_s)
            self._members.measure()
            if now_s > tell_s:
                tell_s = now_s + TELL_EVERY_S
                self._tell(end_s - now_s)

    def end(self) -> dict[str, object]:
        """Heal everything, wait until all has arrived, and count."""
        _wait(lambda: self._trouble.heal(time.monotonic()), MEND_S)
        self._traffic.close()
        _wait(self._has_drained, DRAIN_S)
        time.sleep(2.0)  # for what should not come any more
        self._members.stop_all()
        self._verdict.follow()
        self._verdict.close()
        return self._figures()

    @property
    def _waiting(self) -> int:
        return self._traffic.deliverable - self._verdict.arrived

    def _has_drained(self) -> bool:
        self._verdict.follow()
        self._members.measure()
        return self._waiting == 0

    def _tell(self, left_s: float) -> None:
        fresh = self._chronicle.made - self._told
        self._told += fresh
        click.echo(
            f"{left_s:4.0f} s left: {self._traffic.written:,} written, "
            f"{self._verdict.arrived:,} arrived, {self._verdict.out_of_order} out of order, "
            f"{self._verdict.doubles:,} doubles; {', '.join(fresh) or 'no trouble'}",
            err=True,
        )

    def _figures(self) -> dict[str, object]:
        letters = read_letters(self._kafka, f"{self._topic}.dead-letter", Wanted())
        buried = Counter({(it.source, it.source_offset): it.reason for it in letters}.values())
        offsets = committed(self._broker, self._topic, self._topic, PARTITIONS)
        doubles = self._verdict.doubles
        causes = Counter(map(self._chronicle.causes, self._verdict.repeated))
        return {
            "written": self._traffic.written,
            "to_arrive": self._traffic.deliverable,
            "arrived": self._verdict.arrived,
            "lost": self._waiting + self._traffic.poison - buried[POISON_REASON],
            "out_of_order": self._verdict.out_of_order,
            "left_behind": self._verdict.left_behind,
            "uncommitted": sum(ends(self._broker, self._topic, PARTITIONS).values())
            - sum(offsets.values()),
            "doubles": doubles,
            "doubles_share": round(doubles / max(1, self._verdict.arrived), 6),
            "doubles_by": dict(causes.most_common()),
            "dead_lettered": dict(buried),
            "troubles": dict(self._chronicle.made),
            "peak_mb": round(self._members.peak_mb),
            "failures": self._members.failures,
        }


def _wait(done: Callable[[], bool], limit_s: float) -> None:
    """Return when *done*, or when there is no time left."""
    end_s = time.monotonic() + limit_s
    while not done() and time.monotonic() < end_s:
        time.sleep(0.2)
