"""`seg-consumer produce`: Segment calls from JSON lines onto a topic, as Avro."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click
import orjson

from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import key_of, read_call
from consumer.commands.loading import NEEDS_NO_SEG, load_settings
from consumer.commands.terminal import call_lines, counted
from consumer.core.errors import ConsumerError, PoisonError
from consumer.core.timing import SystemClock
from consumer.kafka.inspect import ASK_TIMEOUT_S, Cluster
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOLD_MAX = 10
"""So many bad lines are told one by one."""


class Bad(NamedTuple):
    """A line that is no Segment call."""

    line: int
    detail: str


@click.command("produce")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--topic", help="The topic to write to; the first of SEG_KAFKA__TOPICS without it.")
@click.option("--schema-id", type=int, help="Use Confluent's framing with this registry id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, file: BinaryIO, topic: str | None, schema_id: int | None, *, as_json: bool
) -> None:
    """Write Segment calls, JSON lines from FILE or standard input, to a topic as Avro.

    FILE may be compressed by gzip, and in UTF-16. A line that is no Segment call is told, and the
    others are written. The key is the userId, else the anonymousId, else the previousId.

    \b
    seg-consumer produce events.jsonl
    seg-consumer produce --topic segment-events < events.jsonl

    Exits 1 where a line is no Segment call.
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    topics = {} if topic is None else {"SEG_KAFKA__TOPICS": topic}
    settings = load_settings(ctx, NEEDS_NO_SEG | topics)
    topic = topic or settings.kafka.topics[0]
    Cluster(settings.kafka, SystemClock()).reach(ASK_TIMEOUT_S)
    producer = TopicProducer(settings.kafka, topic)
    bad: list[Bad] = []
    for record in counted(records(call_lines(file), Encoder(schema_id), bad), "records"):
        producer.put(record)
    producer.close()
    if as_json:
        told = {"topic": topic, "written": producer.acknowledged}
        click.echo(orjson.dumps({**told, "bad": [it._asdict() for it in bad]}))
        raise SystemExit(1 if bad else 0)
    click.echo(f"{producer.acknowledged} records written to {topic}")
    if bad:
        lines = [f"line {it.line}: {it.detail}" for it in bad[:TOLD_MAX]]
        more = ["..."] if len(bad) > TOLD_MAX else []
        raise ConsumerError("\n".join([f"{len(bad)} lines are no Segment calls:", *lines, *more]))


def records(
    lines: Iterable[tuple[int, bytes]], encode: Encoder, bad: list[Bad]
) -> Iterator[Outgoing]:
    """Yield the record of each of *lines*; what is no Segment call is added to *bad*."""
    for number, line in lines:
        try:
            call = read_call(line)
            yield Outgoing(key_of(call), encode(call))
        except PoisonError as error:
            bad.append(Bad(number, error.detail))
