"""Limits, memory and garbage collection of the consumer's process."""

from __future__ import annotations

import ctypes
import gc
import resource

COLLECT_AFTER = 10_000
"""How many new objects start a collection; Python's default is 700."""
ARENAS = 2
"""How many parts malloc has for threads; glibc's default is eight for each processor."""

LARGE_BYTES = 256 * 1024
"""What is larger goes back to the system as soon as it is free, such as a decompressed batch."""

_M_MMAP_THRESHOLD = -3  # glibc's malloc.h
_M_ARENA_MAX = -8


def prepare() -> None:
    """Raise the limit of open files to the hard limit, share memory, and collect garbage seldom.

    Each request in flight is a socket, and the usual soft limit is 1,024. librdkafka has a thread
    for each broker; what one has given back in an arena of its own serves no other. Batches that
    were decompressed there leave gaps that last: without both 167 MB with a full window, with them
    148, at the same rate. Events make no reference cycles, so collections find nothing; they took
    7 % of the time.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other libraries have no arenas
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
