"""What a check says."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """The program runs; somebody should look all the same."""
    FAILED = "failed"
    """The program would not start, or would deliver nothing."""
    SKIPPED = "skipped"
    """Nothing to check, or something before it failed."""


class Name(StrEnum):
    """What is checked, in the order in which it is."""

    SETTINGS = "settings"
    BROKERS = "brokers"
    TLS = "TLS"
    LOGIN = "login"
    TOPICS = "topics"
    GROUP = "group"
    OFFSETS = "offsets"
    REGISTRY = "schema registry"
    SCHEMAS = "schemas"
    RECORDS = "records"
    DEAD_LETTERS = "dead letters"
    ENDPOINT = "Seg's endpoint"
    KEY = "Seg's key"
    CLOCK = "clock"


ORDER = tuple(Name)


class Check(NamedTuple):
    """One check."""

    name: Name
    state: State
    text: str
    """What was found; where it is not fine, also what to do."""


def skipped(names: Iterable[Name], why: str) -> list[Check]:
    """Return the checks *names*, none of them made."""
    return [Check(name, State.SKIPPED, why) for name in names]


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural where it is not 1."""
    return f"{number} {noun}" + "s" * (number != 1)


def judged(name: Name, problems: Iterable[str | None], fine: str) -> Check:
    """Return the check *name*: failed for the *problems* that there are, else *fine*."""
    found = [problem for problem in problems if problem is not None]
    return Check(name, State.FAILED, "; ".join(found)) if found else Check(name, State.OK, fine)
