"""`seg-consumer produce`: Segment calls from JSON lines onto a topic, as Avro."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click
from rich.console import Console

from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import key_of, lines_of, read_call
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.core.errors import ConsumerError, PoisonError
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROGRESS_EVERY = 1_000


TOLD_MAX = 10
"""So many bad lines are told one by one."""


@click.command("produce")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--topic", help="The topic to write to; the first of SEG_KAFKA__TOPICS without it.")
@click.option("--schema-id", type=int, help="Use Confluent's framing with this registry id.")
@click.pass_context
def command(ctx: click.Context, file: BinaryIO, topic: str | None, schema_id: int | None) -> None:
    """Write Segment calls, JSON lines from FILE or standard input, to a topic as Avro.

    FILE may be compressed by gzip, and in UTF-16. A line that is no Segment call is told, and the
    others are written. The key is the userId, else the anonymousId, else the previousId.
    """
    settings = load_settings(ctx, NEEDS_NO_SEG)
    topic = topic or settings.kafka.topics[0]
    producer = TopicProducer(settings.kafka, topic)
    bad: list[str] = []
    with Console(stderr=True).status("") as status:
        for number, record in enumerate(records(lines_of(file), Encoder(schema_id), bad), 1):
            producer.put(record)
            if number % PROGRESS_EVERY == 0:
                status.update(f"{number} records")
        producer.close()
    click.echo(f"{producer.acknowledged} records written to {topic}")
    if bad:
        told = [*bad[:TOLD_MAX], *(["..."] if len(bad) > TOLD_MAX else [])]
        raise ConsumerError("\n".join([f"{len(bad)} lines are no Segment calls:", *told]))


def records(lines: Iterable[bytes], encode: Encoder, bad: list[str]) -> Iterator[Outgoing]:
    """Yield the record of each of *lines*; what is no Segment call is added to *bad*."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            call = read_call(line)
            yield Outgoing(key_of(call), encode(call))
        except PoisonError as error:
            bad.append(f"line {number}: {error.detail}")
