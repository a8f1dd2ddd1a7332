"""The five promises, proven on every history that Hypothesis can think of.

`truth` holds the laws that are checked at each event, `world` the group; this is the machine that
makes histories, and the laws that speak of a whole history: nothing is lost, the world drains.

In `make test` the histories are the same on every run, so that a red build is the fault of the
change and anybody can repeat it. HYPOTHESIS_PROFILE=deep looks for new ones, for as long as it
takes, and prints how to repeat what it finds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, get_args

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consumer.flow import letters, settings_guard, storm
from consumer.seg import breaker, judge
from consumer.seg.breaker import OpenReason
from tests.model.script import GAP_MAX, AnswerKind, CommitKind, Config, CrashPoint
from tests.model.truth import Fact, Ordering
from tests.model.world import World

if TYPE_CHECKING:
    from tests.model.member import Member

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
PROFILE = settings(
    max_examples=20_000 if DEEP else 800,
    stateful_step_count=80 if DEEP else 40,
    derandomize=not DEEP,
    print_blob=True,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
TURNS_WITHOUT_PROGRESS = 600
"""At half a second each: longer than every wait of the program in a row."""
FACTS = st.builds(
    Fact,
    kind=st.sampled_from(["good"] * 6 + ["ignored", "tombstone", "poison", "misplaced"]),
    taste=st.sampled_from(
        ["takes"] * 12 + ["rejects", "unsupported", "breaks", "breaks", "hangs", "blocked"]
    ),
    new_schema=st.sampled_from([False] * 5 + [True]),
    key=st.sampled_from([b"a", b"b", None]),
    user=st.sampled_from(["u", "v"]),
)
# Silence is what leaves something under way when the next thing happens.
ANSWERS = st.sampled_from([*get_args(AnswerKind), *["silent"] * 5])
DIVISIONS = st.lists(st.integers(0, 2), min_size=3, max_size=3)


class Histories(RuleBasedStateMachine):
    """One history of a consumer group."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Config("key", batch=False, partitions=1))

    @initialize(
        ordering=st.sampled_from(get_args(Ordering)),
        batch=st.booleans(),
        partitions=st.integers(1, 3),
        members=st.integers(1, 2),
        facts=st.lists(FACTS, min_size=6, max_size=30),
        registry_up=st.booleans(),
    )
    def begin(
        self,
        *,
        ordering: Ordering,
        batch: bool,
        partitions: int,
        members: int,
        facts: list[Fact],
        registry_up: bool,
    ) -> None:
        """Start a group in front of a log."""
        self.world = World(Config(ordering, batch, partitions))
        self.world.registry_up = registry_up
        for number, fact in enumerate(facts):
            self.world.truth.append(self.world.truth.partitions[number % partitions], fact, 0)
        for _ in range(members):
            self.world.start()
        self.world.rebalance({p: p.number for p in self.world.truth.partitions}, eager=False)

    # ---- the sources

    @rule(
        number=st.integers(0, 2),
        facts=st.lists(FACTS, min_size=4, max_size=8),
        gaps=st.lists(st.sampled_from([0] * 6 + [1, GAP_MAX]), min_size=8, max_size=8),
    )
    def produce(self, number: int, facts: list[Fact], gaps: list[int]) -> None:
        """Somebody writes records, with gaps as compaction and transactions leave them."""
        partitions = self.world.truth.partitions
        for fact, gap in zip(facts, gaps, strict=False):
            self.world.truth.append(partitions[number % len(partitions)], fact, gap)

    @rule(
        number=st.integers(0, 2),
        count=st.sampled_from([2, 3, 5, 16]),
        kind=st.sampled_from(["poison", "misplaced"]),
    )
    def produce_poison(self, number: int, count: int, kind: Literal["poison", "misplaced"]) -> None:
        """Somebody writes nothing but poison."""
        poison = Fact(kind, "takes", new_schema=False, key=b"a", user="u")
        partitions = self.world.truth.partitions
        for _ in range(count):
            self.world.truth.append(partitions[number % len(partitions)], poison, 0)

    @rule(
        facts=st.lists(FACTS, min_size=6, max_size=20),
        is_forgotten=st.booleans(),
        is_told=st.booleans(),
    )
    def topic_is_made_anew(self, facts: list[Fact], *, is_forgotten: bool, is_told: bool) -> None:
        """Somebody deletes the topic, makes it again and writes to it; members know at once or not.

        The group's offsets go with it, unless a member commits after that.
        """
        truth = self.world.truth
        truth.make_anew(is_forgotten=is_forgotten)
        for number, fact in enumerate(facts):
            truth.append(truth.partitions[number % len(truth.partitions)], fact, 0)
        self.world.ids_told = is_told

    @rule()
    def topic_ids_are_told(self) -> None:
        """The members look at the topic's id."""
        self.world.ids_told = True

    # ---- the members

    @precondition(lambda self: self.world.members)
    @rule(index=st.integers(0, 2))
    def one_turns(self, index: int) -> None:
        """One member's loop turns once."""
        self.member(index).turn()

    @rule(turns=st.integers(1, 12), tick_s=st.sampled_from([0.01, 0.2]))
    def all_turn(self, turns: int, tick_s: float) -> None:
        """Everybody's loop turns for a while."""
        for _ in range(turns):
            for member in self.world.members.copy():
                member.turn()
            self.world.clock.advance(tick_s)

    @rule(seconds=st.sampled_from([0.1, 0.4, 1.1, 6.0, 31.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        """Nobody turns, and time passes: a process was stopped."""
        self.world.clock.advance(seconds)

    @precondition(lambda self: len(self.world.members) < 3)
    @rule(division=DIVISIONS, eager=st.booleans())
    def member_joins(self, *, division: list[int], eager: bool) -> None:
        """A member joins, and the partitions are divided anew."""
        self.world.start()
        self.divide(division, eager=eager, wake_fenced=True)

    @rule(division=DIVISIONS, eager=st.booleans(), wake_fenced=st.booleans())
    def rebalance(self, *, division: list[int], eager: bool, wake_fenced: bool) -> None:
        """The partitions are divided anew."""
        self.divide(division, eager=eager, wake_fenced=wake_fenced)

    @precondition(lambda self: self.world.members)
    @rule(index=st.integers(0, 2))
    def member_is_fenced(self, index: int) -> None:
        """The group throws a member out, which it does not know yet."""
        self.world.fence(self.member(index))

    @precondition(lambda self: self.world.members)
    @rule(
        index=st.integers(0, 2),
        point=st.sampled_from(get_args(CrashPoint)),
        division=st.none() | DIVISIONS,
    )
    def member_freezes(self, index: int, point: CrashPoint, division: list[int] | None) -> None:
        """A member stands still at a point of its next turn, and wakes thrown out.

        The group has gone on meanwhile: others own what was its own, unless nobody is there.
        """
        member = self.member(index)
        member.freeze_at = point
        member.turn()
        member.freeze_at = None  # where the turn did not pass there
        if division is not None:
            self.divide(division, eager=False, wake_fenced=False)

    @precondition(lambda self: any(m.source.fenced_s is not None for m in self.world.members))
    @rule()
    def fenced_learn_of_it(self) -> None:
        """Who was thrown out is told, and joins again."""
        for member in self.world.members.copy():
            if member.source.fenced_s is not None:
                member.happens("lost", member.source.owned)

    @precondition(lambda self: self.world.members)
    @rule(index=st.integers(0, 2))
    def member_stops(self, index: int) -> None:
        """A member stops as on a signal."""
        self.world.shut_down(self.member(index))

    @precondition(lambda self: self.world.members)
    @rule(index=st.integers(0, 2), point=st.sampled_from([None, *get_args(CrashPoint)]))
    def member_crashes(self, index: int, point: CrashPoint | None) -> None:
        """A member dies, now or at the next point of that kind."""
        if point is None:
            self.world.crash(self.member(index))
        else:
            self.member(index).crash_at = point

    @precondition(lambda self: self.world.members)
    @rule(index=st.integers(0, 2), count=st.integers(1, 4))
    def client_repeats_itself(self, index: int, count: int) -> None:
        """The client delivers records once more that it has delivered before."""
        self.member(index).source.repeat = count

    # ---- the dependencies

    @rule(answers=st.lists(ANSWERS, min_size=1, max_size=8))
    def seg_will_answer(self, answers: list[AnswerKind]) -> None:
        """Seg answers the next requests so, whoever sends them."""
        self.world.answers.extend(answers)

    @rule(
        mood=st.sampled_from(
            ["takes"] * 4
            + ["silent"] * 4
            + ["error", "away", "uneven", "unauthorised", "misrouted", "throttled"]
        )
    )
    def seg_is(self, mood: AnswerKind) -> None:
        """From now on Seg answers so, where no script says otherwise."""
        self.world.mood = mood

    @precondition(lambda self: self.world.adrift)
    @rule()
    def seg_takes_what_nobody_waits_for(self) -> None:
        """Requests that were given up arrive after all."""
        self.world.seg_takes_adrift()

    @rule(kinds=st.lists(st.sampled_from(get_args(CommitKind)), min_size=1, max_size=4))
    def commits_will_be(self, kinds: list[CommitKind]) -> None:
        """The broker treats the next commits so."""
        self.world.commits.extend(kinds)

    @rule(up=st.booleans())
    def registry_is(self, *, up: bool) -> None:
        """The registry comes or goes."""
        self.world.registry_up = up

    @rule(up=st.booleans())
    def dead_letter_topic_is(self, *, up: bool) -> None:
        """The dead-letter topic comes or goes."""
        self.world.dead_letters_up = up

    # ---- the laws of every moment, and of the end

    @invariant()
    def members_are_sane(self) -> None:
        """Check every member."""
        for member in self.world.members:
            member.check()

    def teardown(self) -> None:
        """Heal everything, and see all that was written come to its end."""
        self.heal()
        progress, since = self.world.truth.progress, 0
        while not self.is_drained and since < TURNS_WITHOUT_PROGRESS:
            for member in self.world.members:
                member.turn()
                member.check()
            self.world.clock.advance(0.5)
            since += 1
            if self.world.truth.progress != progress:
                progress, since = self.world.truth.progress, 0
        note(f"unfinished: {self.world.truth.unfinished}")
        for member in self.world.members:
            note(f"{member.source.owned=} {[it.pauses for it in member.source.tenures.values()]=}")
            note(f"{member.pipeline.waits_for=} {member.tally.records_in_flight=}")
        assert self.is_drained, "everything is healthy, and yet not everything is done"
        self.everything_ended_in_one_place()

    def heal(self) -> None:
        """Make everything healthy; what goes on by itself is not touched."""
        world = self.world
        world.answers.clear()
        world.commits.clear()
        world.mood = "takes"
        world.firewall = False  # where nobody else can be asked it looks like a wrong key for ever
        world.registry_up = world.dead_letters_up = world.ids_told = True
        world.storm_limit = 0.0  # the operator has looked, and says: go on
        for member in world.members.copy():
            member.crash_at = None
            kept = member.letters
            kept._unreadable._limit = kept._rejected._limit = 0.0
            kept._settings._on = False
            stormed = member.delivery.breaker.reason is OpenReason.DEAD_LETTER_STORM
            if stormed or kept.misconfigured:
                world.shut_down(member)
        self.fenced_learn_of_it()
        if not world.members:
            world.start()
        owners = {p: world.members.index(m) if m else 0 for p, m in world.owner.items()}
        world.rebalance(owners, eager=False)

    @property
    def is_drained(self) -> bool:
        """True once everything is committed and nothing is left anywhere."""
        truth = self.world.truth
        for partition, log in truth.log.items():
            said = truth.checkpoint(partition)
            if log and (said is None or said.position != log[-1].offset + 1):
                return False
        return all(member.idle for member in self.world.members)

    def everything_ended_in_one_place(self) -> None:
        """Check that only a doubtful history gave a record two ends."""
        truth = self.world.truth
        assert truth.owed <= truth.set_aside, "order: what went ahead did not follow"
        for place in (it for it in truth.facts if it.log == truth.log_number):
            where = truth.ended[place]
            owners = len(truth.sent_in.get(place, ()))
            if len(where) > 1 or truth.taken.get(place, 0) > 1:
                assert owners > 1 or place in truth.unclear, f"{place} ended in {where}"

    def divide(self, division: list[int], *, eager: bool, wake_fenced: bool) -> None:
        """Give each partition to the member of that number."""
        wanted = dict(zip(self.world.truth.partitions, division, strict=False))
        self.world.rebalance(wanted, eager=eager, wake_fenced=wake_fenced)

    def member(self, index: int) -> Member:
        """Return a member that lives."""
        return self.world.members[index % len(self.world.members)]


@pytest.fixture
def _small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every threshold so low that a short history crosses it."""
    monkeypatch.setattr(breaker, "FAILURES_TO_OPEN", 4)
    monkeypatch.setattr(breaker, "BOUND", 0.02)
    monkeypatch.setattr(judge, "BOUND", 0.1)
    monkeypatch.setattr(storm, "FIRST", 8)
    monkeypatch.setattr(storm, "WINDOW", 16)
    monkeypatch.setattr(settings_guard, "KEPT", 4)
    monkeypatch.setattr(letters, "PENDING_MAX", 3)


@pytest.mark.usefixtures("_small_thresholds")
@pytest.mark.timeout(0 if DEEP else 300)
def test_no_history_breaks_a_promise() -> None:
    """Whatever happens, in whatever order: the five promises hold, and in the end all is done."""
    run_state_machine_as_test(Histories, settings=PROFILE)
