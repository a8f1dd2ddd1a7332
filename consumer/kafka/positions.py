"""Where reading starts: at the committed offset, or where the operator says; never by a jump.

librdkafka has one setting, `auto.offset.reset`, for a group without a committed offset and for
an offset that is no longer in the log. The first is a beginning and the second a loss, so they
are two settings here, and librdkafka's own is always `error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.checkpoint import UnreadableError, decode
from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition
from consumer.kafka.problems import code_of
from consumer.kafka.records import place_of
from consumer.kafka.retry import ask_again

if TYPE_CHECKING:
    from collections.abc import Collection

    from structlog.typing import FilteringBoundLogger

    from consumer.kafka.pauses import Key
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S = 30.0
"""How long the broker may take to tell the committed offsets, or where a partition ends."""

_IN_A_REBALANCE = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
    }
)


class Positions:
    """Asks the group and the log where partitions start."""

    def __init__(
        self, consumer: Consumer, settings: KafkaSettings, log: FilteringBoundLogger
    ) -> None:
        self._consumer = consumer
        self._settings = settings
        self._log = log
        self._unpinned: dict[Key, TopicPartition] = {}

    def of(self, places: list[TopicPartition]) -> dict[Partition, Checkpoint | None]:
        """Return what the group has committed of each partition; None where it has nothing.

        Raises:
            StartError: the broker does not tell.
        """
        if not places:
            return {}
        try:
            committed = ask_again(lambda: self._committed(places))
        except KafkaException as error:
            raise StartError(
                "Kafka did not tell the committed offsets of the group "
                f"{self._settings.group_id} within {ASK_TIMEOUT_S:.0f} s: {code_of(error)}"
            ) from error
        return {Partition(p.topic, p.partition): self._checkpoint(p) for p in committed}

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        committed = self._consumer.committed(places, timeout=ASK_TIMEOUT_S)
        for place in committed:
            if place.error is not None:  # that is not an absent offset
                raise KafkaException(place.error)
        return committed

    def first(self, partition: Partition, checkpoint: Checkpoint | None) -> int:
        """Return the offset to read first, librdkafka's own word for the beginning included.

        A beginning at the end is committed before anything is read: see `pin`. So a partition
        without records has a committed offset by either choice, and what expired is no lag.

        Raises:
            StartError: nothing is committed and the operator wants to be asked.
        """
        if checkpoint is not None:
            return checkpoint.position
        choice = self._settings.auto_offset_reset
        if choice == "error":
            raise StartError(
                f"{partition.topic}/{partition.number}: the group {self._settings.group_id} has "
                "committed no offset. Set SEG_KAFKA__AUTO_OFFSET_RESET to earliest or latest to "
                "say where it starts, or commit an offset by hand."
            )
        start, end = self._watermarks(partition)
        if choice == "earliest" and start < end:
            return int(OFFSET_BEGINNING)
        self._unpinned[partition] = place_of(partition, end)
        self.pin()
        return end

    @property
    def unpinned(self) -> list[Key]:
        """The partitions whose beginning is not committed yet: nothing of them may be read."""
        return list(self._unpinned)

    def pin(self) -> bool:
        """Commit the ends that a new group begins at; tell whether there are some and it has them.

        After a crash before the first record the end would be another one, and what came between
        lost. In the middle of a rebalance the group takes no commit: then the next poll asks again.

        Raises:
            StartError: the group will not take it.
        """
        if not self._unpinned:
            return False
        places = list(self._unpinned.values())
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in _IN_A_REBALANCE:
                return False
            names = ", ".join(f"{place.topic}/{place.partition}" for place in places)
            raise StartError(
                f"{names}: the end, where the group begins, could not be committed: "
                f"{code_of(error)}"
            ) from error
        self._unpinned = {}
        return True

    def gone(self, keys: Collection[Key]) -> None:
        """Leave the beginnings of *keys* to others."""
        for key in keys:
            self._unpinned.pop(key, None)

    def jump(self, partition: Partition, error: KafkaError) -> Checkpoint:
        """Return where to go on, the offset to go on from being gone.

        Raises:
            StartError: the operator wants to be asked, which is the default.
        """
        choice = self._settings.on_offset_out_of_range
        if choice == "error":
            raise StartError(
                f"{partition.topic}/{partition.number}: the offset to go on from is not in the log "
                f"({error.str()}). Records may have been deleted before they were read. Set "
                "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE to earliest or latest to go on from there, or "
                "set the group's offset by hand."
            )
        low, high = self._watermarks(partition)
        offset = low if choice == "earliest" else high
        self._log.warning("offset_out_of_range", partition=partition, went_on_at=choice)
        return Checkpoint(offset, offset, ())

    def restart(self, partition: Partition, offset: int, *, cooperative: bool) -> None:
        """Read *partition* from *offset* on: librdkafka has stopped, and so cannot seek."""
        place = place_of(partition, offset)
        if cooperative:
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([place])
            return
        # An eager group is assigned as a whole: the others go on where they are.
        places = {(it.topic, it.partition): it for it in self._consumer.assignment()}
        for read in self._consumer.position(list(places.values())):
            if read.offset >= 0:
                places[read.topic, read.partition] = read
        self._consumer.assign(list((places | {(place.topic, place.partition): place}).values()))

    def _watermarks(self, partition: Partition) -> tuple[int, int]:
        place = TopicPartition(partition.topic, partition.number)
        try:
            return ask_again(
                lambda: self._consumer.get_watermark_offsets(place, timeout=ASK_TIMEOUT_S)
            )
        except KafkaException as error:
            raise StartError(
                f"{partition.topic}/{partition.number}: Kafka did not tell where it begins and ends"
                f": {code_of(error)}"
            ) from error

    def _checkpoint(self, place: TopicPartition) -> Checkpoint | None:
        if place.offset < 0:
            return None
        try:
            return decode(place.offset, place.metadata)
        except UnreadableError as error:
            self._log.warning("commit_metadata_unreadable", reason=str(error))
            return Checkpoint(place.offset, place.offset, ())
