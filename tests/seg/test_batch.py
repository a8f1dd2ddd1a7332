"""What travels in one request, and the search for the guilty call."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import ceil, log2
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.seg.batch import Batch
from tests.seg.support import a_tenure, make_task

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.lanes import Task


def offsets(tasks: Collection[Task]) -> list[int]:
    """Return the offsets that tell the calls apart."""
    return [task.record.offset for task in tasks]


class Search:
    """One batch sent until it is done, to a Seg that rejects arrays which hold a guilty call."""

    def __init__(self, size: int, guilty: Collection[int], *, max_calls: int | None = None) -> None:
        batch = Batch([make_task(offset) for offset in range(size)])
        self.accepted: list[int] = []
        self.rejected: list[int] = []
        self.left: list[int] = []
        self.requests: list[list[int]] = []
        while not batch.done:
            calls = offsets(batch.calls)
            self.requests.append(calls)
            if any(call in guilty for call in calls) or len(calls) > (max_calls or size):
                alone = batch.rejected()
                if alone is not None:
                    assert calls == [alone.record.offset]
                    self.rejected.append(alone.record.offset)
                    self.left.append(alone.record.offset)
            else:
                settled = offsets(batch.settled())
                assert settled == calls
                self.accepted += settled
                self.left += settled


class TestSearch:
    """A rejected batch is halved until the guilty call stands alone."""

    def test_picture(self) -> None:
        """The example of the module's docstring, request by request."""
        requests = Search(8, {4}).requests

        assert requests == [[*range(8)], [0, 1, 2, 3], [4, 5], [4], [5, 6, 7]]

    @given(
        st.integers(1, 60).flatmap(lambda m: st.tuples(st.just(m), st.sets(st.integers(0, m - 1))))
    )
    def test_exactly_the_guilty(self, case: tuple[int, set[int]]) -> None:
        """The guilty are judged, the others accepted, and all leave in their order."""
        size, guilty = case
        search = Search(size, guilty)

        assert sorted(guilty) == search.rejected
        assert search.accepted == [call for call in range(size) if call not in guilty]
        assert [*range(size)] == search.left

    @given(st.integers(1, 60), st.integers(1, 8))
    def test_nobody_is_guilty(self, size: int, max_calls: int) -> None:
        """A receiver that takes only so many calls an array gets all of them and rejects none."""
        search = Search(size, (), max_calls=max_calls)

        assert search.rejected == []
        assert [*range(size)] == search.accepted

    @pytest.mark.parametrize("size", [2, 3, 7, 8, 11, 13])
    def test_cost(self, size: int) -> None:
        """Each of n guilty costs at most log2 m, rounded up, and 2 further requests."""
        worst = 0
        for n in range(1, size + 1):
            for guilty in combinations(range(size), n):
                further = len(Search(size, guilty).requests) - 1
                worst = max(worst, further - n * (ceil(log2(size)) + 2))

        assert worst <= 0

    def test_cost_of_one(self) -> None:
        """One guilty call among 50 costs 8 further requests at most."""
        assert max(len(Search(50, {call}).requests) - 1 for call in range(50)) == 8

    def test_no_order_is_much_cheaper(self) -> None:
        """No order of requests finds n guilty of 16 in n * (log2 m + 1) + 1 further requests.

        Not if calls are judged alone and leave in their order, as one lane demands. A request is
        then a prefix of what is left; `excess` plays all such strategies against all guilty sets.
        """
        each = log2(16) + 1

        @cache
        def excess(suspect: int, left: int) -> float:
            """Return by how much the best strategy exceeds *each* a guilty call, at worst.

            Of *left* calls the first *suspect* hold a guilty one; 0: nothing is known.
            """
            if left == 0:
                return 0.0
            alone = 1.0 - each + excess(0, left - 1)
            if suspect == 1:
                return alone
            return min(
                max(
                    1.0 + excess(max(suspect - sent, 0), left - sent),
                    alone if sent == 1 else 1.0 + excess(sent, left),
                )
                for sent in range(1, suspect or left + 1)
            )

        assert excess(16, 16) == 2.0


class TestClosed:
    """Calls whose partition went away fall out of the batch."""

    def test_drop(self) -> None:
        """Only they do; the others stay in order."""
        ours, gone = a_tenure(), a_tenure()
        batch = Batch([make_task(i, tenure=gone if i % 2 else ours) for i in range(6)])
        gone.closed = True

        assert offsets(batch.drop_closed()) == [1, 3, 5]
        assert offsets(batch.calls) == [0, 2, 4]
        assert batch.drop_closed() == []

    def test_drop_in_a_search(self) -> None:
        """What is known of the guilty is void then: the search begins anew with the rest."""
        ours, gone = a_tenure(), a_tenure()
        batch = Batch([make_task(i, tenure=gone if i in (2, 3) else ours) for i in range(8)])
        batch.rejected()
        batch.settled()  # 0 to 3 are done, and somebody of 4 to 7 is guilty
        gone.closed = True

        assert batch.drop_closed() == []
        assert offsets(batch.calls) == [4, 5]

    def test_drop_all(self) -> None:
        """A batch of nothing else is done."""
        gone = a_tenure()
        batch = Batch([make_task(i, tenure=gone) for i in range(3)])
        gone.closed = True

        assert offsets(batch.drop_closed()) == [0, 1, 2]
        assert batch.done


@given(st.integers(1, 20))
def test_body(size: int) -> None:
    """The body is a JSON array of the calls, byte for byte."""
    batch = Batch([make_task(i) for i in range(size)])

    assert [*range(size)] == orjson.loads(batch.body())
