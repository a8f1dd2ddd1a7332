"""A stand-in for Seg on this machine, for the demo, the tests and the soak.

It answers as Seg would, keeps the calls that it accepts, shows them on a page, and fails on demand.
The pipeline never imports it.

    wire       requests, answers and their bytes
    protocol   a connection: the only importer of httptools
    checks     which calls Seg accepts, by the kinds of vocabulary
    faults     failures on demand (rules: the same out of JSON)
    journal    the accepted calls on file
    store      the accepted calls in memory, and the counters
    feed       every call with its answer, and the last minute
    upstream   the Segment events, where the program that runs the sandbox has them
    endpoint   Seg's endpoint
    admin      the pages under /_sandbox/
    page       the page for people, out of the parts in page/
    server     the server (thread: the same inside another program)
"""

from __future__ import annotations

from consumer.sandbox.faults import Fault, Match
from consumer.sandbox.feed import Fate, Happening
from consumer.sandbox.journal import Line, read_journal
from consumer.sandbox.options import Options
from consumer.sandbox.server import serve
from consumer.sandbox.store import Accepted, Summary
from consumer.sandbox.thread import Sandbox
from consumer.sandbox.upstream import Upstream
from consumer.sandbox.wire import Trouble

__all__ = [
    "Accepted",
    "Fate",
    "Fault",
    "Happening",
    "Line",
    "Match",
    "Options",
    "Sandbox",
    "Summary",
    "Trouble",
    "Upstream",
    "read_journal",
    "serve",
]
