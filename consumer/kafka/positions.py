"""Where reading starts: at the committed offset, or where the operator says; never by a jump.

librdkafka has one setting, `auto.offset.reset`, for a group without a committed offset and for
an offset that is no longer in the log. The first is a beginning and the second a loss, so they
are two settings here, and librdkafka's own is always `error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.checkpoint import UnreadableError, decode, log_of
from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.core.model import Partition, Pause, Tenure
from consumer.kafka.commits import as_commit
from consumer.kafka.problems import code_of
from consumer.kafka.records import place_of
from consumer.kafka.retry import ask_again

if TYPE_CHECKING:
    from collections.abc import Collection

    from structlog.typing import FilteringBoundLogger

    from consumer.kafka.topic_ids import TopicIds
    from consumer.settings import KafkaSettings

ASK_TIMEOUT_S = 30.0
"""How long the broker may take to tell the committed offsets, or where a partition ends."""

_IN_A_REBALANCE = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
    }
)


class Positions:
    """Asks the group and the log where partitions start."""

    def __init__(
        self,
        consumer: Consumer,
        topic_ids: TopicIds,
        settings: KafkaSettings,
        log: FilteringBoundLogger,
    ) -> None:
        self._consumer = consumer
        self._topic_ids = topic_ids
        self._settings = settings
        self._log = log

    def tenures(self, places: list[TopicPartition]) -> list[Tenure]:
        """Return a tenure of each of *places*: it goes on where the group's last commit ends.

        Raises:
            StartError: the broker does not tell, or nothing is committed and the operator wants to
                be asked.
        """
        if not places:
            return []
        try:
            committed = ask_again(lambda: self._committed(places))
        except KafkaException as error:
            raise StartError(
                "Kafka did not tell the committed offsets of the group "
                f"{self._settings.group_id} within {ASK_TIMEOUT_S:.0f} s: {code_of(error)}"
            ) from error
        ids = self._topic_ids.of(place.topic for place in places)
        return [self._tenure(place, ids.get(place.topic)) for place in committed]

    def _tenure(self, place: TopicPartition, log_id: str | None) -> Tenure:
        partition, committed = Partition(place.topic, place.partition), self._checkpoint(place)
        committed_for = log_of(place.metadata)
        if committed is not None and log_id and committed_for and committed_for != log_id:
            return self.begin_anew(partition, log_id)
        if committed is not None:
            tenure = Tenure(partition, committed)
        else:
            end = self._end_to_begin_at(partition)
            tenure = Tenure(partition) if end is None else beginning(partition, end)
        tenure.log_id = log_id
        return tenure

    def begin_anew(self, partition: Partition, log_id: str) -> Tenure:
        """Return a tenure of *partition*, whose topic was made anew: it is the log *log_id* now.

        Raises:
            StartError: the operator wants to be asked, which is the default.
        """
        why = "the topic was deleted and made again, and the offset is one of the old log"
        tenure = beginning(partition, self.jump(partition, why))
        tenure.log_id = log_id
        return tenure

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        committed = self._consumer.committed(places, timeout=ASK_TIMEOUT_S)
        for place in committed:
            if place.error is not None:  # that is not an absent offset
                raise KafkaException(place.error)
        return committed

    def _end_to_begin_at(self, partition: Partition) -> int | None:
        """Return the end of the log where a new group begins there; None: at its beginning.

        An end is committed before anything is read: see `pin`. So a partition without records has
        a committed offset by either choice, and what expired is no lag.
        """
        choice = self._settings.auto_offset_reset
        if choice == "error":
            raise StartError(
                f"{partition.topic}/{partition.number}: the group {self._settings.group_id} has "
                "committed no offset. Set SEG_KAFKA__AUTO_OFFSET_RESET to earliest or latest to "
                "say where it starts, or commit an offset by hand."
            )
        start, end = self._watermarks(partition)
        return None if choice == "earliest" and start < end else end

    def pin(self, tenures: Collection[Tenure]) -> list[Tenure]:
        """Commit where those of *tenures* begin that must not be read before; return them then.

        After a crash before the first record the end would have moved, and the records between be
        lost. During a rebalance the group takes no commit: the next poll tries again.

        Raises:
            StartError: the group will not take it.
        """
        found = ((tenure, tenure.ledger.checkpoint()) for tenure in tenures)
        beginnings = {tenure: it for tenure, it in found if it is not None}
        if not beginnings:
            return []
        try:
            self._consumer.commit(offsets=as_commit(beginnings), asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in _IN_A_REBALANCE:
                return []
            names = ", ".join(f"{it.partition.topic}/{it.partition.number}" for it in beginnings)
            raise StartError(
                f"{names}: the end, where the group begins, could not be committed: "
                f"{code_of(error)}"
            ) from error
        for tenure, checkpoint in beginnings.items():
            tenure.committed = checkpoint
        return list(beginnings)

    def jump(self, partition: Partition, why: str) -> int:
        """Return the offset to go on at; the committed one is not in the log.

        Raises:
            StartError: the operator wants to be asked, which is the default.
        """
        choice = self._settings.on_offset_out_of_range
        if choice == "error":
            raise StartError(
                f"{partition.topic}/{partition.number}: the offset to go on from is not in the log "
                f"({why}). Records may have been deleted before they were read. Set "
                "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE to earliest or latest to go on from there, or "
                "set the group's offset by hand."
            )
        low, high = self._watermarks(partition)
        offset = low if choice == "earliest" else high
        self._log.warning("offset_out_of_range", partition=partition, went_on_at=choice)
        return offset

    def restart(self, partition: Partition, offset: int, *, cooperative: bool) -> None:
        """Read *partition* from *offset* on: librdkafka has stopped reading it and cannot seek."""
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


def beginning(partition: Partition, offset: int) -> Tenure:
    """Return a tenure that begins at *offset*, and reads nothing until the group has it."""
    tenure = Tenure(partition, Checkpoint(offset, offset, ()))
    tenure.committed = None
    tenure.pauses.add(Pause.NO_BEGINNING)
    return tenure
