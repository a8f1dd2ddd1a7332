"""A Segment call's way from JSON to Seg, without Kafka: for `translate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from consumer.avro.decoder import Decoder
from consumer.avro.encoder import Encoder
from consumer.avro.json_calls import read_call
from consumer.avro.schemas import folder
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.model import Ignored
from consumer.translate import Translator
from consumer.translate.explain import Explanation, explain

if TYPE_CHECKING:
    from consumer.core.model import Event, Object, SegCall


class Through:
    """Takes calls by the very stages that a record goes through.

    *record_timestamp_ms* stands in for the Kafka record's; without it a call that tells no time
    has none.
    """

    def __init__(
        self, translate: Translator | None = None, record_timestamp_ms: int | None = None
    ) -> None:
        self._encode = Encoder()
        self._decode = Decoder(registry=None, writer_schema=None, schemas=folder())
        self._translate = translate or Translator()
        self._record_timestamp_ms = record_timestamp_ms

    def __call__(self, line: bytes) -> Object:
        """Return what becomes of the call in *line*, as `translate` prints it."""
        try:
            return told(self._translate(self._event(line), self._record_timestamp_ms))
        except PoisonError as error:
            return told(error)

    def explain(self, line: bytes) -> Explanation:
        """Return what becomes of the call in *line*, and why."""
        try:
            return explain(self._event(line), self._record_timestamp_ms, self._translate)
        except PoisonError as error:
            return Explanation(error, error.detail, (), ())

    def _event(self, line: bytes) -> Event:
        """Return the call in *line* as a record brings it; as it is where no record can hold it."""
        call = read_call(line)
        try:
            value = self._encode(call)
        except PoisonError as error:
            if error.reason is not DeadLetterReason.BAD_ENVELOPE:
                raise
            return cast("Event", call)  # without a type: the translation says so, or is not asked
        return self._decode(value)


def told(outcome: SegCall | Ignored | PoisonError) -> Object:
    """Return *outcome* as JSON."""
    if isinstance(outcome, PoisonError):
        return {"rejected": outcome.reason, "detail": outcome.detail}
    if isinstance(outcome, Ignored):
        return {"ignored": outcome.reason}
    sent: Object = {"call": orjson.loads(outcome.body)}
    if outcome.left_out:
        sent["left_out"] = [
            {"key": it.key, "source": it.source, "why": it.why} for it in outcome.left_out
        ]
    return sent


def told_why(explanation: Explanation) -> Object:
    """Return *explanation* as JSON: the outcome, and where every value comes from."""
    answer = told(explanation.outcome)
    if isinstance(explanation.outcome, Ignored):
        answer["why"] = explanation.why
    if explanation.made:
        answer["made"] = [
            {"key": it.key, "sources": [*it.sources], "row": it.row} for it in explanation.made
        ]
    if explanation.unsent:
        answer["unsent"] = [{"source": it.source, "why": it.why} for it in explanation.unsent]
    return answer
