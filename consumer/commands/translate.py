"""`seg-consumer translate`: what becomes of a Segment call, without Kafka and without Seg."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click
import orjson

from consumer.avro.decoder import Decoder
from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import read_call
from consumer.avro.schemas import folder
from consumer.core.errors import PoisonError
from consumer.core.model import Ignored
from consumer.translate import Translator

if TYPE_CHECKING:
    from consumer.core.model import Object


@click.command("translate")
@click.argument("file", type=click.File("rb"), default="-")
def command(file: BinaryIO) -> None:
    """Read Segment calls as JSON lines from FILE or standard input; print a JSON line for each.

    \b
    {"call": {...}}                             what Seg would be sent
    {"ignored": "reason"}                       nothing to do
    {"rejected": "reason", "detail": "..."}     what would be dead-lettered
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    through = Through()
    for line in file:
        if line.strip():
            click.echo(orjson.dumps(through(line)))


class Through:
    """A call's way from JSON to Seg, by the very stages that a record goes through."""

    def __init__(self) -> None:
        self._encode = Encoder()
        self._decode = Decoder(registry=None, writer_schema=None, schemas=folder())
        self._translate = Translator()

    def __call__(self, line: bytes) -> Object:
        """Return what becomes of the call in *line*."""
        try:
            value = self._encode(read_call(line))
            call = self._translate(self._decode(value), None)
        except PoisonError as error:
            return {"rejected": error.reason, "detail": error.detail}
        if isinstance(call, Ignored):
            return {"ignored": call.reason}
        sent: Object = orjson.loads(call.body)
        return {"call": sent}
