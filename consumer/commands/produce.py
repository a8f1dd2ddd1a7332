"""`seg-consumer produce`: Segment calls from JSON lines onto a topic, as Avro."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click
from rich.console import Console

from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import key_of, read_call
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.core.errors import ConsumerError, PoisonError
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from collections.abc import Iterator


PROGRESS_EVERY = 1_000


@click.command("produce")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--topic", help="The topic to write to; the first of SEG_KAFKA__TOPICS without it.")
@click.option("--schema-id", type=int, help="Use Confluent's framing with this registry id.")
@click.pass_context
def command(ctx: click.Context, file: BinaryIO, topic: str | None, schema_id: int | None) -> None:
    """Write Segment calls, JSON lines from FILE or standard input, to a topic as Avro.

    The key is the userId, else the anonymousId, else the previousId.
    """
    settings = load_settings(ctx, NEEDS_NO_SEG)
    topic = topic or settings.kafka.topics[0]
    producer = TopicProducer(settings.kafka, topic)
    with Console(stderr=True).status("") as status:
        for number, record in enumerate(records(file, Encoder(schema_id)), 1):
            producer.put(record)
            if number % PROGRESS_EVERY == 0:
                status.update(f"{number} records")
        producer.close()
    click.echo(f"{producer.acknowledged} records written to {topic}")


def records(lines: BinaryIO, encode: Encoder) -> Iterator[Outgoing]:
    """Yield the record of each of *lines*.

    Raises:
        ConsumerError: a line is no Segment call; the text names its number.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            call = read_call(line)
            yield Outgoing(key_of(call), encode(call))
        except PoisonError as error:
            raise ConsumerError(f"line {number}: {error.detail}") from error
