"""`python -m consumer` and the command `seg-consumer`.

In a container the program is process 1, and the kernel drops a signal for which process 1 has no
handler. So TERM has one before the imports, which take a second or more: a container that is told
to stop while it starts ends at once, and joins no group.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Run the command that the arguments name; TERM ends it, unless the command knows better."""
    signal.signal(signal.SIGTERM, _end)
    from consumer import cli  # noqa: PLC0415 - this is the import that must not come first

    cli.main()


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # what a shell reports of a process that TERM ended


if __name__ == "__main__":
    main()
