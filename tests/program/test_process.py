"""What the consumer's process sets for itself, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, resource
from consumer.program import process
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
process.prepare()
soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == hard, gc.get_threshold()[0] == process.COLLECT_AFTER, gc.get_freeze_count() > 1_000)
"""


def test_the_process_allows_sockets_and_spares_the_collector() -> None:
    """As many sockets as the system lets it, and nothing of the program itself to look through."""
    ended = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=30
    )

    assert ended.stdout.split() == ["True", "True", "True"]
