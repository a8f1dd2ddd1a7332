"""What is written: the calls of each user are numbered without a gap, so loss and order show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.avro.encoder import Encoder
from consumer.core.errors import DeadLetterReason
from consumer.kafka.produce import Outgoing, TopicProducer

if TYPE_CHECKING:
    from random import Random

    from consumer.core.model import Object
    from consumer.settings import KafkaSettings

USERS = 2_000
IGNORED, POISON = 0.05, 0.002
"""The share of records that Seg never sees; poison stays far below a storm."""
POISON_REASON = DeadLetterReason.UNKNOWN_FRAMING


class Traffic:
    """Writes records and knows what must arrive."""

    def __init__(self, settings: KafkaSettings, topic: str, random: Random) -> None:
        self._producer = TopicProducer(settings, topic)
        self._encode = Encoder()
        self._random = random
        self.deliverable = 0
        """How many calls must arrive."""
        self.poison = 0
        """How many dead letters there must be."""
        self._numbers = [0] * USERS

    @property
    def written(self) -> int:
        """How many records the brokers have acknowledged: every copy in sync has them."""
        return self._producer.acknowledged

    def write(self, records: int) -> None:
        """Write *records* more."""
        for _ in range(records):
            user = self._random.randrange(USERS)
            self._producer.put(Outgoing(f"u-{user}".encode(), self._value(user)))

    def close(self) -> None:
        """Wait until the brokers have acknowledged everything.

        Raises:
            StartError: they refused a record, or did not answer in time.
        """
        self._producer.close()

    def _value(self, user: int) -> bytes:
        dice = self._random.random()
        call: Object = {"type": "track", "userId": f"u-{user}"}
        if dice < IGNORED:
            return self._encode(call | {"event": "Signed Up"})
        if dice < IGNORED + POISON:
            self.poison += 1
            return b"no Avro"
        self.deliverable += 1
        self._numbers[user] += 1
        call |= {"messageId": f"{user}-{self._numbers[user]}"}
        call |= {"timestamp": "2026-11-23T10:00:00.000Z"}
        properties: Object = {"id": "507f", "price": 18.99, "categories": ["Games"]}
        return self._encode(call | {"event": "Viewed Product", "properties": properties})
