"""Settings for a command: from the environment, `--secrets` and `--config`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from consumer.settings import load

if TYPE_CHECKING:
    import click

    from consumer.settings import Settings

NEEDS_NO_SEG = {"SEG_DELIVERY__WEBSITE_ID": "00000000-0000-0000-0000-000000000000"}
"""Stands in for the key in commands that do not call Seg."""

NEEDS_NO_KAFKA = NEEDS_NO_SEG | {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "SEG_KAFKA__TOPICS": "none",
}
"""Stands in for what commands do not use that touch neither."""


def load_settings(ctx: click.Context, defaults: dict[str, str] | None = None) -> Settings:
    """Return the settings that the environment, `--secrets` and `--config` give.

    *defaults* stand in for what the environment lacks: for commands that need less.

    Raises:
        SettingsError: with every problem at once.
    """
    return load(env={**(defaults or {}), **os.environ}, **ctx.obj)
