"""`seg-consumer top`, as its user meets it."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import orjson
import pytest
from rich.console import Console

from consumer.commands.top import Members
from consumer.observe.scrape import Scrape, UnreachableError
from consumer.top.figures import Figures, PartitionLag, unreachable
from consumer.top.show import PARTITIONS_SHOWN, screen
from tests.commands.test_cli import seg_consumer

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY = Figures(
    address="pod-0:8000",
    problem=None,
    per_second={"received": 1234.0, "delivered": 1200.0},
    outcomes={"delivered": {"ProductView": 9}, "ignored": {"unmapped_event": 3}},
    latency_s={"p50": 0.02, "p99": 1.5},
    requests=12,
    limit=64,
    in_flight=300,
    retrying=0,
    waits_for=None,
    detail=None,
    lags=(PartitionLag("t", 3, "pod-0:8000", 42, 7.0),),
)


def shown(*members: Figures) -> str:
    """Return the screen as text, on a terminal of 80 columns."""
    written = StringIO()
    Console(width=80, file=written).print(screen(members))
    return written.getvalue()


def test_the_screen_tells_what_a_member_does() -> None:
    """Rates, requests against their limit, latency, lag with its owner, and how records ended."""
    text = shown(BUSY)

    for fact in (
        "1,234",
        "1,200",
        "12/64",
        "20 ms",
        "1.5 s",
        "42",
        "7.0 s",
        "ProductView",
    ):
        assert fact in text


def test_an_address_stands_on_one_line() -> None:
    """Also on 80 columns: half an address is nobody's."""
    address = "10.244.13.207:9090"

    lines = shown(BUSY._replace(address=address)).splitlines()

    assert address in [line.split()[0] for line in lines if line.strip()]


def test_the_screen_tells_why_a_member_does_nothing() -> None:
    """What it waits for, with the detail; or why it does not answer."""
    waiting = BUSY._replace(waits_for="unauthorised", detail="Seg answered 403")

    text = shown(waiting, unreachable("pod-1:8000", "no answer: Connection refused"))

    assert "waits for unauthorised: Seg answered 403" in text
    assert "no answer: Connection refused" in text
    assert "1 of 2 members answer" in text


def test_the_partitions_furthest_behind_are_shown() -> None:
    """A thousand rows help nobody; how many are left out is said."""
    lags = tuple(PartitionLag("t", number, "m", number, None) for number in range(40))

    text = shown(BUSY._replace(lags=lags))

    assert f"{40 - PARTITIONS_SHOWN} more, none further behind" in text
    assert " 39 " in text


def test_a_member_that_comes_back_begins_anew() -> None:
    """Rates over the time in which it was away would be wrong."""
    looks: Iterator[Scrape | UnreachableError] = iter(
        [Scrape(0.0, {}, {}), UnreachableError("away"), Scrape(9.0, {}, {})]
    )

    def look(_base: str) -> Scrape:
        found = next(looks)
        if isinstance(found, Scrape):
            return found
        raise found

    members = Members(["m"], look)

    assert [members.look()[0].per_second for _ in range(3)] == [{}, {}, {}]


@pytest.mark.parametrize("as_json", [True, False])
def test_nobody_there_exits_1_and_says_why(as_json: bool) -> None:  # noqa: FBT001 - one of two ways
    """Port 9 is nobody's; an address is shown as it was given."""
    done = seg_consumer("top", "127.0.0.1:9", "--once", *(["--json"] if as_json else []))

    assert done.returncode == 1
    if as_json:
        assert orjson.loads(done.stdout)["members"][0]["problem"].startswith("no answer: ")
    else:
        assert "127.0.0.1:9" in done.stdout


def test_a_wrong_address_is_wrong_usage() -> None:
    """One sentence, exit code 2."""
    done = seg_consumer("top", "ftp://pod-0")

    assert done.returncode == 2
    assert "expected an address such as 127.0.0.1:9090, got 'ftp://pod-0'" in done.stderr
