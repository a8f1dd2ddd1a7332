"""`seg-consumer dead-letters`: what could not be delivered, and its way back."""

from __future__ import annotations

import heapq
import sys
from typing import TYPE_CHECKING

import click
import orjson

from consumer.commands.letter_selection import Selection, chosen, selecting
from consumer.commands.letter_tables import Summary, facts_of, letter_lines, summary_table
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.commands.terminal import counted, output
from consumer.core.errors import ConsumerError, PoisonError, UnavailableError
from consumer.core.timing import SystemClock
from consumer.kafka.dead_letter_reader import revived
from consumer.kafka.produce import TopicProducer
from consumer.kafka.replays import Replays
from consumer.program.reading import decoder_of, registry_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consumer.kafka.dead_letter_reader import Letter
    from consumer.settings import Settings


@click.group("dead-letters")
def command() -> None:
    """Look at the records that could not be delivered, and send them again.

    \b
    seg-consumer dead-letters list
    seg-consumer dead-letters show --partition 3 --offset 1041
    seg-consumer dead-letters replay --dry-run
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command("list")
@selecting
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each letter.")
@click.option("--limit", default=20, show_default=True, help="The most letters on a page.")
@click.option("--page", default=1, show_default=True, help="Which page; the newest are on 1.")
def list_(
    ctx: click.Context, selection: Selection, *, as_json: bool, limit: int, page: int
) -> None:
    """Sum up dead letters by topic and reason, then list the newest; never what is in them.

    \b
    seg-consumer dead-letters list --since 1h
    seg-consumer dead-letters list --reason bad_envelope --page 2
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    settings = load_settings(ctx, NEEDS_NO_SEG)
    summary = Summary()
    letters = counted(_summed_up(settings, selection, summary), "letters")
    newest = heapq.nlargest(limit * page, letters, key=_died)
    shown = newest[limit * (page - 1) :]
    if as_json:
        for letter in shown:
            click.echo(orjson.dumps(facts_of(letter)))
        return
    console = output()
    if not summary.total:
        console.print("no dead letters")
        return
    console.print(summary_table(summary), "")
    console.print(letter_lines(shown, console.width))
    if left := summary.total - len(newest):
        console.print(f"{left:,} more: --page {page + 1}, or --limit")


@command.command("show")
@selecting
def show(ctx: click.Context, selection: Selection) -> None:
    """Show one dead letter with its event: for eyes that may see it.

    \b
    seg-consumer dead-letters show --partition 3 --offset 1041
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    settings = load_settings(ctx, NEEDS_NO_SEG)
    letter = next(chosen(settings, selection), None)
    if letter is None:
        raise ConsumerError("no dead letter is like that: `dead-letters list` shows what there is")
    facts: dict[str, object] = {**facts_of(letter), **_event(settings, letter)}
    # What JSON has no text for, such as NaN, is shown as Python writes it.
    click.echo(orjson.dumps(facts, default=str, option=orjson.OPT_INDENT_2))


@command.command("replay")
@selecting
@click.option("--limit", default=100, show_default=True, help="The most to send now.")
@click.option("--dry-run", is_flag=True, help="Count them, and send nothing.")
@click.option("--again", is_flag=True, help="Also those that were sent again before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    ctx: click.Context,
    selection: Selection,
    *,
    limit: int,
    dry_run: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Send dead letters to the topic they came from, byte for byte, with `seg-replay-count`.

    The letters stay where they are. Those that were sent before are left out; on a terminal you
    are asked first, elsewhere --again takes them. One whose value was cut to fit is not sent.

    \b
    seg-consumer dead-letters replay --reason bad_envelope --since 1d --dry-run
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    settings = load_settings(ctx, NEEDS_NO_SEG)
    replays = Replays(settings.kafka)
    try:
        found = _Found(counted(chosen(settings, selection), "letters"), replays, limit)
        if found.before and not again and not dry_run and sys.stdin.isatty():
            question = f"{found.before} of {found.matching} were sent before. Send them, too?"
            again = click.confirm(question, err=True)
        sent = 0 if dry_run else _send(settings, found.first if again else found.fresh, replays)
    finally:
        replays.close()
    facts = {
        "matching": found.matching,
        "sent_before": found.before,
        "cut": found.cut,
        "sent": sent,
        "left": found.matching - (0 if again else found.before) - sent,
    }
    click.echo(orjson.dumps(facts) if as_json else _told(facts, limit, dry_run=dry_run))


class _Found:
    """What a replay means: counted in full, held up to *limit*."""

    def __init__(self, letters: Iterable[Letter], replays: Replays, limit: int) -> None:
        self.matching = 0
        self.before = 0
        """How many were sent again before."""
        self.cut = 0
        """How many more match and hold only a part of their event."""
        self.first: list[Letter] = []
        """The first of all."""
        self.fresh: list[Letter] = []
        """The first of those that were not sent before."""
        for letter in letters:
            if letter.source is None:
                place = facts_of(letter)["letter"]
                raise ConsumerError(f"the letter {place} does not say which topic it came from")
            if letter.truncated_from is not None:
                self.cut += 1
                continue
            self.matching += 1
            was_sent = replays.has(letter.record)
            self.before += was_sent
            if len(self.first) < limit:
                self.first.append(letter)
            if not was_sent and len(self.fresh) < limit:
                self.fresh.append(letter)


def _send(settings: Settings, letters: list[Letter], replays: Replays) -> int:
    """Send *letters* to where they came from; return how many the brokers have."""
    producers: dict[str, TopicProducer] = {}
    for letter in counted(letters, "letters sent again"):
        if letter.source is None:
            continue
        topic = letter.source.topic
        if topic not in producers:
            producers[topic] = TopicProducer(settings.kafka, topic)
        producers[topic].put(revived(letter), letter.source.number)
    for producer in producers.values():
        producer.close()
    for letter in letters:
        replays.add(letter.record)
    return sum(producer.acknowledged for producer in producers.values())


def _told(facts: dict[str, int], limit: int, *, dry_run: bool) -> str:
    before, left = facts["sent_before"], facts["left"]
    matching = f"{facts['matching']:,} match" + (f" ({before:,} sent before)" if before else "")
    if cut := facts["cut"]:
        matching += f" (and {cut:,} were cut to fit and cannot be sent)"
    if dry_run:
        more = f", {limit:,} at a time" if left > limit else ""
        return f"{matching}: {left:,} would be sent again{more}"
    rest = f", {left:,} left: run it again" if left else ""
    return f"{matching}: {facts['sent']:,} sent again{rest}"


def _summed_up(settings: Settings, selection: Selection, summary: Summary) -> Iterable[Letter]:
    for letter in chosen(settings, selection):
        summary.add(letter)
        yield letter


def _died(letter: Letter) -> tuple[int, str, int, int]:
    """Return what letters are sorted by: their time, then their place."""
    record = letter.record
    return (record.timestamp_ms or 0, *record.partition, record.offset)


def _event(settings: Settings, letter: Letter) -> dict[str, object]:
    """Return the event of *letter*; where it cannot be read, why, and its bytes in hexadecimal."""
    value = letter.record.value or b""
    decode = decoder_of(settings.schemas, registry_of(settings.schema_registry, SystemClock()))
    try:
        return {"event": decode(value)}
    except (PoisonError, UnavailableError) as error:
        return {"event": None, "unreadable": error.detail, "hex": value.hex()}
