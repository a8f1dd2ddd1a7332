"""What the loop is made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from consumer.core.lanes import Lanes
from consumer.core.model import Event, Headers, Ignored, Record, SegCall
from consumer.core.ports import Decode, Source
from consumer.flow.assignment import Assignment
from consumer.flow.backpressure import Backpressure
from consumer.flow.letters import Letters
from consumer.flow.outcomes import Outcomes
from consumer.seg.delivery import Delivery


class Stages(NamedTuple):
    """The parts of the loop; each is made and tested by itself."""

    source: Source
    decode: Decode
    expect: Callable[[bytes, Headers | None], None]
    """Begins to look up what `decode` will need."""
    translate: Callable[[Event, int | None], SegCall | Ignored]
    lane_of: Callable[[Record, SegCall], Hashable]
    lanes: Lanes
    delivery: Delivery
    letters: Letters
    outcomes: Outcomes
    assignment: Assignment
    backpressure: Backpressure
