"""A soak is worth what it sees: its verdict and its troubles, without brokers."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.soak.chronicle import Chronicle, Double, Spell
from tests.soak.trouble import FAULT_S, PAUSE_S, Place, Series
from tests.soak.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("numbers", "arrived", "out_of_order", "doubles", "left_behind"),
    [
        ([1, 2, 3], 3, 0, 0, 0),
        ([1, 3], 2, 0, 0, 0),
        ([1, 3, 2, 4], 4, 1, 0, 0),
        ([4, 3, 2, 1], 4, 3, 0, 1),
        ([1, 2, 1, 2, 3], 3, 0, 2, 0),
        ([1, 2, 3, 2], 3, 0, 1, 1),
    ],
    ids=["as written", "lost", "late", "backwards", "again", "left behind"],
)
def test_the_verdict_tells_loss_from_disorder_and_doubles(
    tmp_path: Path,
    *,
    numbers: list[int],
    arrived: int,
    out_of_order: int,
    doubles: int,
    left_behind: int,
) -> None:
    """A call that never comes is not counted as arrived, whatever comes after it or twice."""
    journal = tmp_path / "journal"
    journal.write_bytes(b"".join(_line(1, it) for it in numbers))
    verdict = Verdict(journal, users=2)

    verdict.follow()
    verdict.close()

    counts = (verdict.arrived, verdict.out_of_order, verdict.doubles, verdict.left_behind)
    assert counts == (arrived, out_of_order, doubles, left_behind)


def test_half_a_line_of_the_journal_waits_for_its_rest(tmp_path: Path) -> None:
    """The sandbox writes while it is read."""
    journal = tmp_path / "journal"
    with journal.open("wb", buffering=0) as file:
        verdict = Verdict(journal, users=1)
        file.write(_line(0, 1) + _line(0, 2)[:12])
        verdict.follow()
        at_first = verdict.arrived
        file.write(_line(0, 2)[12:])
        verdict.follow()
        verdict.close()

    assert (at_first, verdict.arrived) == (1, 2)


def test_a_double_tells_when_its_call_came_before(tmp_path: Path) -> None:
    """Also where the call itself came late."""
    journal = tmp_path / "journal"
    arrivals = [(2, 1.0), (1, 2.0), (2, 3.0), (1, 4.0)]
    journal.write_bytes(b"".join(_line(0, number, at_s) for number, at_s in arrivals))
    verdict = Verdict(journal, users=1)

    verdict.follow()
    verdict.close()

    assert verdict.repeated == [Double(1.0, 3.0), Double(2.0, 4.0)]


@pytest.mark.parametrize(
    ("double", "causes"),
    [
        (Double(9.5, 30.0), "kill -9"),
        (Double(21.0, 50.0), "coordinator killed"),
        (Double(24.2, 50.0), "coordinator killed + frozen"),
        (Double(5.0, 10.5), "kill -9"),
        (Double(60.0, 70.0), "nothing"),
    ],
    ids=["killed before its commit", "no commit is taken", "two at once", "sent late", "neither"],
)
def test_a_double_is_put_down_to_what_met_its_call(double: Double, causes: str) -> None:
    """What kept the call from being committed at once; else what was on when it came again."""
    chronicle = Chronicle()
    chronicle.note("kill -9", Spell(10.0, 10.0))
    chronicle.note("coordinator killed", Spell(20.0, 25.0))
    chronicle.note("frozen", Spell(25.0, 25.0), Spell(45.0, 45.0))

    assert chronicle.causes(double) == causes


def _line(user: int, number: int, arrived_s: float = 0.0) -> bytes:
    return orjson.dumps({"arrived_s": arrived_s, "message_id": f"{user}-{number}"}) + b"\n"


class SlowToHeal:
    """A place with two faults, whose end takes *ticks*."""

    def __init__(self, ticks: int) -> None:
        self.begun: list[str] = []
        self.known = {name: partial(self.begun.append, name) for name in ("fire", "flood")}
        self._ticks = self._left = ticks

    def heal(self) -> bool:
        """Come a step nearer to the end."""
        self._left = self._left - 1 if self._left else self._ticks
        return self._left == 0

    def repeats(self, _fault: str, spell: Spell) -> list[Spell]:
        """Return all of it."""
        return [spell]


def test_a_fault_begins_when_the_last_is_over_and_each_has_its_turn() -> None:
    """However long a restart takes, the next one waits for it, and none is left out."""
    faults, chronicle = SlowToHeal(ticks=50), Chronicle()
    series = Series(Place(faults), chronicle, Random(1), now_s=0.0)  # noqa: S311 - seeded, no secret
    begun_at_s = []
    for now_s in range(1_000):
        before = len(faults.begun)
        series.tick(float(now_s))
        begun_at_s += [now_s] * (len(faults.begun) - before)

    assert min(b - a for a, b in pairwise(begun_at_s)) > 50 + FAULT_S[0]
    assert begun_at_s[0] <= PAUSE_S[1] + 1
    assert len(faults.begun) >= 10
    assert all(set(faults.begun[it : it + 2]) == {"fire", "flood"} for it in range(0, 10, 2))
    assert chronicle.made == Counter(faults.begun)
    assert chronicle.causes(Double(begun_at_s[0], begun_at_s[1])) == faults.begun[0]
