"""What goes wrong in a soak, and when: all of it out of one seed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
import urllib3

if TYPE_CHECKING:
    from random import Random

    from consumer.kafka.embedded import EmbeddedBroker
    from consumer.model import Object
    from tests.soak.members import Members

SEG: dict[str, list[Object]] = {
    "some 500s": [{"status": 500, "share": 0.2}],
    "some resets": [{"trouble": "reset", "share": 0.1}],
    "429 with Retry-After": [{"status": 429, "share": 0.2, "retry_after": 1}],
    "throttled": [{"calls_per_s": 2000.0}],
    "slow": [{"delay_s": 0.1}],
    "some hang": [{"trouble": "hang", "share": 0.002}],
    "taken but unanswered": [{"trouble": "reset", "share": 0.001, "accepted": True}],
    "garbage": [{"trouble": "garbage", "share": 0.05}],
    "down": [{"status": 503}],
    "wrong key": [{"status": 403}],
    "wrong endpoint": [{"status": 404}],
}
"""The faults of Seg, as the sandbox takes them."""

PAUSE_S = (4.0, 12.0)
FAULT_S = (2.0, 6.0)


class Trouble:
    """Decides at each tick what begins and what ends."""

    def __init__(
        self,
        sandbox: str,
        broker: EmbeddedBroker,
        members: Members,
        *,
        random: Random,
        kill_every_s: float,
        now_s: float,
    ) -> None:
        self._http = urllib3.PoolManager()
        self._sandbox = sandbox
        self._broker = broker
        self._members = members
        self._random = random
        self._kill_every_s = kill_every_s
        self._next_kill_s = now_s + kill_every_s
        self._next_fault_s = now_s + random.uniform(*PAUSE_S)
        self._heal_at_s: float | None = None
        self.made: Counter[str] = Counter()
        """What was done, and how often."""

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        if self._heal_at_s is not None and now_s >= self._heal_at_s:
            self.heal()
            self._next_fault_s = now_s + self._random.uniform(*PAUSE_S)
        elif self._heal_at_s is None and now_s >= self._next_fault_s:
            self._begin(now_s)
        if now_s >= self._next_kill_s:
            self._next_kill_s = now_s + self._kill_every_s
            self._replace_a_member()

    def heal(self) -> None:
        """End every fault."""
        self._heal_at_s = None
        self._seg([])
        self._broker.call("set_up")
        self._broker.call("set_rtt", 0)

    def summary(self) -> dict[str, int]:
        """Return the sandbox's counters."""
        answer = self._http.request("GET", f"{self._sandbox}_sandbox/summary")
        counters: dict[str, int] = orjson.loads(answer.data)
        return counters

    def _begin(self, now_s: float) -> None:
        self._heal_at_s = now_s + self._random.uniform(*FAULT_S)
        name = self._random.choice([*SEG, *SEG, "slow brokers", "broker away", "coordinator moves"])
        self.made[name] += 1
        if name == "slow brokers":
            self._broker.call("set_rtt", 100)
        elif name == "broker away":
            self._broker.call("set_down", self._random.randint(1, 3))
        elif name == "coordinator moves":
            self._broker.call("set_coordinator", "soak", self._random.randint(1, 3))
        else:
            self._seg(SEG[name])

    def _replace_a_member(self) -> None:
        """Kill one (three times out of four) or stop one, and start another."""
        index = self._random.randrange(len(self._members))
        if self._random.random() < 0.75:
            self.made["kill -9"] += 1
            self._members.kill(index)
        else:
            self.made["stop"] += 1
            self._members.stop(index)
        self._members.start()

    def _seg(self, faults: list[Object]) -> None:
        self._http.request(
            "POST",
            f"{self._sandbox}_sandbox/faults",
            body=orjson.dumps(faults),
            headers={"Content-Type": "application/json"},
        )
