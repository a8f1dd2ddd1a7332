"""What the consumer's process sets for itself, seen in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
import gc, resource
from consumer.program import process
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
process.prepare()
soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == hard, gc.get_threshold()[0] == process.COLLECT_AFTER, gc.get_freeze_count() > 1_000)
"""
THREADS = """
import ctypes, threading
from consumer.program import process
process.prepare()
libc, all_have_some = ctypes.CDLL(None), threading.Barrier(8)
def use():
    bytes(10_000)
    all_have_some.wait()
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
stdout = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stdout)
libc.fflush(stdout)
"""

LARGE = """
from pathlib import Path
from consumer.program import process
def resident_kb():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])
def use():
    made = [bytes(b"x" * 1_000_000) for _ in range(40)]
    small = [b"y" * 1_000 for _ in range(100)]  # behind them
    return small
process.prepare()
for _ in range(3):  # glibc learns from what was given back
    before_kb = resident_kb()
    kept = use()
print(resident_kb() - before_kb)
"""


def run(code: str) -> str:
    """Return what *code* prints."""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return ended.stdout


def test_the_process_allows_sockets_and_spares_the_collector() -> None:
    """As many sockets as the system lets it, and nothing of the program itself to look through."""
    assert run(CODE).split() == ["True", "True", "True"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc has arenas")
def test_threads_share_memory() -> None:
    """What a thread has given back serves the others."""
    assert run(THREADS).count("<heap nr=") == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this setting")
def test_what_is_large_is_given_back() -> None:
    """However often large memory is used, and whatever stands behind it."""
    assert int(run(LARGE)) < 10_000
