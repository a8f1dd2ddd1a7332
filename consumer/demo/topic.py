"""The demo's topic, for the sandbox's page: its events are known, and more can be written to it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from consumer.core.errors import ConsumerError
from consumer.core.model import Object
from consumer.demo.samples import INDEX_HEADER, Rejected, Sample, samples
from consumer.kafka.dead_letter_headers import PREFIX
from consumer.kafka.dead_letter_topics import topic_of
from consumer.kafka.produce import TopicProducer
from consumer.kafka.read import read_topic
from consumer.sandbox import Fate, Happening

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from consumer.core.model import Headers, Partition
    from consumer.observe.metrics import Tally
    from consumer.settings import Settings

KEEP: Final = 10_000
"""How many of the newest events are known."""
LETTERS: Final = 1_000
"""How many of the newest dead letters of a partition are looked at."""
LOOK_EVERY_S: Final = 0.5
_SHOWN_BYTES: Final = 200

_EXAMPLE: Final[Object] = {
    "type": "track",
    "event": "Product Viewed",
    "userId": "u-42",
    "context": {"page": {"url": "https://shop.example/p/7", "title": "Monopoly"}},
    "properties": {
        "product_id": "7",
        "name": "Monopoly",
        "price": "€ 18,99",
        "brand": "Hasbro",
        "colour": "red",
    },
}


class _Known(NamedTuple):
    sample: Sample
    told: Object
    """What becomes of the event, as `translate --explain` says."""


class Topic:
    """Writes events, and tells the page what became of those that Seg never sees.

    *told* says what becomes of a Segment call in JSON, and why.
    """

    example = orjson.dumps(_EXAMPLE, option=orjson.OPT_INDENT_2).decode()

    def __init__(
        self,
        settings: Settings,
        told: Callable[[bytes], Object],
        tell: Callable[[Happening, int], None],
    ) -> None:
        """*tell* shows a happening of so many bytes on the page."""
        self._settings = settings
        self._told = told
        self._tell = tell
        self._producer = TopicProducer(settings.kafka, settings.kafka.topics[0])
        self._numbers = count()
        self._sends = count(1)
        self._by_id: dict[str, _Known] = {}
        self._by_number: dict[int, Sample] = {}
        self._told_letters: dict[Partition, int] = {}

    def put(self, sample: Sample) -> None:
        """Write the record of *sample*."""
        number = next(self._numbers)
        self._by_number[number] = sample
        self._by_number.pop(number - KEEP, None)
        if sample.call is not None and sample.message_id is not None:
            self._remember(sample, sample.message_id, sample.call)
        elif sample.record.value is None:
            self._tell(Happening(Fate.IGNORED, None, "tombstone: the record has no value"), 0)
        headers: Headers = [(INDEX_HEADER, str(number).encode())]
        self._producer.put(sample.record._replace(headers=headers))

    def _remember(self, sample: Sample, message_id: str, call: Object) -> None:
        told = self._told(orjson.dumps(call))
        self._by_id[message_id] = _Known(sample, told)
        if len(self._by_id) > KEEP:
            del self._by_id[next(iter(self._by_id))]
        if "ignored" in told:
            why = f"{told['ignored']}: {told['why']}"
            self._tell(Happening(Fate.IGNORED, call, why), len(sample.record.value or b""))

    def send(self, text: str) -> int:
        """Write the Segment events in *text*: one, a list, or one a line; return how many.

        Raises:
            ConsumerError: a line is no Segment call, or there is none; nothing was written.
        """
        rejected: list[Rejected] = []
        prefix = f"page-{next(self._sends)}"
        chosen = samples(enumerate(_lines(text), 1), rejected, prefix)
        if rejected:
            raise ConsumerError(f"event {rejected[0].number}: {rejected[0].error.detail}")
        if not chosen:
            raise ConsumerError("expected a Segment call as JSON, got nothing")
        for sample in chosen:
            self.put(sample)
        return len(chosen)

    def event(self, message_id: str) -> Object | None:
        """Return the event with *message_id* and what made which key; None where it is unknown."""
        known = self._by_id.get(message_id)
        return None if known is None else {"event": known.sample.call, **known.told}

    def key(self, message_id: str) -> str | None:
        """Return the Kafka record's key of the event with *message_id*, None where it has none."""
        known = self._by_id.get(message_id)
        key = None if known is None else known.sample.record.key
        return None if key is None else key.decode("utf-8", "replace")

    def watch(self, tally: Tally, stopped: threading.Event) -> None:
        """Tell of dead letters as *tally* counts them, until *stopped*; on a thread of its own."""
        counted = 0.0
        while not stopped.wait(LOOK_EVERY_S):
            now = sum(tally.records_dead_lettered.values())
            if now != counted:
                counted = now
                self._look()

    def _look(self) -> None:
        topic = topic_of(self._settings.dead_letter, self._settings.kafka.topics[0])
        for record in read_topic(self._settings.kafka, topic, LETTERS):
            if record.offset > self._told_letters.get(record.partition, -1):
                self._told_letters[record.partition] = record.offset
                headers = {name: (value or b"").decode() for name, value in record.headers or []}
                self._tell(self._letter(headers, record.value or b""), len(record.value or b""))

    def _letter(self, headers: dict[str, str], value: bytes) -> Happening:
        sample = self._by_number.get(int(headers[INDEX_HEADER]))
        call = None if sample is None else sample.call
        return Happening(
            Fate.DEAD_LETTER,
            call,
            f"{headers[PREFIX + 'reason']}: {headers[PREFIX + 'detail']}",
            status=int(headers[PREFIX + "status"]) if PREFIX + "status" in headers else None,
            text=None if call is not None else _shown(sample, value),
        )

    def close(self) -> None:
        """Wait until every record is written."""
        self._producer.close()


def _lines(text: str) -> list[bytes]:
    """Return each event in *text* on a line of its own."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [line for line in text.encode("utf-8", "replace").splitlines() if line.strip()]
    return [orjson.dumps(call) for call in (content if isinstance(content, list) else [content])]


def _shown(sample: Sample | None, value: bytes) -> str:
    """Return the beginning of a record that holds no event: hex, and what it is called."""
    about = "a record" if sample is None else sample.about
    rest = f" and {len(value) - _SHOWN_BYTES:,} bytes" if len(value) > _SHOWN_BYTES else ""
    return f"{about}: {value[:_SHOWN_BYTES].hex(' ')}{rest}"
