"""Which tenures this member owns, and who is told when one begins and ends.

A tenure begins on assign, and anew where the log became another one; it ends on revoke or loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from consumer.core.model import Pause
from consumer.kafka.positions import beginning
from consumer.kafka.records import place_of

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message

    from consumer.core.model import Tenure
    from consumer.core.ports import Listener
    from consumer.kafka.pauses import Pauses
    from consumer.kafka.positions import Positions
    from consumer.kafka.topic_ids import TopicIds


class Ownership:
    """The owned tenures, by topic and partition as librdkafka's messages tell both."""

    def __init__(
        self, positions: Positions, pauses: Pauses, topic_ids: TopicIds, *, cooperative: bool
    ) -> None:
        self.tenures: dict[tuple[str | None, int | None], Tenure] = {}
        self.listener: Listener | None = None
        self.closing = False
        """True once the member leaves: it takes nothing more."""
        self._positions = positions
        self._pauses = pauses
        self._topic_ids = topic_ids
        self._cooperative = cooperative

    def on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Begin a tenure for each of *places* and read it from its checkpoint."""
        if self.closing:
            return  # the coordinator answers no question of a member that leaves
        tenures = self._positions.tenures(places)
        starts = [place_of(it.partition, _first_offset(it)) for it in tenures]
        if self._cooperative:
            consumer.incremental_assign(starts)
        else:
            consumer.assign(starts)
        self._own(tenures)
        self.pin()

    def on_revoke(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        """Give *places* back, after the listener has had its time with them."""
        tenures = self._at(places)
        self.told().revoked(tenures)
        self._disown(tenures)

    def on_lost(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        """Forget *places*: they are another member's by now."""
        self._lose(self._at(places))

    def pin(self) -> None:
        """Read what has no beginning yet, once the group has it committed."""
        if waiting := [it for it in self.tenures.values() if Pause.NO_BEGINNING in it.pauses]:
            self._pauses.remove(self._positions.pin(waiting), Pause.NO_BEGINNING)

    def look_at_logs(self) -> None:
        """Go on where the operator says in a topic that was deleted and made again meanwhile.

        Raises:
            StartError: the operator wants to be asked, which is the default.
        """
        ids = self._topic_ids.look(it.partition.topic for it in self.tenures.values())
        for tenure in [it for it in self.tenures.values() if it.partition.topic in ids]:
            log_id = ids[tenure.partition.topic]
            if tenure.log_id is None:
                tenure.log_id = log_id
            elif tenure.log_id != log_id:
                self._lose([tenure])  # first: a commit would count in the new log
                anew = self._positions.begin_anew(tenure.partition, log_id)
                start = anew.ledger.next_offset or 0
                self._positions.restart(tenure.partition, start, cooperative=self._cooperative)
                self._own([anew])

    def out_of_range(self, message: Message, error: KafkaError) -> None:
        """Go on where the operator says: the offset of *message* is not in the log.

        A later place is just a gap, and what is in flight stays ours. An earlier place means that
        the log is another one, whose offsets begin anew.

        Raises:
            StartError: the operator wants to be asked, which is the default.
        """
        tenure = self.tenures.get((message.topic(), message.partition()))
        offset = message.offset()
        if tenure is None or offset is None:
            return
        partition = tenure.partition
        go_on_at = self._positions.jump(partition, error.str())
        self._positions.restart(partition, go_on_at, cooperative=self._cooperative)
        if go_on_at < offset:
            anew = beginning(partition, go_on_at)
            anew.log_id = self._topic_ids.of([partition.topic]).get(partition.topic)
            self._lose([tenure])
            self._own([anew])
            self.pin()

    def told(self) -> Listener:
        """Return who is told of the assignment."""
        if self.listener is None:
            raise RuntimeError("subscribe comes before the first poll")
        return self.listener

    def _own(self, tenures: list[Tenure]) -> None:
        self.tenures |= {tenure.partition: tenure for tenure in tenures}
        self._pauses.begin(tenures)
        self.told().assigned(tenures)

    def _disown(self, tenures: list[Tenure]) -> None:
        for tenure in tenures:
            del self.tenures[tenure.partition]

    def _lose(self, tenures: list[Tenure]) -> None:
        self._disown(tenures)
        self.told().lost(tenures)

    def _at(self, places: list[TopicPartition]) -> list[Tenure]:
        found = (self.tenures.get((place.topic, place.partition)) for place in places)
        return [tenure for tenure in found if tenure is not None]


def _first_offset(tenure: Tenure) -> int:
    """Return where to read first, librdkafka's own word for the beginning included."""
    offset = tenure.ledger.next_offset
    return int(OFFSET_BEGINNING) if offset is None else offset
