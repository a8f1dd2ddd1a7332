"""How a member leaves its group before librdkafka ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from consumer.settings import KafkaSettings

GOODBYE_POLLS = 100
GOODBYE_POLL_S = 0.01
"""So often and so long is waited for the goodbye to go out: a second, where no coordinator is."""


def leave(consumer: Consumer, settings: KafkaSettings) -> None:
    """Hear what the group still says, and say goodbye to it.

    Later librdkafka would wait for ever in the answer to an assignment (its issue 4884). By the
    classic protocol its own end says no goodbye where a cooperative member owns nothing, nor where
    it comes before what `unsubscribe` began is done; the group then waits until the session ends.
    A static member says none: its partitions wait for it.

    Raises:
        KafkaException: the group has thrown the member out for good.
    """
    consumer.poll(0)
    if settings.group_instance_id is not None or settings.group_protocol != "classic":
        return
    consumer.unsubscribe()
    for _ in range(GOODBYE_POLLS):
        if not consumer.memberid():
            return
        consumer.poll(GOODBYE_POLL_S)
