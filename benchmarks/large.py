"""The program at sizes that few have, on a real Kafka: `make scale`.

    partitions   thousands over four members; one leaves, one joins
    keys         a million of them against a thousand
    hot          one key has half of all events
    outage       a backlog of millions that was written while Seg was away

Each call is numbered for its user, so that what is lost, out of order or there twice is counted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import click
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import BATCH
from benchmarks.figures import CPU, RATE, Figures
from benchmarks.group import NOT_ARRIVED, group
from benchmarks.numbered import Numbered
from benchmarks.sink import SinkProcess
from benchmarks.stage import Real, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.group import Group
    from benchmarks.stage import Stage

WIDTH: Final = 200
"""Of the table."""
SECTIONS: Final = ("partitions", "keys", "hot", "outage")
NO_KAFKA: Final = "it needs a real Kafka: java and mvn, or KAFKA_BOOTSTRAP_SERVERS"
PARTITIONS: Final = (500, 1_000)
KEYS: Final = (1_000, 1_000_000)
"""There are as many events at least, so that each key has one."""
MEMBERS: Final = 4
EACH: Final = 20
"""Events for each partition: so many that none has none."""
HOT_MS: Final = 20
"""How long Seg takes for a call, where one key has half of all."""
HOT_SHARE: Final = 0.95
"""Of the calls of the others; the rest shares the hot key's partition, and waits with it."""
USERS: Final = 5_000
AWAY_S: Final = 86_400.0
"""How long Seg is away unless it is told to come back."""
RATE_PER_S: Final = 100.0
"""Of the stream while members come and go."""
SETTLE_S: Final = 5.0
CALLS_PER_S_MIN: Final = 500.0
"""What is slower than that fails."""


class Row(NamedTuple):
    """One line of the table; what has no meaning in it is missing."""

    what: str
    figures: Figures


def partitions(on: Stage, number: int) -> Iterator[Row]:
    """Let four members start with a backlog, then one leave and one join in a steady stream."""
    numbered, what = Numbered(number * EACH), f"{number:,} partitions"
    with (
        SinkProcess(users=numbered.users, trace=True) as sink,
        on.topic(None, number) as topic,
        group(on, topic, sink) as members,
    ):
        numbered.write(topic, numbered.users)
        start_s = time.monotonic()
        members.start(MEMBERS)
        members.until_divided(number)
        owned_s = time.monotonic() - start_s
        members.until_arrived(numbered.written)
        figures = {"owned_s": owned_s, "seconds": time.monotonic() - start_s}
        yield Row(f"{what}: {MEMBERS} members start", figures)
        for name, change in (("one leaves", members.leave), ("one joins", members.start)):
            with numbered.stream(topic, RATE_PER_S):
                time.sleep(SETTLE_S)
                sink.counts()  # and forget how old calls were
                time.sleep(SETTLE_S)
                usual_s = max(sink.counts()["ages_ms"]) / 1000
                start_s = time.monotonic()
                change()
                members.until_divided(number)
                owned_s = time.monotonic() - start_s
                time.sleep(SETTLE_S)
            oldest_s = _oldest_s(members, numbered)
            figures = {"owned_s": owned_s, "usual_s": usual_s, "oldest_s": oldest_s}
            yield Row(f"{what}: {name}", figures)
        members.end()
        yield Row(f"{what}: all of it", members.totals() | _faults(sink, numbered))


def _oldest_s(members: Group, numbered: Numbered) -> float:
    """Wait until all has arrived; return the greatest age of a call since that was asked last."""
    ages_ms: list[float] = []

    def arrived() -> bool:
        counts = members.sink.counts()
        ages_ms.extend(counts["ages_ms"])
        return counts["arrived"] >= numbered.written

    members.until(arrived, NOT_ARRIVED)
    return max(ages_ms) / 1000


def keys(on: Stage, users: int, events: int) -> Row:
    """Let one member handle a backlog of so many keys."""
    numbered = Numbered(users)
    with (
        SinkProcess(users=users) as sink,
        on.topic(None) as topic,
        group(on, topic, sink) as members,
    ):
        numbered.write(topic, events)
        figures = _drained(members, numbered, 1)
        return Row(f"{users:,} keys, {events:,} events", figures)


def hot(on: Stage, batch: int, events: int) -> Iterator[Row]:
    """Let one key have half of all events, and see how the others fare until they are done."""
    numbered = Numbered(USERS, hot=0.5)
    with (
        SinkProcess(users=USERS, latency_ms=HOT_MS) as sink,
        on.topic(None) as topic,
        group(on, topic, sink, batch) as members,
    ):
        numbered.write(topic, events)
        others = numbered.written - numbered.of(0)
        members.start()
        members.until(
            lambda: _of_others(sink) >= HOT_SHARE * others,
            "the others waited for the hot key",
            events / CALLS_PER_S_MIN,
        )
        counts, now_s = sink.counts(), time.monotonic()
        members.end()
    seconds = now_s - (counts["first_s"] or 0.0)
    theirs = counts["arrived"] - counts["of_first_user"]
    what = f"one key of half, {'single' if batch == 1 else f'batches of {batch}'}"
    faults = {name: float(counts[name]) for name in ("out_of_order", "doubles")}
    yield Row(f"{what}: the others", {RATE: theirs / seconds} | members.totals() | faults)
    seconds = now_s - (counts["first_user_s"] or 0.0)  # its partition may be read last
    yield Row(f"{what}: that key", {RATE: counts["of_first_user"] / seconds})


def outage(on: Stage, events: int) -> Iterator[Row]:
    """Let Seg be away while so much is written, and come back; once for each mode."""
    numbered = Numbered(USERS)
    with on.topic(None) as topic:
        for batch in (1, BATCH):
            with (
                SinkProcess(users=USERS, outage_s=AWAY_S) as sink,
                group(on, topic, sink, batch) as members,
            ):
                members.start()
                numbered.write(topic, events - numbered.written)
                time.sleep(SETTLE_S)
                sink.come_back()
                figures = _drained(members, numbered, 0)
            what = "single" if batch == 1 else f"batches of {batch}"
            yield Row(f"{events:,} events after an outage, {what}", figures)


def _drained(members: Group, numbered: Numbered, more: int) -> Figures:
    """Start so many *more* members, and let all together deliver what was written."""
    members.start(more)
    members.until_arrived(numbered.written, 60.0 + numbered.written / CALLS_PER_S_MIN)
    members.end()
    counts = members.sink.counts()
    seconds = (counts["last_s"] or 0.0) - (counts["first_s"] or 0.0)
    rate = {RATE: counts["arrived"] / seconds, "seconds": seconds}
    return rate | members.totals() | _faults(members.sink, numbered)


def _of_others(sink: SinkProcess) -> int:
    counts = sink.counts()
    return counts["arrived"] - counts["of_first_user"]


def _faults(sink: SinkProcess, numbered: Numbered) -> Figures:
    counts = sink.counts()
    return {
        "lost": float(numbered.written - counts["arrived"]),
        "out_of_order": float(counts["out_of_order"]),
        "doubles": float(counts["doubles"]),
    }


COLUMNS: Final = {
    "owned_s": ("all owned, s", ",.1f"),
    "seconds": ("all delivered, s", ",.1f"),
    "usual_s": ("longest wait before, s", ",.1f"),
    "oldest_s": ("longest wait, s", ",.1f"),
    RATE: ("events/s", ",.0f"),
    CPU: ("CPU µs an event", ",.1f"),
    "peak_mb": ("peak MB", ",.0f"),
    "lost": ("lost", ",.0f"),
    "out_of_order": ("out of order", ",.0f"),
    "doubles": ("doubles", ",.0f"),
}


def table(rows: list[Row]) -> Table:
    """Return *rows* as a table."""
    made = Table("", *(title for title, _ in COLUMNS.values()), box=box.MARKDOWN)
    for what, figures in rows:
        made.add_row(
            what,
            *(
                format(figures[name], form) if name in figures else ""
                for name, (_, form) in COLUMNS.items()
            ),
        )
    return made


@click.command()
@click.option("--only", type=click.Choice(SECTIONS), multiple=True, help="Sections to run.")
@click.option("--events", default=200_000, show_default=True, help="With many keys, or a hot one.")
@click.option("--backlog", default=500_000, show_default=True, help="Events of the outage.")
def main(*, only: tuple[str, ...], events: int, backlog: int) -> None:
    """Measure what few have: many partitions, many keys, one hot key, a large backlog."""
    wanted, console, rows = only or SECTIONS, Console(width=WIDTH), list[Row]()
    with stage() as on:
        if not isinstance(on.broker, Real):
            raise click.ClickException(NO_KAFKA)
        runs: dict[str, Callable[[], Iterator[Row]]] = {
            "partitions": lambda: (row for it in PARTITIONS for row in partitions(on, it)),
            "keys": lambda: (keys(on, users, max(users, events)) for users in KEYS),
            "hot": lambda: (row for batch in (1, BATCH) for row in hot(on, batch, events)),
            "outage": lambda: outage(on, backlog),
        }
        for name in wanted:
            for row in runs[name]():
                Console(stderr=True).print(row)
                rows.append(row)
    console.print(table(rows))


if __name__ == "__main__":
    main()
