"""Reads secrets in mounted files again when they change.

Kubernetes replaces the files of a mounted secret by swapping a link, so contents are compared, not
dates. Only secrets are taken over; every other setting keeps its value from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.errors import SettingsError
from consumer.settings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from consumer.core.timing import Clock
    from consumer.settings import Settings

LOOK_S: Final = 1.0
"""How often the files are looked at: a read of a few small ones."""


class SecretFiles:
    """The files of *folder*; *load* makes settings of what they and the other sources hold now."""

    def __init__(
        self,
        folder: Path,
        load: Callable[[], Settings],
        *,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._folder = folder
        self._load = load
        self._clock = clock
        self._log = log
        self._seen = self._contents()
        self._look_at_s = clock.monotonic_s() + LOOK_S

    def changed(self) -> Settings | None:
        """Return the new settings if a file has changed; None if none has.

        Contents that are not valid are logged, and the old settings stay in force.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._look_at_s:
            return None
        self._look_at_s = now_s + LOOK_S
        contents = self._contents()
        if contents == self._seen:
            return None
        self._seen = contents
        try:
            return self._load()
        except SettingsError as error:
            self._log.error("secrets_not_taken", reason="settings", detail=str(error))
            return None

    def _contents(self) -> Mapping[str, bytes | None]:
        """Return what is in each file; None for one that cannot be read just now."""
        return {path.name: _read(path) for path in self._folder.glob(f"{PREFIX}*")}


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
