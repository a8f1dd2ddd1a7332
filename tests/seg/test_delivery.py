"""Delivery as the pipeline sees it: every call is settled once, in order, and for a good reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.seg.answers import NOT_SENT, STOOD_STILL, Answer, AnswerClass
from consumer.seg.breaker import BreakerState, OpenReason
from consumer.seg.outbox import Batching
from consumer.seg.ports import Dead, Delivered
from tests.seg.support import POLICY, Bench, FakeClock, Scripted, a_tenure, chance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from consumer.core.lanes import Task
    from consumer.core.model import Tenure
    from consumer.seg.ports import Settled

BATCHING = Batching(max_calls=8, max_bytes=100_000, max_age_s=0.1)
HOUR_S = 3_600.0


def an_answer(status: int | None = 200, *, retry_after_s: float | None = None) -> Answer:
    """Return an answer after 50 ms."""
    return Answer(status, "" if status == 200 else f"Seg answered {status}", retry_after_s, 0.05)


def bench(
    seg: Callable[[list[int], float], Answer | None],
    *,
    batching: Batching | None = None,
    floor: int = 1,
) -> Bench:
    """Return a delivery to *seg*, which answers for the offsets of a request at a time."""
    return Bench(Scripted(FakeClock(), seg), batching=batching, floor=floor)


def run(parts: Bench, until: Callable[[], bool], *, within_s: float = HOUR_S) -> None:
    """Step until *until* holds; the time that it takes is the fake clock's."""
    deadline_s = parts.clock.now_s + within_s
    while not until():
        assert parts.clock.now_s < deadline_s, "it took too long"
        parts.step()


def tasks_of(settled: Settled) -> list[Task]:
    """Return the calls that left."""
    return settled.tasks if isinstance(settled, Delivered) else [settled.task]


def ends(settled: list[Settled]) -> dict[int, str]:
    """Return how each call ended, by its offset."""
    return {
        task.record.offset: "delivered" if isinstance(s, Delivered) else str(s.reason)
        for s in settled
        for task in tasks_of(s)
    }


def dead_of(settled: list[Settled]) -> list[Dead]:
    """Return those that are dead."""
    return [it for it in settled if isinstance(it, Dead)]


def offsets_of(settled: Sequence[Settled]) -> list[int]:
    """Return the offsets of the calls, in the order in which they were decided."""
    return [task.record.offset for it in settled for task in tasks_of(it)]


def sent(parts: Bench) -> list[list[int]]:
    """Return the offsets of each request, in order."""
    assert isinstance(parts.sender, Scripted)
    return [offsets for offsets, _ in parts.sender.sent]


def with_others(parts: Bench, *, within_s: float) -> None:
    """Step until call 0 is settled, while a call of somebody else comes every few seconds."""
    next_s = parts.clock.now_s

    def settled() -> bool:
        nonlocal next_s
        if parts.clock.now_s >= next_s:
            next_s += 4.0
            parts.put()
        return 0 in offsets_of(parts.settled[-9:])

    run(parts, settled, within_s=within_s)


class TestEnds:
    """How a call leaves."""

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_delivered(self, status: int) -> None:
        """A call that Seg took is delivered."""
        parts = bench(lambda _calls, _now_s: an_answer(status))
        parts.put()
        run(parts, lambda: bool(parts.settled))

        assert ends(parts.settled) == {0: "delivered"}

    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_unsupported(self, batching: Batching | None) -> None:
        """A type that Seg does not support is ignored, and harms nobody in its batch."""
        parts = bench(
            lambda calls, _now_s: an_answer(501 if 2 in calls else 200), batching=batching
        )
        for _ in range(5):
            parts.put()
        run(parts, lambda: len(offsets_of(parts.settled)) == 5)

        unsupported = str(IgnoredReason.UNSUPPORTED_BY_SEG)
        others = dict.fromkeys((0, 1, 3, 4), "delivered")
        assert ends(parts.settled) == {**others, 2: unsupported}

    @pytest.mark.parametrize("batching", [None, BATCHING])
    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_rejected(self, batching: Batching | None, status: int) -> None:
        """A call that Seg rejects is dead, with Seg's words; the others are delivered."""
        parts = bench(
            lambda calls, _now_s: an_answer(status if 2 in calls else 200), batching=batching
        )
        for _ in range(5):
            parts.put()
        run(parts, lambda: len(offsets_of(parts.settled)) == 5)

        dead = dead_of(parts.settled)
        assert offsets_of(dead) == [2]
        assert dead[0].reason is DeadLetterReason.REJECTED_BY_SEG
        assert (dead[0].status, dead[0].detail) == (status, f"Seg answered {status}")

    def test_too_large_together(self) -> None:
        """Arrays that are too large (413) are cut down, and nobody is dead."""
        parts = bench(
            lambda calls, _now_s: an_answer(413 if len(calls) > 3 else 200), batching=BATCHING
        )
        for _ in range(8):
            parts.put("k")
        run(parts, lambda: len(offsets_of(parts.settled)) == 8)

        assert set(ends(parts.settled).values()) == {"delivered"}
        assert offsets_of(parts.settled) == [*range(8)]


class TestRetries:
    """Transient failures are tried again."""

    def test_same_key(self) -> None:
        """An ambiguous time-out is tried again with the same key, so Seg can drop the double."""
        answers = [an_answer(None), an_answer(None), an_answer(200)]
        parts = bench(lambda _calls, _now_s: answers.pop(0))
        parts.put()
        run(parts, lambda: bool(parts.settled))

        assert isinstance(parts.sender, Scripted)
        assert parts.sender.sent == [([0], "m-0")] * 3
        assert parts.counts.retries == 2

    def test_same_key_of_a_batch(self) -> None:
        """So is a batch: the same calls, the same key."""
        answers = [an_answer(500), an_answer(None), an_answer(200)]
        parts = bench(lambda _calls, _now_s: answers.pop(0), batching=BATCHING)
        for _ in range(8):
            parts.put()
        run(parts, lambda: len(offsets_of(parts.settled)) == 8)

        assert isinstance(parts.sender, Scripted)
        assert len({key for _, key in parts.sender.sent}) == 1

    def test_lane_waits(self) -> None:
        """What stands behind a failing call of its lane waits for it; other lanes do not."""
        parts = bench(
            lambda calls, now_s: an_answer(500 if calls == [0] and now_s < 1_010 else 200)
        )
        parts.put("a"), parts.put("a"), parts.put("b")
        run(parts, lambda: len(offsets_of(parts.settled)) == 3)

        assert offsets_of(parts.settled) == [2, 0, 1]

    def test_retry_after(self) -> None:
        """Seg's Retry-After is obeyed."""
        times: list[float] = []

        def seg(_calls: list[int], now_s: float) -> Answer:
            times.append(now_s)
            return an_answer(200) if len(times) > 1 else an_answer(503, retry_after_s=60.0)

        parts = bench(seg)
        parts.put()
        run(parts, lambda: bool(parts.settled))

        assert 60.0 <= times[1] - times[0] <= 63.0

    def test_budget_while_all_fail(self) -> None:
        """While Seg fails for everybody a call is tried for four hours, then it is dead."""
        parts = bench(lambda _calls, _now_s: an_answer(500))
        parts.put()
        began_s = parts.clock.now_s
        run(parts, lambda: bool(parts.settled), within_s=5 * HOUR_S)

        assert ends(parts.settled) == {0: str(DeadLetterReason.RETRIES_EXHAUSTED)}
        assert 4.0 <= (parts.clock.now_s - began_s) / HOUR_S < 4.1

    def test_budget_of_a_batch(self) -> None:
        """Calls that failed together are dead together, not four hours one after the other."""
        parts = bench(lambda _calls, _now_s: an_answer(500), batching=BATCHING)
        for _ in range(8):
            parts.put()
        began_s = parts.clock.now_s
        run(parts, lambda: len(offsets_of(parts.settled)) == 8, within_s=6 * HOUR_S)

        assert set(ends(parts.settled).values()) == {"retries_exhausted"}
        assert (parts.clock.now_s - began_s) / HOUR_S < 4.5

    def test_alone(self) -> None:
        """A call that fails while Seg takes the others is dead after ten attempts, not hours."""
        parts = bench(lambda calls, _now_s: an_answer(500 if calls == [0] else 200))
        parts.put("poison")
        with_others(parts, within_s=HOUR_S)

        (dead,) = dead_of(parts.settled)
        assert dead.reason is DeadLetterReason.RETRIES_EXHAUSTED
        assert POLICY.max_attempts <= dead.attempts <= 2 * POLICY.max_attempts
        assert parts.breaker.state is BreakerState.CLOSED

    def test_refused_rate_is_nobodys_fault(self) -> None:
        """A call that meets 429 again and again, while others get through, is not dead for that."""
        parts = bench(lambda calls, now_s: an_answer(429 if calls == [0] and now_s < 9e3 else 200))
        parts.put("unlucky")
        with_others(parts, within_s=4 * HOUR_S)

        assert ends(parts.settled)[0] == "delivered"

    def test_poison_in_a_batch(self) -> None:
        """A 500 for a whole batch, while others get through, is halved down to the one call."""
        parts = bench(
            lambda calls, _now_s: an_answer(500 if 3 in calls else 200), batching=BATCHING
        )
        for _ in range(8):
            parts.put()

        def others() -> bool:
            if parts.lanes.ready_calls < 8:
                parts.put()
            return bool(dead_of(parts.settled))

        run(parts, others)

        end = ends(parts.settled)
        assert [offset for offset, how in end.items() if how != "delivered"] == [3]
        assert end[3] == "retries_exhausted"
        assert {offset for offset in range(8) if end.get(offset) == "delivered"} >= {0, 1, 2}

    def test_poison_in_a_large_batch(self) -> None:
        """Each half is a request of its own, and does not wait for as long as the whole did."""
        batching = Batching(max_calls=64, max_bytes=100_000, max_age_s=0.1)
        parts = bench(
            lambda calls, _now_s: an_answer(500 if 3 in calls else 200), batching=batching
        )
        for _ in range(64):
            parts.put()
        busy(parts, 700.0, every_s=0.25)

        assert offsets_of(dead_of(parts.settled)) == [3]


def busy(parts: Bench, seconds: float, *, every_s: float, lane: str | None = None) -> None:
    """Let *seconds* pass in which a call comes every so often, by default in a lane of its own."""
    until_s = next_s = parts.clock.now_s
    until_s += seconds
    while parts.clock.now_s < until_s:
        while next_s <= parts.clock.now_s:
            parts.put(lane)
            next_s += every_s
        parts.step(min(every_s, 1.0))


def run_for(parts: Bench, seconds: float) -> None:
    """Let *seconds* pass."""
    until_s = parts.clock.now_s + seconds
    while parts.clock.now_s < until_s:
        parts.step(min(1.0, until_s - parts.clock.now_s))


def doubles(parts: Bench, *, but: int) -> int:
    """Return how many calls were sent more than once, *but* one."""
    calls = [offset for offsets in sent(parts) if but not in offsets for offset in offsets]
    return len(calls) - len({*calls})


class TestOneLane:
    """Nobody else can be asked: one lane, and a call at its head that fails."""

    @pytest.mark.parametrize("status", [500, 503, None, 403, 404])
    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_poison(self, batching: Batching | None, status: int | None) -> None:
        """After `max_attempts` calls behind it go ahead; Seg takes them, so it is dead."""
        parts = bench(
            lambda calls, _now_s: an_answer(status if 3 in calls else 200), batching=batching
        )
        busy(parts, 1_200.0, every_s=10.0, lane="all")

        (dead,) = dead_of(parts.settled)
        order = offsets_of(parts.settled)
        assert offsets_of([dead]) == [3]
        assert dead.attempts >= POLICY.max_attempts
        assert order == sorted(order)
        assert len(order) > 100
        assert doubles(parts, but=3) == 0

    @pytest.mark.parametrize("status", [500, None, 404])
    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_poisons_in_a_row(self, batching: Batching | None, status: int | None) -> None:
        """Where the call behind fails, too, it is the turn of the one behind that."""
        poison = {3, 4, 5}
        parts = bench(
            lambda calls, _now_s: an_answer(status if poison & {*calls} else 200),
            batching=batching,
        )
        busy(parts, HOUR_S, every_s=10.0, lane="all")

        order = offsets_of(parts.settled)
        assert offsets_of(dead_of(parts.settled)) == sorted(poison)
        assert order == sorted(order)
        assert len(order) > 340

    @pytest.mark.parametrize("poison", [{0}, {0, 1}])
    @pytest.mark.parametrize("status", [500, 403])
    def test_no_more_behind_it(self, status: int, poison: set[int]) -> None:
        """Where no more calls come the same go ahead again, in their turn: it takes longer."""
        parts = bench(lambda calls, _now_s: an_answer(status if poison & {*calls} else 200))
        for _ in range(3):
            parts.put("all")
        run(parts, lambda: len(ends(parts.settled)) >= 2, within_s=4 * HOUR_S)

        assert offsets_of(dead_of(parts.settled))[0] == 0
        assert offsets_of(parts.settled)[:2] == [0, 1]

    def test_two_lanes(self) -> None:
        """Two lanes that both have a poisonous call at their head do not wait for each other."""
        parts = bench(lambda calls, _now_s: an_answer(500 if {0, 1} & {*calls} else 200))
        lanes = iter("ab" * 1_000)
        for _ in range(200):
            parts.put(next(lanes)), parts.put(next(lanes))
            run_for(parts, 10.0)

        assert offsets_of(dead_of(parts.settled)) in ([0, 1], [1, 0])
        assert len(ends(parts.settled)) > 390

    def test_taken_after_all(self) -> None:
        """If Seg takes the first in the end, those that went ahead follow it once more."""
        tries = iter(range(1_000))
        parts = bench(
            lambda calls, _now_s: an_answer(500 if calls == [0] and next(tries) < 14 else 200)
        )
        for _ in range(8):
            parts.put("all")
        run(parts, lambda: len(ends(parts.settled)) == 8)

        ahead = [[1], [0], [2], [0], [3], [0], [4], [0], [5], [0]]
        assert sent(parts) == [[0]] * 10 + ahead + [[1], [2], [3], [4], [5], [6], [7]]
        assert dead_of(parts.settled) == []
        assert offsets_of(parts.settled) == [*range(8)]

    @pytest.mark.parametrize("calls", [3, 4, 8, 40])
    @pytest.mark.parametrize("late", [None, 1, 2])
    def test_what_seg_is_left_with(self, late: int | None, calls: int) -> None:
        """Their order: one that lost its turn, or had it again, is followed by those behind it."""
        tries, taken = iter(range(1)), []

        def seg(batch: list[int], _now_s: float) -> Answer:
            if batch == [0] or (batch == [late] and next(tries, None) is not None):
                return an_answer(500)
            taken.extend(batch)
            return an_answer(200)

        parts = bench(seg)
        for _ in range(calls):
            parts.put("all")
        run(parts, lambda: len(ends(parts.settled)) == calls, within_s=5 * HOUR_S)

        last = {offset: place for place, offset in enumerate(taken)}
        assert sorted(last, key=last.__getitem__) == [*range(1, calls)]

    @pytest.mark.parametrize("failures", range(1, 10))
    def test_others_end_before_it(self, failures: int) -> None:
        """Others that were taken do not shorten its row: nothing overtakes it before the tenth."""
        tries = iter(range(failures))
        parts = bench(
            lambda calls, _now_s: an_answer(
                500 if calls == [0] and next(tries, None) is not None else 200
            )
        )
        parts.put("all"), parts.put("all")
        run(parts, lambda: parts.delivery.failures == 1)
        parts.put(), parts.put()
        run(parts, lambda: len(ends(parts.settled)) == 4)

        assert sent(parts) == [[0], [2], [3], *[[0]] * failures, [1]]

    @pytest.mark.parametrize("status", [500, 503, None])
    def test_outage_ends_in_ragged_steps(self, status: int | None) -> None:
        """An outage that ends slowly costs nobody its delivery."""
        for seed in range(20):
            dice = chance(seed)

            def seg(_calls: list[int], now_s: float, dice: Random = dice) -> Answer:
                share = 1.0 - (now_s - 1_600.0) / 900.0
                return an_answer(status if dice.random() < share else 200)

            parts = bench(seg)
            busy(parts, 2_500.0, every_s=10.0, lane="all")
            order = offsets_of(parts.settled)

            assert dead_of(parts.settled) == []
            assert order == [*range(len(order))]

    @pytest.mark.parametrize("status", [500, 503, None, 401, 404])
    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_outage(self, status: int | None, batching: Batching | None) -> None:
        """An outage of an hour costs nobody its delivery, and nothing its order."""
        parts = bench(
            lambda _calls, now_s: an_answer(200 if now_s >= 1_000 + HOUR_S else status),
            batching=batching,
        )
        busy(parts, 2 * HOUR_S, every_s=60.0, lane="all")

        order = offsets_of(parts.settled)
        assert set(ends(parts.settled).values()) == {"delivered"}
        assert order == [*range(len(order))]
        assert len(order) >= 118

    def test_throttle_of_one(self) -> None:
        """A 429 is never held against a call, whoever else is taken."""
        parts = bench(lambda calls, _now_s: an_answer(429 if 3 in calls else 200))
        busy(parts, HOUR_S, every_s=60.0, lane="all")

        assert offsets_of(parts.settled) == [0, 1, 2]

    def test_half_of_all_fail(self) -> None:
        """Where Seg fails half of all requests a row of ten is no proof."""
        dice = chance(3)
        parts = bench(lambda _calls, _now_s: an_answer(500 if dice.random() < 0.5 else 200))
        busy(parts, 2 * HOUR_S, every_s=5.0, lane="all")

        assert set(ends(parts.settled).values()) == {"delivered"}

    def test_nothing_behind_it(self) -> None:
        """Without any other call nothing is proved: it keeps its four hours."""
        parts = bench(lambda _calls, _now_s: an_answer(500))
        parts.put("all")
        run(parts, lambda: parts.clock.now_s > 1_000 + 3 * HOUR_S, within_s=4 * HOUR_S)

        assert parts.settled == []


class TestRefused:
    """A firewall before Seg refuses one call, whatever key and endpoint."""

    @pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 410, 302])
    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_one_call(self, status: int, batching: Batching | None) -> None:
        """It is rejected in the end; the others hardly wait."""
        parts = bench(
            lambda calls, _now_s: an_answer(status if 30 in calls else 200), batching=batching
        )
        busy(parts, 900.0, every_s=0.25)

        (dead,) = dead_of(parts.settled)
        assert offsets_of([dead]) == [30]
        assert (dead.reason, dead.status) == (DeadLetterReason.REJECTED_BY_SEG, status)
        assert len(ends(parts.settled)) >= 900 * 4 - 20
        assert 1 <= parts.stops <= 5  # one, and one for each halving

    def test_others_first(self) -> None:
        """It never goes before a call that has not been refused yet."""
        parts = bench(lambda calls, _now_s: an_answer(403 if 0 in calls else 200))
        parts.put()
        run(parts, lambda: len(sent(parts)) == 2)
        parts.put()
        run(parts, lambda: len(sent(parts)) == 3)

        assert sent(parts) == [[0], [0], [1]]
        assert parts.breaker.state is BreakerState.CLOSED

    @pytest.mark.parametrize("every_s", [0.5, 20.0])
    def test_key_of_some_servers(self, every_s: float) -> None:
        """A new key that only half of Seg's servers know for an hour costs nobody anything."""
        dice = chance(3)

        def seg(_calls: list[int], now_s: float) -> Answer:
            refuses = now_s < 1_000 + HOUR_S and dice.random() < 0.5
            return an_answer(401 if refuses else 200)

        parts = bench(seg)
        busy(parts, 2 * HOUR_S, every_s=every_s)

        assert set(ends(parts.settled).values()) == {"delivered"}


class TestBrownOut:
    """Seg fails most requests for an hour."""

    @pytest.mark.parametrize("status", [429, 500, 503, None])
    @pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_no_letters(self, share: float, status: int | None, batching: Batching | None) -> None:
        """No call is dead for it."""
        dice = chance(4)

        def seg(_calls: list[int], now_s: float) -> Answer:
            fails = now_s < 1_000 + HOUR_S and dice.random() < share
            return an_answer(status if fails else 200)

        parts = Bench(Scripted(FakeClock(), seg), batching=batching, floor=8, ceiling=8)
        busy(parts, 1.2 * HOUR_S, every_s=2.0)

        assert dead_of(parts.settled) == []
        assert len(ends(parts.settled)) >= 0.99 * 1.2 * HOUR_S / 2.0

    @pytest.mark.parametrize("share", [0.2, 0.5])
    def test_poison_in_it(self, share: float) -> None:
        """A call that always fails is found in it all the same, and nobody else is."""
        dice = chance(4)

        def seg(calls: list[int], _now_s: float) -> Answer:
            return an_answer(500 if 0 in calls or dice.random() < share else 200)

        parts = Bench(Scripted(FakeClock(), seg), floor=8, ceiling=8)
        busy(parts, 1.5 * HOUR_S, every_s=1.0)

        assert offsets_of(dead_of(parts.settled)) == [0]

    def test_quick_retries(self) -> None:
        """A row that the weather explains makes no call wait for minutes."""
        dice = chance(4)
        parts = Bench(
            Scripted(FakeClock(), lambda *_: an_answer(503 if dice.random() < 0.6 else 200)),
            floor=64,
            ceiling=64,
        )
        busy(parts, 600.0, every_s=0.1)
        last = parts._offset
        run(parts, lambda: len(ends(parts.settled)) == last, within_s=60.0)


class TestFreshConnections:
    """What failed may have failed for its connection."""

    def test_retry(self) -> None:
        """A retry goes over a new one, a first attempt over any."""
        answers = [an_answer(200), an_answer(503), an_answer(200)]
        parts = bench(lambda _calls, _now_s: answers.pop(0))
        parts.put("a"), parts.put("a")
        run(parts, lambda: len(offsets_of(parts.settled)) == 2)

        assert isinstance(parts.sender, Scripted)
        assert parts.sender.fresh == [False, False, True]

    def test_probe(self) -> None:
        """So does a probe, also with a call that has not failed."""
        parts = bench(lambda _calls, now_s: an_answer(200 if now_s > 1_300 else 500))
        parts.put()
        run(parts, lambda: parts.breaker.state is BreakerState.OPEN)
        before = len(sent(parts))
        parts.put()
        run(parts, lambda: len(offsets_of(parts.settled)) == 2)

        assert isinstance(parts.sender, Scripted)
        assert all(parts.sender.fresh[before : before + 1])


class TestBreaker:
    """When Seg, or our own setting, is at fault, everything waits and nothing is lost."""

    @pytest.mark.parametrize(
        ("status", "reason"), [(401, OpenReason.UNAUTHORISED), (404, OpenReason.MISROUTED)]
    )
    def test_our_fault(self, status: int, reason: OpenReason) -> None:
        """A wrong key or endpoint costs no call its budget, for days; it goes on by itself."""
        parts = bench(
            lambda _calls, now_s: an_answer(status if now_s < 1_000 + 48 * HOUR_S else 200)
        )
        parts.put("a"), parts.put("a"), parts.put("b")
        run(parts, lambda: parts.clock.now_s > 1_000 + 47 * HOUR_S, within_s=48 * HOUR_S)

        assert parts.settled == []
        assert parts.breaker.reason is reason
        probes = len(sent(parts))
        assert probes == pytest.approx(47 * HOUR_S / 30.0, rel=0.05)

        run(parts, lambda: len(offsets_of(parts.settled)) == 3, within_s=2 * HOUR_S)
        assert set(ends(parts.settled).values()) == {"delivered"}

    def test_our_fault_after_failures(self) -> None:
        """The hours of a wrong key do not count against the budget of the failures before."""

        def seg(_calls: list[int], now_s: float) -> Answer:
            hours = (now_s - 1_000) / HOUR_S
            return an_answer(
                500 if hours < 2 else 401 if hours < 10 else 500 if hours < 12 else 200
            )

        parts = bench(seg)
        parts.put()
        run(parts, lambda: bool(parts.settled), within_s=13 * HOUR_S)

        assert ends(parts.settled) == {0: "delivered"}

    def test_one_probe_at_a_time(self) -> None:
        """In an outage one request finds out whether Seg is back, not all that wait."""
        parts = bench(lambda _calls, _now_s: an_answer(500), floor=4)
        for _ in range(100):
            parts.put()
        run(parts, lambda: parts.breaker.state is BreakerState.OPEN)
        assert isinstance(parts.sender, Scripted)
        before = len(parts.sender.sent)
        most = 0
        for _ in range(50):
            parts.step(5.0)
            most = max(most, parts.sender.in_flight)

        assert most <= 1
        assert len(parts.sender.sent) - before < 50

    def test_recovery(self) -> None:
        """After an outage those who waited for minutes are hurried, not kept waiting."""
        parts = bench(lambda _calls, now_s: an_answer(500 if now_s < 1_000 + HOUR_S else 200))
        for _ in range(20):
            parts.put()
        run(parts, lambda: parts.clock.now_s >= 1_000 + HOUR_S, within_s=2 * HOUR_S)
        began_s = parts.clock.now_s
        run(parts, lambda: len(offsets_of(parts.settled)) == 20)

        assert parts.clock.now_s - began_s <= 30.0 + 5.0  # the probe, then the base wait
        assert parts.breaker.state is BreakerState.CLOSED

    def test_storm(self) -> None:
        """A storm stops everything until the operator has decided."""
        parts = bench(lambda _calls, _now_s: an_answer())
        parts.delivery.breaker.storm("")
        parts.put()
        for _ in range(100):
            parts.step(600.0)

        assert sent(parts) == []


class TestTimeToSend:
    """Until when calls may go out."""

    def test_nothing_starts_when_it_is_over(self) -> None:
        """It waits for a step that has time."""
        parts = bench(lambda _calls, _now_s: an_answer())
        parts.put()
        parts.delivery.step(1.0, parts.clock.boottime_s())
        assert sent(parts) == []

        parts.step()
        assert sent(parts) == [[0]]

    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_what_did_not_leave_is_as_good_as_new(self, batching: Batching | None) -> None:
        """It is first in its lane again, and has travelled in no request."""
        answers = [NOT_SENT, an_answer(400)]
        parts = bench(lambda _calls, _now_s: answers.pop(0), batching=batching)
        parts.put("a", size=100_000), parts.put("a")
        run(parts, lambda: bool(parts.settled))

        assert sent(parts)[:2] == [[0], [0]]
        assert [it.attempts for it in dead_of(parts.settled)] == [1]
        assert parts.counts.answers == {AnswerClass.REJECTED: 1}

    def test_what_was_lost_while_we_stood_still_is_no_failure(self) -> None:
        """It counts as an attempt, and says nothing of Seg: all of it goes again at once."""
        answers = [*[STOOD_STILL] * 30, *[an_answer()] * 30]
        parts = bench(lambda _calls, _now_s: answers.pop(0))
        for _ in range(30):
            parts.put()
        run(parts, lambda: not parts.lanes.body_bytes)

        assert parts.breaker.state is BreakerState.CLOSED
        assert parts.counts.answers == {AnswerClass.TRANSIENT: 30, AnswerClass.DELIVERED: 30}
        assert parts.clock.now_s < 1_001.0


class TestRevoked:
    """A partition that went to another member is that one's."""

    def test_waiting(self) -> None:
        """Its calls that wait are not sent any more; those of others are."""
        parts = bench(lambda _calls, _now_s: an_answer())
        gone = a_tenure()
        parts.put("a", tenure=gone), parts.put("b")
        gone.closed = True
        run(parts, lambda: bool(parts.settled))

        assert sent(parts) == [[1]]

    @pytest.mark.parametrize("batching", [None, BATCHING])
    def test_retrying(self, batching: Batching | None) -> None:
        """Nor are those that wait for another attempt."""
        parts = bench(lambda _calls, _now_s: an_answer(500), batching=batching)
        gone = a_tenure()
        parts.put("a", tenure=gone), parts.put("a", tenure=gone)
        run(parts, lambda: bool(parts.delivery.retrying))
        before = len(sent(parts))
        gone.closed = True
        for _ in range(10):
            parts.step(60.0)

        assert len(sent(parts)) == before
        assert parts.delivery.retrying == 0
        assert parts.lanes.ready_calls == 0

    def test_on_wire(self) -> None:
        """A request under way holds the calls of its partition, of no other."""
        parts = bench(lambda _calls, _now_s: an_answer())
        parts.put()
        parts.delivery._dispatch.start_all(parts.clock.now_s, 0.0)

        assert parts.delivery.on_wire([parts.tenure])
        assert not parts.delivery.on_wire([a_tenure()])
        parts.step()
        assert not parts.delivery.on_wire([parts.tenure])


def test_observer() -> None:
    """Each answer is counted with its class."""
    answers = [an_answer(500), an_answer(401), an_answer(400)]
    parts = bench(lambda _calls, _now_s: answers.pop(0))
    parts.put()
    run(parts, lambda: bool(parts.settled))

    assert parts.counts.answers == {
        AnswerClass.TRANSIENT: 1,
        AnswerClass.UNAUTHORISED: 1,
        AnswerClass.REJECTED: 1,
    }


STATUSES = st.sampled_from([200, 200, 200, 200, 400, 401, 404, 413, 429, 500, 501, 503, None])


class Machine(RuleBasedStateMachine):
    """Any calls, any answers, any revokes: nothing is lost, doubled or overtaken."""

    @initialize(batch=st.booleans(), data=st.data(), guilty=st.sets(st.integers(0, 60)))
    def begin(self, data: st.DataObject, guilty: set[int], *, batch: bool) -> None:
        """Begin in one of the modes; the *guilty* are always rejected."""
        self.healthy = False
        self.guilty = guilty

        def seg(calls: list[int], _now_s: float) -> Answer:
            if not guilty.isdisjoint(calls):
                return an_answer(400)
            return an_answer(200 if self.healthy else data.draw(STATUSES))

        self.parts = bench(seg, batching=BATCHING if batch else None)
        self.tenures = [a_tenure(), a_tenure()]
        self.lanes: dict[tuple[int, int], list[int]] = {}
        self.all: dict[int, Tenure] = {}

    @rule(key=st.integers(0, 3), number=st.integers(0, 1))
    def put(self, key: int, number: int) -> None:
        """Let a call come."""
        tenure = self.tenures[number]
        task = self.parts.put(key, tenure=tenure)
        offset = task.record.offset
        self.all[offset] = tenure
        self.lanes.setdefault((id(tenure), key), []).append(offset)

    @rule(timeout_s=st.sampled_from([0.0, 0.1, 30.0, 400.0]))
    def step(self, timeout_s: float) -> None:
        """Let delivery do a step."""
        self.parts.step(timeout_s)

    @rule(number=st.integers(0, 1))
    def revoke(self, number: int) -> None:
        """Let a partition go to another member, and come back as a new assignment."""
        self.gone = self.tenures[number]
        self.gone.closed = True
        self.tenures[number] = a_tenure()

    @invariant()
    def once_and_in_order(self) -> None:
        """No call is settled twice, and each lane's in their order."""
        if not hasattr(self, "parts"):
            return
        order = offsets_of(self.parts.settled)
        assert len(order) == len(set(order))
        place = {offset: index for index, offset in enumerate(order)}
        for offsets in self.lanes.values():
            places = [place[offset] for offset in offsets if offset in place]
            assert places == sorted(places)
            assert [offset for offset in offsets if offset in place] == offsets[: len(places)]

    def teardown(self) -> None:
        """When Seg is well again every call of ours is settled."""
        if not hasattr(self, "parts"):
            return
        self.healthy = True
        ours = {offset for offset, tenure in self.all.items() if not tenure.closed}
        for _ in range(2_000):
            if ours <= ends(self.parts.settled).keys():
                break
            self.parts.step(60.0)
        end = ends(self.parts.settled)
        assert ours <= end.keys()
        assert all(end[offset] != "delivered" for offset in ours & self.guilty)
        self.once_and_in_order()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
