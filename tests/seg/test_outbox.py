"""Which batch goes next."""

from __future__ import annotations

import pytest

from consumer.seg.batch import Batch
from consumer.seg.outbox import Batching, Outbox
from tests.seg.support import Bench, FakeClock, Scripted, a_tenure, chance, make_task

BATCHING = Batching(max_calls=3, max_bytes=1_000, max_age_s=0.2)


def bench(batching: Batching | None = None) -> Bench:
    """Return lanes and an outbox whose requests nobody answers."""
    return Bench(Scripted(FakeClock(), lambda _calls, _now_s: None), batching=batching)


def offsets(batch: Batch | None) -> list[int] | None:
    """Return the offsets of the calls that *batch* would send."""
    return None if batch is None else [task.record.offset for task in batch.calls]


class TestNew:
    """New batches come out of the lanes."""

    def test_single(self) -> None:
        """In single mode each is one call, at once."""
        parts = bench()
        parts.put(), parts.put()
        now_s = parts.clock.now_s

        assert offsets(parts.outbox.next_batch(now_s, 1.0)[0]) == [0]
        assert offsets(parts.outbox.next_batch(now_s, 1.0)[0]) == [1]
        assert parts.outbox.next_batch(now_s, 1.0) == (None, 1.0)

    def test_waits_for_company(self) -> None:
        """A batch waits until its first call is old enough, and tells how long that takes."""
        parts = bench(BATCHING)
        parts.put()
        now_s = parts.clock.now_s
        parts.clock.now_s += 0.1
        parts.put()

        batch, wait_s = parts.outbox.next_batch(now_s + 0.15, 1.0)
        assert batch is None
        assert wait_s == pytest.approx(0.05)
        assert offsets(parts.outbox.next_batch(now_s + 0.2, 1.0)[0]) == [0, 1]

    def test_full_by_count(self) -> None:
        """A full one goes at once."""
        parts = bench(BATCHING)
        for _ in range(4):
            parts.put()

        assert offsets(parts.outbox.next_batch(parts.clock.now_s, 1.0)[0]) == [0, 1, 2]
        assert parts.outbox.next_batch(parts.clock.now_s, 1.0)[0] is None

    def test_full_by_bytes(self) -> None:
        """Bytes fill it as well; a call that is larger than a batch goes alone."""
        parts = bench(BATCHING)
        for size in (600, 600, 5_000):
            parts.put(size=size)
        now_s = parts.clock.now_s

        batches = [offsets(parts.outbox.next_batch(now_s, 1.0)[0]) for _ in range(3)]

        assert batches == [[0], [1], [2]]


class TestAgain:
    """What was sent before comes first."""

    def test_order(self) -> None:
        """A halved batch goes before a retry, and that before a new one."""
        parts = bench()
        parts.put()
        now_s = parts.clock.now_s
        parts.outbox.retry(Batch([make_task(101)]), now_s - 1.0)
        parts.outbox.go_on(Batch([make_task(100)]))

        order = [offsets(parts.outbox.next_batch(now_s, 1.0)[0]) for _ in range(3)]

        assert order == [[100], [101], [0]]

    def test_due(self) -> None:
        """Retries go by the time when they are due; the wait is until the next one is."""
        parts = bench()
        for offset, due_s in ((1, 5.0), (2, 3.0), (3, 4.0)):
            parts.outbox.retry(Batch([make_task(offset)]), due_s)

        assert parts.outbox.next_batch(2.0, 10.0) == (None, 1.0)
        assert parts.outbox.next_batch(2.0, 0.5) == (None, 0.5)
        assert [offsets(parts.outbox.next_batch(9.0, 1.0)[0]) for _ in range(3)] == [[2], [3], [1]]

    def test_new_ones_do_not_wait_for_retries(self) -> None:
        """A lane whose call is tried again holds up no other lane."""
        parts = bench()
        parts.outbox.retry(Batch([make_task(1)]), 9_999.0)
        parts.put()

        assert offsets(parts.outbox.next_batch(parts.clock.now_s, 1.0)[0]) == [0]

    def test_hurry(self) -> None:
        """After an outage all are due within the spread, not in one instant; none gets later."""
        parts = bench()
        for offset in range(50):
            parts.outbox.retry(Batch([make_task(offset)]), 500.0 + offset)
        parts.outbox.retry(Batch([make_task(99)]), 99.0)

        parts.outbox.hurry(100.0, 2.0, chance())

        assert offsets(parts.outbox.next_batch(100.0, 1.0)[0]) == [99]
        first, wait_s = parts.outbox.next_batch(100.0, 9.0)
        assert first is None
        assert 0.0 < wait_s < 1.0
        due = [offsets(parts.outbox.next_batch(102.0, 1.0)[0]) for _ in range(50)]
        assert sorted(each[0] for each in due if each) == [*range(50)]


class TestProbe:
    """The one request that finds out whether Seg is back."""

    def test_not_due(self) -> None:
        """A retry that is not due may be it: the breaker's wait is the one that counts."""
        parts = bench()
        parts.outbox.retry(Batch([make_task(1)]), 9_999.0)

        assert offsets(parts.outbox.probe(1.0)) == [1]
        assert parts.outbox.retrying == 0

    def test_not_failed_yet(self) -> None:
        """A call that has not failed goes first: one that has may be at fault itself."""
        parts = bench()
        parts.outbox.retry(Batch([make_task(1)]), 1.0)
        parts.put()

        assert offsets(parts.outbox.probe(parts.clock.now_s)) == [0]

    def test_nothing(self) -> None:
        """Where nothing waits there is no probe."""
        assert bench().outbox.probe(1.0) is None


class TestClosed:
    """Calls of partitions that went to another member are that one's."""

    @pytest.mark.parametrize("way", ["again", "retry", "probe"])
    def test_given_up(self, way: str) -> None:
        """They are given up where they come up, and their lane with them."""
        parts = bench()
        gone = a_tenure()
        parts.put("k", tenure=gone)
        batch = parts.outbox.next_batch(parts.clock.now_s, 1.0)[0]
        assert batch is not None
        if way == "again":
            parts.outbox.go_on(batch)
        else:
            parts.outbox.retry(batch, 0.0)
        gone.closed = True
        parts.put()
        outbox: Outbox = parts.outbox

        now_s = parts.clock.now_s
        following = outbox.probe(now_s) if way == "probe" else outbox.next_batch(now_s, 1.0)[0]

        assert offsets(following) == [1]
        assert outbox.probe(now_s) is None
        assert (gone, "k") not in parts.lanes._lanes
