"""Who takes part."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from tests.chart.tools import environment

REQUIREMENTS = Path(__file__).parents[1] / "requirements" / "bench.txt"
BATCH = 50


class Contender(NamedTuple):
    """A program that does the job."""

    module: str
    batch: int = 1
    python: Path | str = sys.executable


FLOOR = Contender("benchmarks.floor")
OURS = Contender("benchmarks.ours")
FLOOR_BATCH = FLOOR._replace(batch=BATCH)
OURS_BATCH = OURS._replace(batch=BATCH)
POSTS = Contender("benchmarks.posts")


def peers() -> dict[str, Contender]:
    """Return the peers by their names for people; they are fetched where they are not here.

    Raises:
        ToolsUnavailableError: no package registry gives them.
    """
    python = environment("peers", REQUIREMENTS) / "python"
    modules = {"FastStream": "fast", "Quix Streams": "quix", "plain loop": "plain"}
    return {
        name: Contender(f"benchmarks.peers.{module}", python=python)
        for name, module in modules.items()
    }
