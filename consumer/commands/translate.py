"""`seg-consumer translate`: what becomes of a Segment call, without Kafka and without Seg."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

import click
import orjson

from consumer.avro.decoder import Decoder
from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import lines_of, read_call
from consumer.avro.schemas import folder
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.model import Ignored
from consumer.translate import Translator

if TYPE_CHECKING:
    from consumer.core.model import Event, Object


@click.command("translate")
@click.argument("file", type=click.File("rb"), default="-")
def command(file: BinaryIO) -> None:
    """Read Segment calls as JSON lines from FILE or standard input; print a JSON line for each.

    \b
    {"call": {...}}                             what Seg would be sent
    {"ignored": "reason"}                       nothing to do
    {"rejected": "reason", "detail": "..."}     what would be dead-lettered

    \b
    "left_out": [{"key", "source", "why"}]      beside a call: what could not be read
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    through = Through()
    for line in lines_of(file):
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
            call = self._translate(self._event(read_call(line)), None)
        except PoisonError as error:
            return {"rejected": error.reason, "detail": error.detail}
        if isinstance(call, Ignored):
            return {"ignored": call.reason}
        sent: Object = {"call": orjson.loads(call.body)}
        if call.left_out:
            sent["left_out"] = [
                {"key": it.key, "source": it.source, "why": it.why} for it in call.left_out
            ]
        return sent

    def _event(self, call: Object) -> Event:
        """Return *call* as a record brings it; as it is where no record can hold it."""
        try:
            value = self._encode(call)
        except PoisonError as error:
            if error.reason is not DeadLetterReason.BAD_ENVELOPE:
                raise
            return cast("Event", call)  # without a type: the translation says so, or is not asked
        return self._decode(value)
