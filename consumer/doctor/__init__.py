"""Whether the program could do its work here: every check in order, in plain words.

    report     what a check says
    kafka      from the brokers to the dead-letter topic
    records    what the newest records are
    registry   the schema registry and what is in it
    seg        Seg's endpoint and key, and the clock

It asks and changes nothing. No check raises: what cannot be asked is skipped, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.doctor.kafka import check_kafka
from consumer.doctor.registry import check_registry
from consumer.doctor.report import ORDER, Check, Name, State
from consumer.doctor.seg import check_seg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.timing import Clock
    from consumer.settings import Settings

__all__ = ["Check", "Name", "State", "diagnose", "unset"]


def diagnose(settings: Settings, clock: Clock) -> list[Check]:
    """Return all checks, in their order."""
    checks = [
        Check(Name.SETTINGS, State.OK, "they fit together"),
        *check_kafka(settings, clock),
        *check_registry(settings, clock),
        *check_seg(settings.delivery, clock),
    ]
    return sorted(checks, key=lambda check: ORDER.index(check.name))


def unset(problems: Sequence[str]) -> list[Check]:
    """Return a check for each of *problems* with the settings: nothing else can be asked then."""
    return [Check(Name.SETTINGS, State.FAILED, problem) for problem in problems]
