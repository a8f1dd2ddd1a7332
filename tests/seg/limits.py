"""What the limits' constants are for: simulated starts and throttles, with each put out of action.

make weather                the tables of `docs/weather.md`, made anew
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from consumer.seg import limiter, rate
from tests.seg.load import Load, steady
from tests.seg.support import chance

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARES = (0.05, 0.2, 0.35, 0.5, 0.6)
START_S = 30.0
STARTS = range(12)
AT_ONCE = 64
FULL = AT_ONCE / 0.1
"""Calls a second of a Seg that answers so many in 100 ms."""
THROTTLES = {"5/s, bucket 1": (5, 1), "20/s": (20, 20), "200/s, bucket 1": (200, 1)}
TIGHTENED = ((200, 20), (20, 20))
REFUSES_IN_S = 0.001
THROTTLED_S = 120.0
REFUSED_MIN = 0.02
"""A smaller share of refusals is not worth a word."""
NEVER = 10**9
CHANGES: tuple[tuple[Any, str, float], ...] = (
    (rate, "MEASURED_S", 0.0),
    (rate, "CLEAR_REFUSALS", NEVER),
    (rate, "CLEAR_LATENCIES", 0),
    (rate, "OUTAGE_S", 0.0),
    (rate, "VOID", 2.0),
    (rate, "DECREASE", 1.0),
    (rate, "PLATEAU_S", 1.0),
    (rate, "EXPLORE", 1.0),
    (rate, "EXPLORE_ANSWERS", 50),
    (limiter, "START", 1),
)
"""A constant, and what puts it out of action."""


def starts() -> str:
    """Return the worst goodput of a start while Seg fails a share of all requests, as a table."""
    lines = [
        "| | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |",
        "| --- |" + " ---: |" * len(SHARES),
    ]
    for status, name in ((503, "503"), (0, "no answer")):
        worst = [min(_start(share, status, seed) for seed in STARTS) for share in SHARES]
        lines.append(f"| {name} | " + " | ".join(f"{it:.0%}" for it in worst) + " |")
    return "\n".join(lines)


def constants() -> str:
    """Return what is left of the flow without each constant, as a table."""
    heads = ("constant", "random", *THROTTLES, "tightened")
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines.append("| all as they are | " + " | ".join(_row()) + " |")
    for module, name, value in CHANGES:
        with _changed(module, name, value):
            lines.append(f"| {_called(name, value)} | " + " | ".join(_row()) + " |")
    return "\n".join(lines)


def _called(name: str, value: float) -> str:
    return f"`{name}` never" if name == "VOID" or value == NEVER else f"`{name}` {value:g}"


def _row() -> list[str]:
    random = min(_start(share, 503, seed) for share in SHARES[::2] for seed in STARTS[:3])
    cells = [f"{random:.0%}"]
    for allowed, bucket in THROTTLES.values():
        load = _throttled(allowed, bucket)
        cells.append(_cell(*load.run(THROTTLED_S), allowed))
    before, after = TIGHTENED
    load = _throttled(*before)
    load.run(30.0)
    load.seg.throttle(*after)
    load.run(40.0)
    return [*cells, _cell(*load.run(30.0), after[0])]


def _cell(taken: float, refused: float, allowed: int) -> str:
    return f"{taken / allowed:.0%}" + (f", {refused:.0%} refused" if refused >= REFUSED_MIN else "")


def _throttled(allowed: int, bucket: int) -> Load:
    load = Load(steady(0.1))
    load.seg.refuses_in_s = REFUSES_IN_S
    load.seg.throttle(allowed, bucket)
    return load


def _start(share: float, status: int, seed: int) -> float:
    """Return the goodput of a start: as a part of (1 - *share*) of what flows without failures."""
    dice = chance(seed)
    load = Load(steady(0.1), ceiling=AT_ONCE)
    load.seg.trouble = lambda: status if dice.random() < share else None
    return load.run(START_S)[0] / FULL / (1.0 - share)


@contextmanager
def _changed(module: Any, name: str, value: float) -> Iterator[None]:  # noqa: ANN401 - its constant
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
