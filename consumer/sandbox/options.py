"""How a sandbox is set up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consumer.sandbox.refuse import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.sandbox.faults import Fault

ADMIN: Final = "/_sandbox/"
"""Where the sandbox's own pages begin; Seg has none of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a sandbox needs to know; checked when made.

    Raises:
        SettingsError: a value is out of range, or the host is not a loopback address.
    """

    website_id: str
    """The one Website Id that is let in; compared as given."""
    is_example: bool = False
    """The Website Id is nobody's key, and the page may show it."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free port."""
    allow_remote: bool = False
    """Without it only a loopback address is served: everyone who gets through sees the events."""
    path: str = "/"
    """Where the endpoint is."""
    faults: tuple[Fault, ...] = ()
    """In force from the start and after a reset."""
    seed: int = 0
    """The seed of the faults' dice."""
    keep: int = 10_000
    """How many of the newest calls stay in memory; fewer where they take over 64 MiB."""
    max_request_bytes: int = 512 * 1024
    """A larger request is answered 413: Segment's bound on a batch, 500 KB, with some room."""
    journal: Path | None = None
    """A file that gains a line for each accepted call and is read again at the next start."""

    arrivals: Path | None = None
    """A file that gains a line for each call that is taken, also for one that was taken before."""

    def __post_init__(self) -> None:
        port_max = 65_535
        refuse(
            {
                "website_id: expected an id without a colon": (
                    not self.website_id or ":" in self.website_id
                ),
                "host: expected a loopback address such as 127.0.0.1, or allow_remote": (
                    not self.allow_remote and not _is_loopback(self.host)
                ),
                f"port: expected 0 to {port_max}, got {self.port}": not 0 <= self.port <= port_max,
                f"path: expected one that begins with / but not with {ADMIN}": (
                    not self.path.startswith("/") or self.path.startswith(ADMIN)
                ),
                f"keep: expected at least 1 call, got {self.keep}": self.keep < 1,
                f"max_request_bytes: expected at least 1, got {self.max_request_bytes}": (
                    self.max_request_bytes < 1
                ),
            }
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
