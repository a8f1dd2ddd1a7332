"""What troubleshooting quotes the program says; what capacity reckons follows from its formula."""

from __future__ import annotations

import ast
import re
from math import ceil

import pytest

from tests.docs.commands import ROOT

SAID = [
    node.value
    for path in (ROOT / "consumer").rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
]
QUOTED = [
    quoted
    for cell in re.findall(
        r"^\| (`.+?`(?: with `.+?`)?) \|",
        (ROOT / "docs" / "troubleshooting.md").read_text("utf-8"),
        re.MULTILINE,
    )
    for quoted in re.findall(r"`([^`]+)`", cell)
]
CAPACITY = (ROOT / "docs" / "capacity.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| ([\d,]+) \| (\d+) \| ([\d,]+) \| (\d+) \| (\d+) \|$", CAPACITY, re.MULTILINE
)


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_program_says_what_troubleshooting_quotes(quoted: str) -> None:
    """The quoted words stand in a text of the program, outside of what is filled in."""
    assert any(quoted in said for said in SAID)


def test_the_table_of_capacity_follows_from_its_formula() -> None:
    """Of CPU and of requests at once the one that needs more pods decides."""
    assert ROWS
    for cells in ROWS:
        events, size_kb, latency_ms, cost_us, pods = (int(it.replace(",", "")) for it in cells)
        slow = 40 if latency_ms >= 100 else 20
        assert cost_us == 50 + 3 * size_kb + slow
        assert pods == ceil(max(events * cost_us / 600_000, events * latency_ms / 830_000))
