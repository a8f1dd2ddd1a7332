"""Refuses options that contradict each other or are out of range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def refuse(problems: Mapping[str, bool]) -> None:
    """Raise SettingsError with the sentences of *problems* that are true, if any are."""
    if true := [problem for problem, is_true in problems.items() if is_true]:
        raise SettingsError(true)
