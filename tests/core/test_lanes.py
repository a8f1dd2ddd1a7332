"""Order within a lane, concurrency and fairness across lanes, nothing left behind."""

from __future__ import annotations

import gc
from collections import deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.lanes import Lanes, Task
from consumer.core.model import Tenure
from tests.fakes import P0, a_task

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 1_000_000


@pytest.fixture(name="tenure")
def _tenure() -> Tenure:
    return Tenure(P0)


@pytest.fixture(name="lanes")
def _lanes() -> Lanes:
    return Lanes()


def fill(lanes: Lanes, tenure: Tenure, keys: str) -> list[Task]:
    """Put one call after the other into the lanes of *keys*, offsets from 0 on, after a second."""
    tasks = [a_task(tenure, offset) for offset in range(len(keys))]
    for key, task in zip(keys, tasks, strict=True):
        lanes.put(key, task, 1.0)
    return tasks


def offsets(tasks: list[Task]) -> list[int]:
    """Return which records *tasks* are of."""
    return [task.record.offset for task in tasks]


def test_one_call_of_a_lane_is_under_way_at_a_time(lanes: Lanes, tenure: Tenure) -> None:
    """The picture at the top of the module, in single mode: 3 and 4 wait behind 0 of their key."""
    tasks = fill(lanes, tenure, "abcaa")

    taken = [lanes.take(1, 0) for _ in range(4)]

    assert [[0], [1], [2], []] == [offsets(calls) for calls in taken]
    lanes.settle(tasks[0])
    assert [3] == offsets(lanes.take(1, 0))


def test_batch_takes_a_whole_lane_in_order(lanes: Lanes, tenure: Tenure) -> None:
    """An array keeps its order, so that several calls of a lane may travel in one."""
    fill(lanes, tenure, "abaab")

    assert [0, 2, 3, 1, 4] == offsets(lanes.take(MANY, MANY))


def test_lane_waits_until_all_of_its_calls_are_settled(lanes: Lanes, tenure: Tenure) -> None:
    """Two batches never hold calls of one lane."""
    first, second, _third = fill(lanes, tenure, "aaa")
    lanes.take(2, MANY)

    lanes.settle(first)
    assert lanes.first_ready() is None

    lanes.settle(second)
    assert [2] == offsets(lanes.take(MANY, MANY))


@pytest.mark.parametrize("way", ["one by one", "arrays"])
def test_the_oldest_call_that_is_ready_goes_first(lanes: Lanes, tenure: Tenure, way: str) -> None:
    """A busy lane waits for no younger call of another, nor another for a younger call of it."""
    fill(lanes, tenure, "aababcaad")
    order: list[int] = []
    while task := lanes.take_one() if way == "one by one" else next(iter(lanes.take(1, 0)), None):
        order += offsets([task])
        lanes.settle(task)

    assert [*range(9)] == order


def test_a_call_whose_lane_is_blocked_holds_no_other_up(lanes: Lanes, tenure: Tenure) -> None:
    """However old it is: it waits for the one under way before it, and then goes first."""
    first, *_ = fill(lanes, tenure, "aabcd")
    taken = [lanes.take_one() for _ in range(3)]
    lanes.settle(first)

    assert [0, 2, 3] == offsets([task for task in taken if task is not None])
    assert [1, 4] == offsets(lanes.take(MANY, MANY))


def test_one_call_is_taken_like_an_array_of_one(lanes: Lanes, tenure: Tenure) -> None:
    """The oldest; its lane waits until it is settled, and what is ready is counted."""
    fill(lanes, tenure, "aab")
    first, other = lanes.take_one(), lanes.take_one()
    assert first is not None
    assert other is not None
    assert [0, 2] == offsets([first, other])
    assert lanes.take_one() is None
    fill(lanes, tenure, "a")
    assert (0, 0) == (lanes.ready_calls, lanes.ready_bytes)

    lanes.settle(first)

    assert (2, 2 * len(first.call.body)) == (lanes.ready_calls, lanes.ready_bytes)
    assert 2 == len(lanes.take(MANY, MANY))
    assert (0, 0) == (lanes.ready_calls, lanes.ready_bytes)


def test_first_ready_tells_since_when(lanes: Lanes, tenure: Tenure) -> None:
    """A batch's age is that of its first call, from when it came, also behind another."""
    first, second = fill(lanes, tenure, "aa")
    assert (first, 1.0) == (lanes.first_ready(), first.came_s)

    lanes.settle(lanes.take(1, 0)[0])

    assert (second, 1.0) == (lanes.first_ready(), second.came_s)


def test_put_tells_how_many_wait_in_the_lane(lanes: Lanes, tenure: Tenure) -> None:
    """Those under way do not wait."""
    waiting = [lanes.put(key, a_task(tenure), 0.0) for key in ("a", "a", "b")]
    assert [1, 2, 1] == waiting

    lanes.take(1, 0)
    assert lanes.put("a", a_task(tenure), 0.0) == 2


def test_first_call_is_taken_whatever_its_size(lanes: Lanes, tenure: Tenure) -> None:
    """A call over the bound travels alone; the others share the room."""
    for key, size in (("a", 90), ("b", 30), ("c", 15), ("d", 10)):
        lanes.put(key, a_task(tenure, size, bytes(size)), 0.0)

    assert [90] == offsets(lanes.take(MANY, 50))
    assert [30, 15] == offsets(lanes.take(MANY, 50))


def test_calls_of_a_revoked_partition_are_never_taken(lanes: Lanes) -> None:
    """They are the next owner's; the calls of other partitions go on."""
    ours, gone = Tenure(P0), Tenure(P0)
    for key, tenure in (("a", gone), ("b", ours), ("a", gone), ("c", gone)):
        lanes.put(key, a_task(tenure), 0.0)

    gone.closed = True

    assert [ours] == [task.record.tenure for task in lanes.take(MANY, MANY)]
    assert lanes.first_ready() is None
    assert (0, 0) == (lanes.ready_calls, lanes.ready_bytes)


def test_settling_what_was_never_put_is_refused(lanes: Lanes, tenure: Tenure) -> None:
    """Such a task has no lane."""
    with pytest.raises(AttributeError, match="lane"):
        lanes.settle(a_task(tenure))


@pytest.fixture(name="_uncollected")
def _without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("revoked", [False, True], ids=["settled", "revoked"])
@pytest.mark.usefixtures("_uncollected")
def test_calls_are_freed_without_the_garbage_collector(lanes: Lanes, *, revoked: bool) -> None:
    """A call's body and record go as soon as it is done: thousands a second leave no cycles."""
    tenure = Tenure(P0)
    for offset in range(20):
        lanes.put(offset % 5, a_task(tenure, offset), 0.0)
    tenure.closed = revoked
    while calls := lanes.take(3, MANY):
        while calls:
            lanes.settle(calls.pop(0))

    kept = [thing for thing in gc.get_objects() if isinstance(thing, Task)]
    assert not [task for task in kept if task.record.tenure is tenure]


class Traffic(RuleBasedStateMachine):
    """Lanes against a model of plain lists: calls come, are taken, settled, and revoked."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes()
        self.tenures = [Tenure(P0) for _ in range(3)]
        self.waiting: dict[object, deque[Task]] = {}
        self.under_way: dict[object, deque[Task]] = {}
        self.turns: list[object] = []  # the lanes that are ready, first the next to be taken
        self.came: dict[Task, int] = {}

    @rule(number=st.integers(0, 2), letter=st.sampled_from("abc"), size=st.integers(0, 9))
    def put(self, number: int, letter: str, size: int) -> None:
        """A call goes behind the others of its lane; a lane of its own is the youngest."""
        tenure = self.tenures[number]
        key, task = (tenure, letter), a_task(tenure, 0, bytes(size))
        if tenure.closed:
            return
        if key not in self.waiting:
            self.waiting[key], self.under_way[key] = deque(), deque()
            self.turns.append(key)
        self.waiting[key].append(task)
        self.came[task] = len(self.came)

        assert len(self.waiting[key]) == self.lanes.put(key, task, 0.0)

    @rule(max_calls=st.integers(1, 6), max_bytes=st.integers(0, 30))
    def take(self, max_calls: int, max_bytes: int) -> None:
        """Exactly the model's calls are taken: the oldest first, within the bounds."""
        expected: list[Task] = []
        written = 0  # the array so far: brackets, calls, commas between them
        while len(expected) < max_calls and self.first() is not None:
            key, first = self.turns[0], len(expected)
            calls = self.waiting[key]
            while calls and len(expected) < max_calls:
                size = len(calls[0].call.body)
                longer = written + size + (1 if expected else 2)
                if expected and longer > max_bytes:
                    break
                written = longer
                expected.append(calls.popleft())
                self.under_way[key].append(expected[-1])
            if len(expected) == first:
                break
            self.turns.pop(0)

        assert expected == self.lanes.take(max_calls, max_bytes)

    @precondition(lambda self: any(self.under_way.values()))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        """The first call under way of any lane ends."""
        busy = [key for key, calls in self.under_way.items() if calls]
        self.end(data.draw(st.sampled_from(busy)))

    @rule(number=st.integers(0, 2))
    def revoke(self, number: int) -> None:
        """A partition goes, and comes back with a new tenure."""
        self.tenures[number].closed = True
        self.tenures[number] = Tenure(P0)

    @rule()
    def look(self) -> None:
        """The next call is the oldest of the heads."""
        assert self.first() is self.lanes.first_ready()

    @invariant()
    def ready_is_counted(self) -> None:
        """The counts are those of the calls that could be taken now."""
        ready = [task for key in self.turns for task in self.waiting[key]]

        assert len(ready) == self.lanes.ready_calls
        assert sum(len(task.call.body) for task in ready) == self.lanes.ready_bytes

    @invariant()
    def bytes_are_counted(self) -> None:
        """Those of every call that is not settled, waiting or under way."""
        lanes = (*self.waiting.values(), *self.under_way.values())

        assert sum(len(task.call.body) for lane in lanes for task in lane) == self.lanes.body_bytes

    def teardown(self) -> None:
        """When all is done nothing is left."""
        while any(self.under_way.values()) or self.first() is not None:
            self.take(6, 30)
            for key in [key for key, calls in self.under_way.items() if calls]:
                self.end(key)

        assert self.lanes.first_ready() is None
        assert (0, 0) == (self.lanes.ready_calls, self.lanes.ready_bytes)
        assert self.lanes.body_bytes == 0
        assert not self.lanes._lanes
        assert not self.lanes._fresh
        assert not self.lanes._waited

    def first(self) -> Task | None:
        """Return the next call, after lanes of revoked partitions at the head were dropped."""
        while self.turns and self.waiting[self.turns[0]][0].record.tenure.closed:
            del self.waiting[self.turns.pop(0)]
        return self.waiting[self.turns[0]][0] if self.turns else None

    def end(self, key: object) -> None:
        """Settle the first call under way of lane *key*."""
        calls = self.under_way[key]
        self.lanes.settle(calls.popleft())
        if not calls and self.waiting[key]:
            self.turns.append(key)
            self.turns.sort(key=lambda it: self.came[self.waiting[it][0]])
        elif not calls:
            del self.waiting[key]


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
