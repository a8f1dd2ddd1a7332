"""A whole consumer group in one thread: the real pipelines, between stand-ins that obey a script.

The world holds what the members share: the clock, the truth, who owns what, and how bad each next
thing is. Where the script ends, Seg is as `World.mood` says and Kafka is healthy.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from tests.fakes import FakeClock
from tests.model.member import Member
from tests.model.script import CrashedError
from tests.model.truth import Epoch, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Partition
    from tests.model.script import AnswerKind, CommitKind, Config, Request


class World:
    """Everything outside the members, and the members."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = FakeClock()
        self.truth = Truth(config.partitions, config.ordering)
        self.owner: dict[Partition, Member | None] = dict.fromkeys(self.truth.partitions)
        """Whose each partition is, for the broker."""
        self.members: list[Member] = []
        self.answers: deque[AnswerKind] = deque()
        self.mood: AnswerKind = "takes"
        self.firewall = True
        """Whether calls are refused for what is in them."""
        self.sick = False
        """Which of two backends answered last, in uneven weather."""
        self.commits: deque[CommitKind] = deque()
        self.ids_told = True
        """Whether the brokers tell the topic's id, by which a log made anew is known."""
        self.registry_up = True
        self.dead_letters_up = True
        self.storm_limit = 0.5
        self.adrift: list[Request] = []
        """Requests that nobody waits for, and that Seg may still take."""

    def start(self) -> None:
        """Start one more member; it owns nothing yet."""
        self.members.append(Member(self, seed=len(self.members)))

    def rebalance(
        self, target: Mapping[Partition, int], *, eager: bool, wake_fenced: bool = True
    ) -> None:
        """Divide the partitions anew: revoke, then assign; eager revokes what stays, too.

        Without *wake_fenced* the group goes on without those that it has thrown out, and they do
        not know of it yet.
        """
        members = [m for m in self.members if wake_fenced or m.source.fenced_s is None]
        wanted = {p: members[i % len(members)] for p, i in target.items()} if members else {}
        for member in members:
            if member.source.fenced_s is not None:
                member.happens("lost", member.source.owned)
            stays = set() if eager else {p for p, m in wanted.items() if m is member}
            member.happens("revoked", member.source.owned - stays)
        for member in members:
            if member in self.members:
                gained = {p for p, m in wanted.items() if m is member and self.owner[p] is None}
                member.happens("assigned", gained)

    def fence(self, member: Member) -> None:
        """Throw *member* out of the group, which it does not know yet."""
        if member.source.owned and member.source.fenced_s is None:
            member.source.fenced_s = self.clock.now_s
        self._disown(member)

    def crash(self, member: Member) -> None:
        """End *member* without a goodbye; what it sent may still arrive."""
        self.members.remove(member)
        member.source.flush()
        self._disown(member)
        self.adrift += member.seg.under_way

    def shut_down(self, member: Member) -> None:
        """Stop *member* as `consumer.program.app` does on a signal."""
        with contextlib.suppress(CrashedError):
            member.source.leave()
        self.crash(member)  # there is nothing left that it could say

    def new_epoch(self, partition: Partition) -> Epoch:
        """Begin *partition*'s time with a member."""
        truth = self.truth
        checkpoint = truth.checkpoint(partition)
        return Epoch(truth.log_number, checkpoint, truth.finished(partition, checkpoint))

    def seg_takes_adrift(self) -> None:
        """Let Seg take what nobody waits for."""
        adrift, self.adrift = self.adrift, []
        for request in adrift:
            tastes = {self.truth.facts[place].taste for place in request.places}
            if tastes == {"takes"}:
                self.truth.unclear.update(request.places)
                self.truth.takes(request.counted)

    def _disown(self, member: Member) -> None:
        for partition, owner in self.owner.items():
            if owner is member:
                self.owner[partition] = None
