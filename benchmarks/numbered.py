"""Events whose calls are numbered for each user, so that the sink sees loss, disorder and doubles.

The mix is that of `load`, without what goes nowhere. Each is one of a thousand that were encoded
once, with the user and the messageId put in: ten million are written in minutes, in no memory.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import cycle, islice
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from benchmarks.load import SCHEMA_IDS, calls
from benchmarks.stage import Config, Topic, kafka_settings
from consumer.avro.encoder import Encoder
from consumer.avro.schemas import CANONICAL
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object

TEMPLATES: Final = 1_000
USER: Final = "u-%07d"
MESSAGE: Final = "m-%07d-%09d-%019d"
USER_PLACE: Final = "u-#######"
MESSAGE_PLACE: Final = "m-#######-#########-###################"
"""As long as what is put in their places: Avro says lengths beforehand."""
TICK_S: Final = 0.005
SQUEEZED: Final[Config] = {"compression.type": "lz4", "linger.ms": 50}
"""As who writes millions does."""


class Numbered:
    """The calls of so many *users*; a share *hot* of all is user 0's, the others take turns."""

    def __init__(self, users: int, hot: float = 0.0) -> None:
        self.users = users
        self.written = 0
        self._numbers = [0] * users
        self._records = self._make(hot)

    def write(self, topic: Topic, events: int) -> None:
        """Write so many more, and wait until the brokers have them."""
        squeezed = topic._replace(config=topic.config | SQUEEZED)
        producer = TopicProducer(kafka_settings(squeezed), topic.name)
        for record in islice(self._records, events):
            producer.put(record)
        producer.close()
        self.written += events

    @contextmanager
    def stream(self, topic: Topic, rate: float) -> Iterator[None]:
        """Write *rate* a second meanwhile; at the end wait until the brokers have them."""
        enough, start_s = Event(), time.monotonic()
        producer = TopicProducer(kafka_settings(topic), topic.name)

        def write() -> None:
            while not enough.wait(TICK_S):
                due = int((time.monotonic() - start_s) * rate)
                while self.written < before + due:
                    producer.put(next(self._records))
                    self.written += 1

        before, writer = self.written, Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            enough.set()
            writer.join()
            producer.close()

    def of(self, user: int) -> int:
        """Return how many calls *user* has."""
        return self._numbers[user]

    def _make(self, hot: float) -> Iterator[Outgoing]:
        random, templates = Random(7), cycle(_templates())  # noqa: S311 - seeded
        while True:
            for user in range(1 if hot else 0, self.users):
                while random.random() < hot:
                    yield self._of(0, next(templates))
                yield self._of(user, next(templates))

    def _of(self, user: int, template: bytes) -> Outgoing:
        self._numbers[user] += 1
        key = (USER % user).encode()
        message = MESSAGE % (user, self._numbers[user], time.monotonic_ns())
        value = template.replace(MESSAGE_PLACE.encode(), message.encode(), 1)
        return Outgoing(key, value.replace(USER_PLACE.encode(), key, 1))


def _templates() -> list[bytes]:
    encode = Encoder(SCHEMA_IDS[CANONICAL])
    made = islice(calls(Random(7), unmapped=0.0), TEMPLATES)  # noqa: S311 - seeded
    places: Object = {"userId": USER_PLACE, "messageId": MESSAGE_PLACE}
    return [encode(call | places) for _, call in made]
