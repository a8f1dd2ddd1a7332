"""A day of the real pipeline on a fake clock: nothing stays that nobody needs any more."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Final

from consumer.avro.decoder import Decoder
from consumer.avro.encoder import Encoder
from consumer.avro.schemas import CANONICAL, folder
from consumer.core.errors import UnavailableError
from consumer.core.model import Partition
from consumer.observe.exposition import Metrics
from consumer.program import gauges
from tests.avro.samples import Registered
from tests.fakes import a_record, an_answer
from tests.member import Member

if TYPE_CHECKING:
    from consumer.core.model import Event, Headers, Object
    from consumer.seg.answers import Answer

HOURS: Final = 24
HOUR_S: Final = 3_600
TURN_S: Final = 3.0
WRITTEN_UNTIL: Final = 55
"""Minutes; the rest of the hour is there to finish what is left."""
PARTITIONS: Final = tuple(Partition("events", number) for number in range(12))
SCHEMA_EVERY_H: Final = 6
EARLY, LATE = slice(9, 15), slice(18, 24)
"""The hours that are compared, by the most of each: names and times are remembered up to a number
that is reached by then, and the plans for lists of names are all forgotten every few hours."""
GROWTH_MAX: Final = 2_000
"""Blocks of memory; most of it are two schemas. One block for each call would be 4,500."""


class Day(Member):
    """A member with the real decoder, in whose hours everything goes wrong for a while."""

    def __init__(self) -> None:
        super().__init__(None, *PARTITIONS)
        self.registry = Registered({})
        self.decoder = Decoder(registry=self.registry, writer_schema=None, schemas=folder())
        self.metrics = Metrics(self.clock)
        self.seg.seg = self._answer
        self.hour = self.minute = self.written = 0
        self._encode = Encoder(0)
        self._ends = dict.fromkeys(PARTITIONS, 0)

    def live(self) -> int:
        """Live an hour; return how many blocks of memory are in use when all is done."""
        self.hour += 1
        end_s = self.hour * HOUR_S
        while self.clock.now_s < end_s:
            minute = int(self.clock.now_s % HOUR_S) // 60
            if minute != self.minute:
                self.minute = minute
                self._begin_minute()
            if minute < WRITTEN_UNTIL:
                self._write()
            self.turn(every_s=TURN_S)
        assert len(self.metrics.exposition()) > 0
        assert self.tally.records_in_flight == 0, "something was never finished"
        self._forget()
        gc.collect()
        return sys.getallocatedblocks()

    def _begin_minute(self) -> None:
        self._forget()
        minute, source, half = self.minute, self.source, PARTITIONS[self.hour % 2 :: 2]
        extents = source.extents()
        gauges.refresh_lag(self.tally, self.assignment.tenures, extents, self.clock.wall_s() * 1000)
        self.metrics.publish(self.tally)
        if minute == 1 and self.hour % SCHEMA_EVERY_H == 1:
            self.registry.schemas[self.hour] = ((folder() / CANONICAL).read_text(),)
            self._encode = Encoder(self.hour)
        self.registry.failure = (
            UnavailableError("schema_registry", "it is away") if minute == 1 else None
        )
        self.letters.away = minute in {20, 21}
        source.refusal = "REBALANCE_IN_PROGRESS" if minute == 30 else None
        if minute % 10 == 5:
            source.revoke(*half)
        elif minute == 42:
            source.lose(*half)
        elif minute % 10 == 6 or minute == 43:
            source.assign(*half)

    def _write(self) -> None:
        """Write the call of somebody new, with a property and an event that nobody has seen."""
        number, partition = self.written, PARTITIONS[self.written % len(PARTITIONS)]
        call: Object = {"type": "track", "event": "Viewed Product", "userId": f"u-{number}"}
        call |= {"messageId": f"m-{number}", "properties": {"id": "507f", f"p-{number // 4}": 1}}
        if number % 2:
            call["event"] = f"Signed Up {number}"
        if number % 50 == 2:
            call["messageId"] = f"refused-{number}"
        value = b"no Avro" if number % 50 == 4 else self._encode(call)
        now_ms = int(self.clock.wall_s() * 1000)
        offset, key = self._ends[partition], f"u-{number}".encode()
        self.source.append(
            a_record(offset, partition=partition, key=key, value=value, timestamp_ms=now_ms)
        )
        self._ends[partition] += 1
        self.written += 1

    def _answer(self, body: bytes) -> Answer | None:
        if self.minute in {10, 11, 12}:
            return an_answer(503)
        if self.minute == 13:
            return an_answer(None, "no answer in time")
        if self.minute == 15 and self.written % 3:
            return an_answer(429, retry_after_s=1.0)
        return an_answer(400 if b"refused-" in body else 200)

    def _forget(self) -> None:
        """Let the stand-ins keep no more than the real outside does here."""
        self.seg.requests.clear()
        self.letters.topic.clear()
        for partition, (position, _) in self.source.stored.items():
            log = self.source.log.get(partition, [])
            log[:] = [record for record in log if record.offset >= position]

    def _decode(self, value: bytes, headers: Headers | None, *, exactly: bool = False) -> Event:
        return self.decoder(value, headers, exactly=exactly)


def test_a_day_leaves_nothing_behind() -> None:
    """The evening takes no more memory than the morning, but for the schemas met since.

    Meanwhile each key is a new one, most names have never been seen, and partitions, Seg, the
    registry, the group and the dead-letter topic go away and come back.
    """
    day = Day()

    blocks = [day.live() for _ in range(HOURS)]

    assert max(blocks[LATE]) - max(blocks[EARLY]) <= GROWTH_MAX, blocks
