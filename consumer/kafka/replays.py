"""Which dead letters were sent again: so that a second replay does not repeat the first.

The offsets of those letters are committed for a group of their own, `<group>.replay`, in the form
in which the consumer commits finished records (`core.checkpoint`). The topic itself is not touched.
A broker forgets a group without members after `offsets.retention.minutes`, a week by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.core.checkpoint import UnreadableError, decode
from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.kafka.config import client_config, make
from consumer.kafka.problems import code_of
from consumer.kafka.records import offsets_of
from consumer.kafka.retry import ask_again

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.model import Partition, Record
    from consumer.kafka.config import Config
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S = 30.0


class Replays:
    """The letters that were sent again; `close` stores those that were added."""

    def __init__(self, settings: KafkaSettings) -> None:
        own: Config = {"group.id": f"{settings.group_id}.replay", "enable.auto.commit": False}
        self._group = f"{settings.group_id}.replay"
        self._consumer = make(Consumer, client_config(settings) | dict(settings.config) | own)
        self._sent: dict[Partition, set[int]] = {}
        self._low: dict[Partition, int] = {}
        """All below was sent again, or is no longer in the log."""

    def has(self, letter: Record) -> bool:
        """Tell whether *letter*, a record of a dead-letter topic, was sent again.

        Raises:
            StartError: the group cannot be asked.
        """
        partition = letter.partition
        if partition not in self._sent:
            self._load(partition)
        return letter.offset < self._low[partition] or letter.offset in self._sent[partition]

    def add(self, letter: Record) -> None:
        """Note that *letter* was sent again."""
        if not self.has(letter):
            self._sent[letter.partition].add(letter.offset)

    def close(self) -> None:
        """Commit what was added, and free the client.

        Raises:
            StartError: the brokers refuse.
        """
        checkpoints = {p: it for p, sent in self._sent.items() if (it := self._checkpoint(p, sent))}
        try:
            if checkpoints:
                self._commit(checkpoints)
        finally:
            self._consumer.close()

    def _load(self, partition: Partition) -> None:
        place = TopicPartition(partition.topic, partition.number)
        try:
            committed = ask_again(
                lambda: self._consumer.committed([place], timeout=ASK_TIMEOUT_S)[0]
            )
            low, _ = ask_again(
                lambda: self._consumer.get_watermark_offsets(place, timeout=ASK_TIMEOUT_S)
            )
        except KafkaException as error:
            raise self._refused(error) from error
        known = Checkpoint(low, low, ())
        if committed.offset >= 0:
            try:
                known = decode(committed.offset, committed.metadata)
            except UnreadableError:
                known = Checkpoint(committed.offset, committed.offset, ())
        left_out = set(known.unfinished)
        self._low[partition] = max(low, known.position)
        self._sent[partition] = {
            offset for offset in range(known.position, known.horizon) if offset not in left_out
        }

    def _checkpoint(self, partition: Partition, sent: set[int]) -> Checkpoint | None:
        """Return what to commit; None where nothing was ever sent."""
        position = self._low[partition]
        while position in sent:
            position += 1
        above = [offset for offset in sent if offset > position]
        if not above and position == self._low[partition]:
            return None
        horizon = max(above, default=position - 1) + 1
        unfinished = tuple(it for it in range(position, horizon) if it not in sent)
        return Checkpoint(position, horizon, unfinished)

    def _commit(self, checkpoints: Mapping[Partition, Checkpoint]) -> None:
        places = offsets_of(checkpoints)
        try:
            ask_again(lambda: self._consumer.commit(offsets=places, asynchronous=False))
        except KafkaException as error:
            raise self._refused(error) from error

    def _refused(self, error: KafkaException) -> StartError:
        return StartError(
            f"the group {self._group}, which remembers what was sent again, cannot be used: "
            f"{code_of(error)}. Grant the principal READ on it"
        )
