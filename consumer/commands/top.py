"""`seg-consumer top`: a live view of running consumers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.live import Live

from consumer.core.timing import SystemClock
from consumer.observe.scrape import UnreachableError, base_of, scrape
from consumer.settings import describe
from consumer.top.figures import Figures, as_json, figures, unreachable
from consumer.top.show import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.observe.scrape import Scrape

DEFAULT_PORT = int(next(it.default for it in describe() if it.name == "SEG_HTTP__PORT"))
TIMEOUT_S = 2.0
AT_ONCE = 32


class Members:
    """The members at *addresses*, looked at again and again."""

    def __init__(self, addresses: Sequence[str], look: Callable[[str], Scrape]) -> None:
        self._bases = {
            address: base_of(address, DEFAULT_PORT) for address in dict.fromkeys(addresses)
        }
        self._look = look
        self._before: dict[str, Scrape] = {}

    def look(self) -> list[Figures]:
        """Ask every member, all at once, and return the figures in the order of the addresses."""
        with ThreadPoolExecutor(min(AT_ONCE, len(self._bases))) as threads:
            return list(threads.map(self._figures, self._bases))

    def _figures(self, address: str) -> Figures:
        try:
            now = self._look(self._bases[address])
        except UnreachableError as error:
            self._before.pop(address, None)
            return unreachable(address, str(error))
        before, self._before[address] = self._before.get(address), now
        return figures(address, now, before)


@click.command("top")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--once", is_flag=True, help="Look twice, print once, and end.")
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object; implies --once.")
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1, 60.0),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
def command(urls: tuple[str, ...], *, once: bool, as_object: bool, interval_s: float) -> None:
    """Show what running consumers do, out of their /metrics: HOST, HOST:PORT or URL of each.

    \b
    seg-consumer top 127.0.0.1:9090
    seg-consumer top --json pod-0 pod-1

    Exits 1 where --once or --json reaches no member.
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    members = Members(urls, partial(scrape, clock=SystemClock(), timeout_s=TIMEOUT_S))
    wait = Event().wait
    found = members.look()
    if once or as_object:
        wait(interval_s)
        found = members.look()
        if as_object:
            click.echo(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2))
        else:
            Console().print(screen(found))
        raise SystemExit(0 if any(it.problem is None for it in found) else 1)
    with Live(screen(found), auto_refresh=False, screen=Console().is_terminal) as live:
        try:
            while not wait(interval_s):
                live.update(screen(members.look()), refresh=True)
        except KeyboardInterrupt:
            return
