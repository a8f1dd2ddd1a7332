"""`seg-consumer dead-letters`: what could not be delivered, and its way back."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import click
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from consumer.avro.decoder import Decoder
from consumer.avro.schemas import folder
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.core.errors import ConsumerError, DeadLetterReason, PoisonError
from consumer.kafka.dead_letter_reader import Letter, Wanted, read_letters, revived
from consumer.kafka.dead_letters import topic_of
from consumer.kafka.produce import TopicProducer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.core.model import Object
    from consumer.settings import Settings

DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


@click.group("dead-letters")
def command() -> None:
    """Look at the records that could not be delivered, and send them again."""


class Selection(NamedTuple):
    """Which letters of which topic are meant."""

    topic: str | None
    """None is that of the settings."""
    wanted: Wanted


def _selecting(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which letters are meant; they come as one `Selection`."""

    @wraps(function)
    def call(  # noqa: PLR0913 - one parameter an option
        ctx: click.Context,
        *,
        topic: str | None,
        reasons: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        partition: int | None,
        offset: int | None,
        **others: object,
    ) -> None:
        wanted = Wanted(
            reasons=frozenset(reasons) or None,
            since_ms=_milliseconds(since),
            until_ms=_milliseconds(until),
            partition=partition,
            offset=offset,
        )
        function(ctx, Selection(topic, wanted), **others)

    options = (
        click.option("--topic", help="The dead-letter topic; that of the settings without it."),
        click.option(
            "--reason",
            "reasons",
            multiple=True,
            type=click.Choice([str(reason) for reason in DeadLetterReason]),
            help="Only these reasons.",
        ),
        click.option("--since", type=click.DateTime(DATES), help="Died at or after, UTC."),
        click.option("--until", type=click.DateTime(DATES), help="Died before, UTC."),
        click.option("--partition", type=int, help="From this partition of their own topic."),
        click.option("--offset", type=int, help="From this offset of their own topic."),
    )
    decorated: Callable[..., None] = call
    for option in reversed(options):
        decorated = option(decorated)
    return click.pass_context(decorated)


@command.command("list")
@_selecting
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each.")
@click.option("--limit", default=100, show_default=True, help="The most to print.")
def list_(ctx: click.Context, selection: Selection, *, as_json: bool, limit: int) -> None:
    """List dead letters: where from, why, when; never what is in them."""
    settings = load_settings(ctx, NEEDS_NO_SEG)
    table = Table("letter", "from", "died", "reason", "detail", "replays")
    for letter in _chosen(settings, selection, limit):
        if as_json:
            click.echo(orjson.dumps(_facts(letter)))
        else:
            table.add_row(*_row(letter))
    if not as_json:
        Console().print(table)


@command.command("show")
@_selecting
def show(ctx: click.Context, selection: Selection) -> None:
    """Show one dead letter with its event: for eyes that may see it."""
    settings = load_settings(ctx, NEEDS_NO_SEG)
    letter = next(_chosen(settings, selection, 1), None)
    if letter is None:
        raise ConsumerError("no dead letter is like that: `dead-letters list` shows what there is")
    facts: dict[str, object] = {**_facts(letter), "event": _event(letter)}
    click.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2))


@command.command("replay")
@_selecting
@click.option("--limit", default=100, show_default=True, help="The most to send again.")
@click.option("--dry-run", is_flag=True, help="Count them, and send nothing.")
def replay(ctx: click.Context, selection: Selection, *, limit: int, dry_run: bool) -> None:
    """Send dead letters to the topic they came from, byte for byte, with `seg-replay-count`.

    The letters stay where they are: narrow with --since or --offset, or they go again.
    """
    settings = load_settings(ctx, NEEDS_NO_SEG)
    letters = list(_chosen(settings, selection, limit))
    homeless = [letter for letter in letters if letter.source is None]
    if homeless:
        raise ConsumerError(f"{len(homeless)} letters do not say which topic they came from")
    if dry_run:
        click.echo(f"{len(letters)} dead letters would be sent again")
        return
    producers: dict[str, TopicProducer] = {}
    for letter in track(letters, "sending again", console=Console(stderr=True)):
        if letter.source is None:
            continue
        topic = letter.source.topic
        if topic not in producers:
            producers[topic] = TopicProducer(settings.kafka, topic)
        producers[topic].put(revived(letter), letter.source.number)
    for producer in producers.values():
        producer.close()
    sent = sum(producer.acknowledged for producer in producers.values())
    click.echo(f"{sent} dead letters were sent again")


def _chosen(settings: Settings, selection: Selection, limit: int) -> Iterator[Letter]:
    """Yield the letters that the options mean, at most *limit*."""
    topics = [name for name in settings.kafka.topics if not name.startswith("^")]
    letter_topics = sorted({topic_of(settings.dead_letter, name) for name in topics})
    for letter_topic in letter_topics if selection.topic is None else [selection.topic]:
        for letter in read_letters(settings.kafka, letter_topic, selection.wanted):
            if limit <= 0:
                return
            limit -= 1
            yield letter


def _row(letter: Letter) -> list[str]:
    facts = _facts(letter)
    names = ("letter", "from", "died", "reason", "detail", "replays")
    return [str(facts[name] if facts[name] is not None else "") for name in names]


def _facts(letter: Letter) -> Object:
    record = letter.record
    source = letter.source
    return {
        "letter": f"{record.partition.topic}/{record.partition.number}/{record.offset}",
        "from": None
        if source is None
        else f"{source.topic}/{source.number}/{letter.source_offset}",
        "died": _time(record.timestamp_ms),
        "appended": _time(letter.timestamp_ms),
        "reason": letter.reason,
        "detail": letter.detail,
        "status": letter.status,
        "attempts": letter.attempts,
        "replays": letter.replays,
        "bytes": None if record.value is None else len(record.value),
    }


def _event(letter: Letter) -> object:
    """Return the event, if it can be read without a registry; else why not."""
    decode = Decoder(registry=None, writer_schema=None, schemas=folder())
    try:
        return decode(letter.record.value or b"")
    except PoisonError as error:
        return error.detail


def _time(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def _milliseconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
