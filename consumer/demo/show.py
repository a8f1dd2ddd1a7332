"""What became of each record: taken from Seg's side and from the dead-letter topic."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from consumer.avro.decoder import Decoder
from consumer.avro.schemas import folder
from consumer.core.errors import IgnoredReason
from consumer.core.model import Ignored
from consumer.demo.samples import INDEX_HEADER
from consumer.kafka.dead_letter_headers import PREFIX
from consumer.kafka.dead_letter_topics import topic_of
from consumer.kafka.read import read_topic
from consumer.translate import Translator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.model import Object
    from consumer.demo.samples import Rejected, Sample
    from consumer.observe.metrics import Tally
    from consumer.sandbox import Accepted
    from consumer.settings import Settings


def summary(tally: Tally, rejected: Sequence[Rejected], seconds: float) -> Object:
    """Return what happened in figures, for programs."""
    return {
        "received": tally.records_received,
        "delivered": int(sum(tally.calls_delivered.values())),
        "ignored": {str(reason): int(n) for (reason,), n in tally.records_ignored.items() if n},
        "dead_lettered": {
            str(reason): int(n) for (reason,), n in tally.records_dead_lettered.items() if n
        },
        "rejected": [{"line": it.number, "detail": it.error.detail} for it in rejected],
        "seconds": round(seconds, 3),
    }


def table(
    samples: Sequence[Sample],
    rejected: Sequence[Rejected],
    accepted: Sequence[Accepted],
    dead: dict[int, str],
) -> Table:
    """Return what went in and what became of it, equal ones counted; *rejected* did not go in."""
    delivered = {str(call.call.get("messageId")): call.call for call in accepted}
    fates: Counter[tuple[str, str, str]] = Counter()
    ignored_reason = _Reasons()
    for index, sample in enumerate(samples):
        call = delivered.get(sample.message_id or "")
        if index in dead:
            fates[sample.about, "[red]dead letter[/]", dead[index]] += 1
        elif call is not None:
            fates[sample.about, "[green]delivered[/]", _seg_name(call)] += 1
        else:
            fates[sample.about, "[yellow]ignored[/]", ignored_reason(sample)] += 1
    shown = Table("what went in", "what became of it", "as / why", "records", title="The demo")
    for (about, fate, how), number in fates.items():
        shown.add_row(escape(about), fate, how, str(number))
    for number, error in rejected:
        shown.add_row(f"line {number}", "[red]rejected[/]", escape(str(error)), "0")
    return shown


def dead_reasons(settings: Settings) -> dict[int, str]:
    """Return the reason of each dead-lettered sample, out of the dead-letter topic itself."""
    topic = topic_of(settings.dead_letter, settings.kafka.topics[0])
    reasons: dict[int, str] = {}
    for record in read_topic(settings.kafka, topic):
        headers = {name: value or b"" for name, value in record.headers or []}
        reasons[int(headers[INDEX_HEADER])] = headers[PREFIX + "reason"].decode()
    return reasons


class _Reasons:
    """Why a record that neither Seg nor the dead-letter topic has was ignored."""

    def __init__(self) -> None:
        self._decode = Decoder(registry=None, writer_schema=None, schemas=folder())
        self._translate = Translator()

    def __call__(self, sample: Sample) -> str:
        if sample.record.value is None:
            return IgnoredReason.TOMBSTONE
        call = self._translate(self._decode(sample.record.value), None)
        return call.reason if isinstance(call, Ignored) else IgnoredReason.UNSUPPORTED_BY_SEG


def _seg_name(call: Object) -> str:
    event = call.get("event")
    return f"{call['type']} {event}" if event is not None else str(call["type"])
