"""Whether a topic is still the one that offsets were committed for.

A topic that is deleted and made again has the same name and offsets that begin anew: an offset of
the old log is none of the new one, and may well be in it. Kafka gives each topic an id (KIP-516).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from consumer.kafka.config import admin_config, make

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import TopicDescription

    from consumer.core.timing import Clock
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S = 5.0
LOOK_S = 5.0
"""How often the ids are looked at; what is read of a new log until then is read again."""


class TopicIds:
    """Asks the brokers, by a client of its own."""

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        self._clock = clock
        self._admin = make(AdminClient, admin_config(settings))
        self._asked: Mapping[str, Future[TopicDescription]] = {}
        self._look_at_s = clock.monotonic_s() + LOOK_S
        self.set_credentials = self._admin.set_sasl_credentials

    def of(self, topics: Iterable[str]) -> dict[str, str]:
        """Return the ids of *topics*, within `ASK_TIMEOUT_S`; one that is not told is left out."""
        return _answers(self._ask(topics))

    def look(self, topics: Iterable[str]) -> dict[str, str]:
        """Return, every `LOOK_S` and without waiting, the ids that *topics* have now."""
        if self._asked:
            if not all(future.done() for future in self._asked.values()):
                return {}
            asked, self._asked = self._asked, {}
            return _answers(asked)
        now_s = self._clock.monotonic_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._asked = self._ask(topics)
        return {}

    def _ask(self, topics: Iterable[str]) -> Mapping[str, Future[TopicDescription]]:
        names = sorted(set(topics))
        if not names:
            return {}
        return self._admin.describe_topics(TopicCollection(names), request_timeout=ASK_TIMEOUT_S)


def _answers(asked: Mapping[str, Future[TopicDescription]]) -> dict[str, str]:
    ids: dict[str, str] = {}
    for name, future in asked.items():
        try:
            ids[name] = str(future.result(ASK_TIMEOUT_S).topic_id)
        except (KafkaException, TimeoutError):
            continue  # it is being deleted, or nobody may tell: the next look will
    return ids
