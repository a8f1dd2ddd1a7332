"""Which dead letters a command means: its options, and the topics that they lead to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import click

from consumer.core.errors import ConsumerError, DeadLetterReason
from consumer.core.timing import SystemClock
from consumer.kafka.dead_letter_reader import Letter, Wanted, read_letters
from consumer.kafka.dead_letter_topics import topic_of
from consumer.kafka.inspect import ASK_TIMEOUT_S, Cluster
from consumer.kafka.start import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.settings import Settings

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Selection(NamedTuple):
    """Which letters of which topics are meant."""

    topics: tuple[str, ...]
    """None is those of the settings."""
    wanted: Wanted


class Moment(click.ParamType[datetime]):
    """A date, a date with a time, or how long ago: `1h`."""

    name = "when"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment that *value* names; UTC where it has no offset."""
        text = str(value)
        ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
        if ago is not None:
            now = datetime.fromtimestamp(SystemClock().wall_s(), UTC)
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"expected 1h, 2d, 2026-11-28 or 2026-11-28T10:00, got {text!r}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def selecting(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which letters are meant; they come as one `Selection`."""

    @wraps(function)
    def call(  # noqa: PLR0913 - one parameter an option
        ctx: click.Context,
        *,
        topics: tuple[str, ...],
        reasons: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        partition: int | None,
        offset: int | None,
        **others: object,
    ) -> None:
        wanted = Wanted(
            reasons=frozenset(reasons) or None,
            since_ms=None if since is None else since.timestamp() * 1000,
            until_ms=None if until is None else until.timestamp() * 1000,
            partition=partition,
            offset=offset,
        )
        function(ctx, Selection(topics, wanted), **others)

    options = (
        click.option(
            "--topic", "topics", multiple=True, help="A dead-letter topic; else the settings'."
        ),
        click.option(
            "--reason",
            "reasons",
            multiple=True,
            type=click.Choice([str(reason) for reason in DeadLetterReason]),
            help="Only these reasons.",
        ),
        click.option("--since", type=Moment(), help="Died at or after: 1h, or a UTC time."),
        click.option("--until", type=Moment(), help="Died before: 1h, or a UTC time."),
        click.option("--partition", type=int, help="From this partition of their own topic."),
        click.option("--offset", type=int, help="From this offset of their own topic."),
    )
    decorated: Callable[..., None] = call
    for option in reversed(options):
        decorated = option(decorated)
    return click.pass_context(decorated)


def chosen(settings: Settings, selection: Selection) -> Iterator[Letter]:
    """Yield the letters that *selection* means, topic by topic, in the order of their offsets.

    Raises:
        ConsumerError: a topic that the selection names is not there.
    """
    cluster = Cluster(settings.kafka, SystemClock())
    visible = cluster.reach(ASK_TIMEOUT_S)
    named = [name for name in settings.kafka.topics if not name.startswith("^")]
    sources = [*named, *matching(settings.kafka.topics, visible)]
    topics = selection.topics or sorted({topic_of(settings.dead_letter, it) for it in sources})
    there = [topic for topic in topics if topic in visible]
    if selection.topics and (missing := set(topics) - set(there)):
        raise ConsumerError(f"the topic {min(missing)} does not exist")
    for topic in there:
        yield from read_letters(settings.kafka, topic, selection.wanted)
