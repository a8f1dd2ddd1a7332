"""What becomes of a record, and what the loop does while something is away.

One behaviour each, on the real pipeline between fakes. That all of it holds together, in every
order of events, is what `tests/model` proves.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.core.model import Partition
from consumer.flow.backpressure import Bounds
from consumer.flow.intake import LOOK_AHEAD, TAKE_IN_S
from consumer.flow.letters import PENDING_MAX_BYTES
from consumer.flow.pipeline import BUSY_WAIT_S, TURN_RECORDS
from consumer.flow.settings_guard import KEPT, KEPT_BYTES
from consumer.seg.breaker import BreakerState
from consumer.seg.outbox import Batching
from consumer.seg.rate import Rate
from consumer.seg.trial import Usual
from tests.fakes import P0, P1, a_record, an_answer, take_all
from tests.member import POISON, PROBE_S, UNSET, Member, Setup, group, ids_in, page

if TYPE_CHECKING:
    from consumer.core.model import Record, SegCall
    from consumer.seg.answers import Answer


TURNS = [
    (8, None, TURN_RECORDS),
    (200, None, 100),
    (8, Batching(50, 500_000, 0.05), 200),
    (5_000, None, 500),
]
"""Requests at once, batches, and how many records a turn takes in."""


def silent(_body: bytes) -> Answer | None:
    """Be a Seg that has not answered yet."""
    return None


def test_call_that_seg_took_is_delivered_and_committed() -> None:
    """The way of nearly every record."""
    member = Member()
    member.source.append(a_record(0, value=page(0)))

    member.turn(30, every_s=0.1)

    assert [["m0"]] == member.sent
    assert {("page",): 1} == member.tally.calls_delivered
    assert member.committed == 1


def test_nothing_is_committed_before_seg_has_answered() -> None:
    """Sent is not taken."""
    member = Member()
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))

    member.turn(30, every_s=0.1)

    assert [["m0"]] == member.sent
    assert member.committed in {None, 0}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, IgnoredReason.TOMBSTONE), (group(), IgnoredReason.UNSUPPORTED_TYPE)],
)
def test_record_with_nothing_to_do_is_finished_unsent(
    value: bytes | None, reason: IgnoredReason
) -> None:
    """A tombstone, or a call that Seg has no word for: ignored under its name."""
    member = Member()
    member.source.append(a_record(0, value=value))

    member.turn(30, every_s=0.1)

    assert [] == member.sent
    assert member.ignored == {reason: 1}
    assert member.committed == 1


def test_value_that_cannot_be_read_is_counted_by_its_key() -> None:
    """The call arrives without it."""
    member = Member()
    call = {"type": "page", "messageId": "m0", "timestamp": "NOW", "userId": [1], "context": "x"}
    member.source.append(a_record(0, value=orjson.dumps(call)))

    member.turn(30, every_s=0.1)

    assert [["m0"]] == member.sent
    assert member.tally.values_left_out == {("timestamp",): 1, ("userId",): 1, ("context",): 1}


def test_number_that_was_rounded_is_read_again() -> None:
    """A long integer in JSON text arrives by its digits."""
    member = Member()
    value = page(0, title="T").replace(b'"T"', b"18446744073709551617")
    member.source.append(a_record(0, value=value))

    member.turn(30, every_s=0.1)

    (request,) = member.seg.requests
    assert orjson.loads(request.body)["page"]["title"] == "18446744073709551617"


def test_type_that_seg_does_not_support_is_ignored() -> None:
    """A 501 is an acknowledgement, not a failure."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(501)
    member.source.append(a_record(0, value=page(0)))

    member.turn(30, every_s=0.1)

    assert member.ignored == {IgnoredReason.UNSUPPORTED_BY_SEG: 1}
    assert member.committed == 1


def test_poison_goes_to_the_dead_letter_topic_and_its_neighbours_to_seg() -> None:
    """A bad event harms only itself."""
    member = Member()
    member.source.append(
        a_record(0, value=page(0)), a_record(1, value=POISON), a_record(2, value=page(2))
    )

    member.turn(30, every_s=0.1)

    assert [["m0"], ["m2"]] == member.sent
    assert [DeadLetterReason.BAD_AVRO] == [letter.reason for letter in member.letters.topic]
    assert [POISON] == [letter.record.value for letter in member.letters.topic]
    assert member.committed == 3


def test_call_that_seg_rejects_goes_to_the_dead_letter_topic_with_its_status() -> None:
    """Seg's own words travel with it."""
    member = Member()

    def rejects_m1(body: bytes) -> Answer:
        return an_answer(400, "Seg answered 400: no") if ids_in(body) == ["m1"] else an_answer()

    member.seg.seg = rejects_m1
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(2)))

    member.turn(30, every_s=0.1)

    (letter,) = member.letters.topic
    assert letter.reason is DeadLetterReason.REJECTED_BY_SEG
    assert (letter.status, letter.detail, letter.attempts) == (400, "Seg answered 400: no", 1)


def test_dead_letter_that_is_not_stored_holds_the_commit() -> None:
    """Handed over is not stored."""
    member = Member()
    member.letters.away = True
    member.source.append(a_record(0, value=POISON))

    member.turn(50, every_s=0.1)

    assert member.committed in {None, 0}


def test_dead_letter_topic_that_is_away_stops_reading_until_it_is_back() -> None:
    """Backpressure, and nothing finished; what waited is finished afterwards."""
    member = Member(Setup(bounds=Bounds(records=10_000, window=10_000, lane=10_000), storm_limit=0))
    member.letters.away = True
    member.source.append(*(a_record(offset, value=POISON) for offset in range(2_000)))

    member.turn(50, every_s=0.1)

    assert member.pipeline.waits_for == "dead_letter_topic"
    assert P0 in member.source.paused
    assert member.committed in {None, 0}
    assert member.tally.records_received < 2_000

    member.letters.away = False
    member.turn(50, every_s=0.1)

    assert member.committed == 2_000


def test_registry_that_is_away_holds_records_and_keeps_the_order() -> None:
    """Nothing is at fault: no dead letter; and nobody overtakes when it is back."""
    member = Member()
    member.registry_away = True
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(3)))

    member.turn(50, every_s=0.1)

    assert member.pipeline.waits_for == "schema_registry"
    assert member.pipeline.detail == "it does not answer"
    assert [] == member.sent

    member.registry_away = False
    member.source.append(a_record(3, value=page(3)))
    member.turn(100, every_s=0.1)

    assert [["m0"], ["m1"], ["m2"], ["m3"]] == member.sent
    assert [] == member.letters.topic
    assert member.pipeline.waits_for != "schema_registry"


def test_record_that_waits_for_its_schema_holds_its_own_partition_only() -> None:
    """Others go on; nothing is away, so nobody is told that it is."""
    member = Member(None, P0, P1)
    member.looked_up.add(page(0))
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(2)))
    member.source.append(a_record(0, partition=P1, value=page(10)))

    member.turn(20, every_s=0.1)

    assert [["m10"]] == member.sent
    assert member.pipeline.waits_for is None

    member.looked_up.clear()
    member.turn(20, every_s=0.1)

    assert [["m10"], ["m0"], ["m1"]] == member.sent


def test_records_behind_one_that_waits_are_looked_ahead_at() -> None:
    """So that several schemas are looked up at once; tombstones need none."""
    member = Member()
    member.looked_up.add(page(0))
    values = [page(0), None, *(page(offset) for offset in range(2, 2 * LOOK_AHEAD))]
    member.source.append(*(a_record(offset, value=value) for offset, value in enumerate(values)))

    member.turn()

    assert member.expected == values[2 : 1 + LOOK_AHEAD]


def test_partition_that_waits_for_a_schema_leaves_room_for_others() -> None:
    """Of so many records it reads its share, and is read again when the schema is here."""
    member = Member(
        Setup(bounds=Bounds(records=40, window=1_000, lane=1_000), poll_max_records=5), P0, P1
    )
    member.looked_up.add(page(0))
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(100)))

    member.turn(30, every_s=0.1)

    assert P0 in member.source.paused
    assert member.tally.records_in_flight == 40 / (2 * 2)
    assert P1 not in member.source.paused

    member.looked_up.clear()
    member.turn(200, every_s=0.1)

    assert member.committed == 100


def test_turn_ends_in_time_whatever_decoding_takes() -> None:
    """What is left is for the next turns; they poll for the membership, and read hardly more."""
    member = Member(Setup(poll_max_records=20))
    member.decode_s = TAKE_IN_S / 2
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(50)))

    start_s = member.clock.now_s
    member.turn()
    assert member.clock.now_s - start_s <= 2 * TAKE_IN_S
    assert member.tally.records_received == 20

    polls = member.source.polls
    member.turn(3)
    assert member.source.polls == polls + 3
    assert member.tally.records_received == 20 + 3

    member.turn(200)
    assert [[f"m{offset}"] for offset in range(50)] == member.sent


@pytest.mark.parametrize(("requests", "batching", "taken_in"), TURNS)
def test_turn_takes_in_half_of_what_may_be_under_way(
    requests: int, batching: Batching | None, taken_in: int
) -> None:
    """What was read goes out soon; but a few each time, and no more than a poll may bring."""
    member = Member(Setup(requests=requests, batching=batching))
    member.source.append(*(a_record(it, value=page(it)) for it in range(1_000)))

    member.turn()

    assert member.tally.records_received == taken_in


def test_turn_takes_in_a_record_for_each_partition() -> None:
    """Each turn looks at every partition, and that must not cost more than the records do."""
    owned = [Partition("events", number) for number in range(TURN_RECORDS + 10)]
    member = Member(None, *owned)
    for partition in owned:
        member.source.append(*(a_record(it, partition=partition, value=page(it)) for it in (0, 1)))

    member.turn()

    assert member.tally.records_received == len(owned)


def test_nothing_is_waited_for_while_kafka_has_more() -> None:
    """Where hardly an event makes a call, an answer that is slow to come stops no reading."""
    member = Member()
    member.seg.seg = silent
    values = [page(0)] + [group()] * 999
    member.source.append(*(a_record(it, value=value) for it, value in enumerate(values)))

    start_s = member.clock.now_s
    member.turn(1_000 // TURN_RECORDS)

    assert member.tally.records_received == 1_000
    assert member.clock.now_s == start_s
    member.turn()
    assert member.clock.now_s == start_s + BUSY_WAIT_S


def test_every_partition_has_its_turn() -> None:
    """Where no turn has time for all, none waits for ever."""
    member = Member(None, P0, P1)
    member.decode_s = TAKE_IN_S / 2
    for partition in (P0, P1):
        records = (a_record(it, partition=partition, value=page(it)) for it in range(50))
        member.source.append(*records)

    member.turn(4)

    assert all(0 < len(tenure.held) < 50 for tenure in member.assignment.tenures)


def test_nobody_overtakes_a_record_that_waits_for_the_registry() -> None:
    """The second could be decoded at once, and waits all the same."""
    member = Member()
    member.registry_slips = 1
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(2)))

    member.turn(100, every_s=0.1)

    assert [["m0"], ["m1"]] == member.sent


def test_request_without_an_answer_is_sent_again_under_the_same_key() -> None:
    """A time-out proves nothing: Seg may have taken the call, or not."""
    member = Member()
    answers = [an_answer(None), an_answer()]
    member.seg.seg = lambda _body: answers.pop(0)
    member.source.append(a_record(0, value=page(0)))

    member.turn(100, every_s=0.1)

    assert [["m0"], ["m0"]] == member.sent
    assert ["m0", "m0"] == [request.idempotency_key for request in member.seg.requests]


def test_window_that_is_full_pauses_its_partition() -> None:
    """One call without an answer, and events that are ignored behind it: the window is bounded."""
    member = Member(Setup(bounds=Bounds(records=1_000, window=20, lane=1_000)))
    member.seg.seg = silent
    member.source.append(a_record(0, value=page(0)))
    member.turn()
    member.source.append(*(a_record(offset, value=group()) for offset in range(1, 19)))
    member.turn(3)
    assert P0 not in member.source.paused

    member.source.append(a_record(19, value=group()))
    member.turn(3)
    assert P0 in member.source.paused


def test_too_much_in_flight_pauses_and_half_of_it_resumes() -> None:
    """Memory is bounded by what is unfinished."""
    member = Member(Setup(bounds=Bounds(records=10, window=1_000, lane=1_000)))
    member.seg.seg = silent
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(40)))

    member.turn(30, every_s=0.1)

    assert member.tally.records_in_flight == 10
    assert P0 in member.source.paused

    member.seg.seg = take_all
    member.turn(60, every_s=0.1)

    assert P0 not in member.source.paused
    assert member.committed == 40


BOUND_BYTES = 100_000
LARGE = Setup(
    bounds=Bounds(records=1_000, window=1_000, lane=1_000, kept_bytes=BOUND_BYTES),
    poll_max_records=5,
    storm_limit=0,
)


def large_records(value: bytes) -> list[Record]:
    """Return records of 10 KB: of key, value and headers."""
    filler = b"h" * (10_000 - len(value) - 2)
    return [
        a_record(offset, key=b"%02d" % offset, value=value)._replace(headers=[("", filler)])
        for offset in range(40)
    ]


def test_what_is_kept_of_large_records_is_bounded() -> None:
    """However small the calls are: values, headers and bodies count, and one poll may be over."""
    member = Member(LARGE)
    member.seg.seg = silent
    member.source.append(*large_records(page(0)))

    member.turn(30, every_s=0.1)

    in_flight = member.tally.records_in_flight
    kept_bytes = in_flight * 10_000 + member.lanes.body_bytes
    assert BOUND_BYTES <= kept_bytes < BOUND_BYTES + 5 * 11_000
    assert P0 in member.source.paused

    member.seg.seg = take_all
    member.turn(60, every_s=0.1)

    assert member.committed == 40
    assert [tenure.kept_bytes for tenure in member.assignment.tenures] == [0]
    assert member.lanes.body_bytes == 0


@pytest.mark.parametrize(("value", "copies"), [(page(0), 1), (POISON, 2)], ids=["held", "letters"])
def test_records_that_are_held_and_letters_are_kept_too(value: bytes, copies: int) -> None:
    """They are as large as others, and a letter's producer has a copy of it."""
    member = Member(LARGE)
    member.letters.away = True
    member.looked_up = {page(0)}
    member.source.append(*large_records(value))

    member.turn(30, every_s=0.1)

    assert member.tally.records_in_flight == BOUND_BYTES / 10_000 / copies
    assert P0 in member.source.paused

    member.letters.away = False
    member.looked_up.clear()
    member.turn(60, every_s=0.1)

    assert member.committed == 40


def test_paused_member_goes_on_polling() -> None:
    """Polling is what keeps the membership alive."""
    member = Member()
    member.delivery.breaker.storm("all is poison")
    member.turn(10, every_s=0.1)
    assert P0 in member.source.paused
    polls = member.source.polls

    member.turn(10, every_s=0.1)

    assert member.source.polls == polls + 10


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "unauthorised"), (403, "unauthorised"), (404, "misrouted"), (301, "misrouted")],
)
def test_answer_that_blames_our_settings_costs_no_event_anything(status: int, reason: str) -> None:
    """Everything waits, nothing is dead-lettered, and it goes on by itself once it is right."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(status)
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(5)))

    member.turn(1_000, every_s=0.1)

    assert member.pipeline.waits_for == reason
    assert member.committed in {None, 0}
    assert [] == member.letters.topic

    member.seg.seg = take_all
    member.turn(600, every_s=0.1)

    assert member.delivery.breaker.reason is None
    assert member.committed == 5
    assert [] == member.letters.topic


def test_outage_opens_the_breaker_and_one_probe_at_a_time_ends_it() -> None:
    """A Seg that is down is asked now and then, and everything goes on when it is back."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(503)
    records = [a_record(n, key=str(n).encode(), value=page(n)) for n in range(50)]
    member.source.append(*records)

    member.turn(300, every_s=0.1)

    assert member.pipeline.waits_for == "outage"
    assert P0 in member.source.paused
    asked = len(member.sent)

    member.turn(int(PROBE_S * 4), every_s=0.1)

    assert len(member.sent) - asked < 20

    member.seg.seg = take_all
    member.turn(1_000, every_s=0.1)

    assert member.delivery.breaker.state is BreakerState.CLOSED
    assert member.committed == 50


def test_breaker_that_has_nothing_left_to_ask_with_reads_on() -> None:
    """Every call was handed over in a rebalance: the next record finds out that Seg is back."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(401)
    member.source.append(a_record(0, value=page(0)))
    member.turn(5, every_s=0.1)
    member.seg.seg = take_all

    member.source.lose(P0)
    member.source.assign(P1)
    member.source.append(a_record(0, partition=P1, value=page(1)))
    member.turn(600, every_s=0.1)

    assert member.pipeline.waits_for is None
    assert member.source.stored[P1][0] == 1


@pytest.mark.parametrize("refusal", [401, 503])
def test_calls_that_were_given_up_do_not_keep_a_new_partition_waiting(refusal: int) -> None:
    """Nothing is read of it yet, so no commit can ask for a lease; they leave without one."""
    member = Member()
    member.seg.seg = lambda _body: an_answer(refusal)
    member.source.append(*(a_record(n, key=str(n).encode(), value=page(n)) for n in range(200)))
    member.turn(50, every_s=0.1)
    member.seg.seg = take_all

    member.source.lose(P0)
    member.source.assign(P1)
    member.source.append(a_record(0, partition=P1, value=page(200)))
    member.turn(600, every_s=0.1)

    assert member.pipeline.waits_for is None
    assert member.source.stored[P1][0] == 1


def test_call_that_breaks_seg_does_not_keep_a_quiet_topic_waiting() -> None:
    """Alone in the topic it looks like an outage; whoever comes next must be tried, not it."""
    member = Member()

    def breaks_on_m0(body: bytes) -> Answer:
        return an_answer(500 if ids_in(body) == ["m0"] else 200)

    member.seg.seg = breaks_on_m0
    member.source.append(a_record(0, key=b"bad", value=page(0)))
    member.turn(20_000, every_s=0.1)
    member.source.append(a_record(1, key=b"good", value=page(1)))

    member.turn(6_500, every_s=0.1)

    assert {("page",): 1} == member.tally.calls_delivered


def test_run_that_begins_with_a_hundred_poison_records_stops() -> None:
    """A storm: none of them is a dead letter, and all wait for the operator."""
    member = Member()
    member.source.append(*(a_record(offset, value=POISON) for offset in range(300)))

    member.turn(500, every_s=0.1)

    assert member.pipeline.waits_for == "dead_letter_storm"
    assert member.pipeline.detail == (
        "100 of the last 100 records would be dead-lettered, events/0/99 as bad_avro: expected a"
        " datum, came poison"
    )
    assert [] == member.letters.topic
    assert member.committed in {None, 0}


def test_poison_that_begins_a_run_waits_for_the_first_good_record() -> None:
    """It shows that neither schema nor setting is at fault, and the letters go."""
    member = Member()
    member.source.append(*(a_record(offset, value=POISON) for offset in range(20)))
    member.turn(30, every_s=0.1)
    before = list(member.letters.topic)

    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(20, 40)))
    member.turn(30, every_s=0.1)

    assert [] == before
    assert len(member.letters.topic) == 20
    assert member.committed == 40


def test_poison_that_nothing_follows_is_poison() -> None:
    """A lone bad event in a quiet topic goes to the dead letters soon, and wakes nobody."""
    member = Member()
    member.source.append(a_record(0, value=POISON))
    member.turn(50, every_s=0.1)
    before = list(member.letters.topic)

    member.turn(100, every_s=0.1)

    assert [] == before
    assert member.committed == 1
    assert member.pipeline.waits_for is None


def test_letters_that_are_kept_back_are_the_next_owner_s() -> None:
    """A revoke does not wait for them, and whoever reads them next buries them, or does not."""
    member = Member()
    member.source.append(*(a_record(offset, value=POISON) for offset in range(20)))
    member.turn(5, every_s=0.1)
    start_s = member.clock.monotonic_s()

    member.source.revoke(P0)
    waited_s = member.clock.monotonic_s() - start_s
    member.source.assign(P1)
    member.source.append(a_record(0, partition=P1, value=page(0)))
    member.turn(200, every_s=0.1)

    assert waited_s < 0.1
    assert [] == member.letters.topic
    assert member.tally.records_handed_over == 20


def test_more_than_half_of_the_last_thousand_is_a_storm() -> None:
    """Five hundred are borne, one more is not."""
    member = Member(Setup(bounds=Bounds(records=5_000, window=5_000, lane=5_000)))
    values = [page(0)] * 1_000 + [POISON] * 600
    member.source.append(*(a_record(offset, value=value) for offset, value in enumerate(values)))

    member.turn(1_000, every_s=0.1)

    assert member.pipeline.waits_for == "dead_letter_storm"
    assert len(member.letters.topic) == 500


def test_storm_among_good_records_leaves_next_to_nothing_from_its_second_run_on() -> None:
    """Nine of ten are poison: what a start reads first is not put aside anew each time."""
    values = ([POISON] * 9 + [page(0)]) * 200
    letters = 0
    for _ in range(4):
        member = Member(Setup(bounds=Bounds(records=5_000, window=5_000, lane=5_000)))
        records = (a_record(offset, value=value) for offset, value in enumerate(values))
        member.source.append(*records)
        member.turn(100, every_s=0.05)
        assert member.pipeline.waits_for == "dead_letter_storm"
        letters += len(member.letters.topic)

    assert letters == 0


def test_limit_of_zero_switches_the_storm_guard_off() -> None:
    """The operator has looked, and wants it so."""
    member = Member(Setup(storm_limit=0))
    member.source.append(*(a_record(offset, value=POISON) for offset in range(300)))

    member.turn(100, every_s=0.1)

    assert len(member.letters.topic) == 300
    assert member.committed == 300


def test_poison_among_calls_that_seg_has_not_answered_is_no_storm() -> None:
    """Poison is known at once and Seg's word comes later: that must not look like poison alone."""
    member = Member(Setup(bounds=Bounds(records=5_000, window=5_000, lane=5_000)))
    member.seg.seg = silent
    values = [page(0), POISON] * 150
    member.source.append(*(a_record(offset, value=value) for offset, value in enumerate(values)))

    member.turn(20, every_s=0.1)

    assert member.pipeline.waits_for is None
    assert len(member.letters.topic) == 150


def test_seg_that_rejects_everything_is_a_storm() -> None:
    """Then it is Seg that is at fault, or a setting, and not a hundred events."""
    member = Member(Setup(bounds=Bounds(records=5_000, window=5_000, lane=5_000)))
    member.seg.seg = lambda _body: an_answer(400)
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(300)))

    member.turn(500, every_s=0.1)

    assert member.pipeline.waits_for == "dead_letter_storm"
    assert [] == member.letters.topic


class TestSettings:
    """What blames a setting: nothing is dead-lettered while nothing of its topic can be read."""

    def test_a_topic_that_cannot_be_read_is_said_at_once(self) -> None:
        """With the place, what came, and the setting; over any number of restarts."""
        for _ in range(4):
            member = Member()
            member.source.append(*(a_record(offset, value=UNSET) for offset in range(3)))

            member.turn(1_000, every_s=0.1)

            assert member.pipeline.waits_for == "misconfigured"
            assert member.pipeline.detail == "events/0/0: no registry: set SEG_SCHEMA_REGISTRY__URL"
            assert [] == member.letters.topic
            assert member.committed in {None, 0}

    def test_it_is_read_no_more_at_the_bound(self) -> None:
        """What waits is bounded, and the membership lives."""
        member = Member(Setup(poll_max_records=10))
        member.source.append(*(a_record(offset, value=UNSET) for offset in range(900)))

        member.turn(200, every_s=0.1)

        assert member.tally.records_received <= KEPT + 10
        assert P0 in member.source.paused
        assert [] == member.letters.topic

    def test_large_records_are_fewer(self) -> None:
        """The bound counts their bytes, too."""
        member = Member(Setup(poll_max_records=1))
        large = UNSET + bytes(KEPT_BYTES // 4)
        member.source.append(*(a_record(offset, value=large) for offset in range(20)))

        member.turn(200, every_s=0.1)

        assert member.tally.records_received <= 5
        assert P0 in member.source.paused

    def test_other_topics_go_on(self) -> None:
        """A setting that one topic lacks harms no other."""
        other = Partition("others", 0)
        member = Member(Setup(), P0, other)
        member.source.append(*(a_record(offset, value=UNSET) for offset in range(300)))
        member.turn(20, every_s=0.1)
        member.source.append(a_record(0, partition=other, value=page(0)))
        member.turn(30, every_s=0.1)

        assert member.pipeline.waits_for == "misconfigured"
        assert member.source.stored[other][0] == 1

    def test_one_that_strayed_into_a_good_topic_is_poison(self) -> None:
        """The settings were right for a record of that topic."""
        member = Member()
        values = [page(0), UNSET, page(2)]
        member.source.append(*(a_record(n, value=value) for n, value in enumerate(values)))

        member.turn(30, every_s=0.1)

        assert member.pipeline.waits_for is None
        assert len(member.letters.topic) == 1
        assert member.committed == 3

    def test_so_is_one_that_a_good_record_follows(self) -> None:
        """A run may begin with it: what was said is taken back, and reading never stopped."""
        member = Member()
        member.source.append(a_record(0, value=UNSET))
        member.turn(1_000, every_s=0.1)
        before = member.pipeline.waits_for
        member.source.append(a_record(1, value=page(1)))

        member.turn(30, every_s=0.1)

        assert (before, member.pipeline.waits_for) == ("misconfigured", None)
        assert len(member.letters.topic) == 1
        assert member.committed == 2

    def test_a_good_record_among_what_was_read_lets_a_full_topic_go_on(self) -> None:
        """It came in the same poll as the hundred."""
        member = Member(Setup(requests=1_000))
        values = [UNSET] * (KEPT + 20) + [page(0)] * 200
        member.source.append(*(a_record(n, value=value) for n, value in enumerate(values)))

        member.turn(300, every_s=0.1)

        assert member.committed == len(values)
        assert P0 not in member.source.paused

    def test_a_tombstone_shows_no_setting_to_be_right(self) -> None:
        """It has nothing that could be read."""
        member = Member()
        member.source.append(a_record(0, value=UNSET), a_record(1, value=None))

        member.turn(200, every_s=0.1)

        assert member.pipeline.waits_for == "misconfigured"
        assert [] == member.letters.topic

    def test_what_another_member_owns_by_now_is_its_to_say(self) -> None:
        """With the partition the trouble went away."""
        member = Member(Setup(), P0, Partition("others", 0))
        member.source.append(a_record(0, value=UNSET))
        member.turn(5, every_s=0.1)

        member.source.revoke(P0)
        member.turn(5, every_s=0.1)

        assert member.pipeline.waits_for is None

    def test_an_operator_who_wants_them_put_aside_has_it_so(self) -> None:
        """The limit of zero means: all that is bad is a dead letter."""
        member = Member(Setup(storm_limit=0))
        member.source.append(*(a_record(offset, value=UNSET) for offset in range(300)))

        member.turn(100, every_s=0.1)

        assert len(member.letters.topic) == 300


class TestUnforeseen:
    """What nobody foresaw in decoding or translating is a dead letter, not the program's end."""

    @pytest.mark.parametrize("where", ["_decode", "_translate"])
    def test_it_harms_only_its_event(self, where: str) -> None:
        """The type and the place in the code are told, and nothing that the exception says."""
        member = Member()
        stage = getattr(member.pipeline._intake, where)

        def breaks(value: object, *others: object) -> object:
            if "m1" in str(value):
                raise KeyError("jane@example.com")
            return stage(value, *others)

        setattr(member.pipeline._intake, where, breaks)
        member.source.append(*(a_record(offset, value=page(offset)) for offset in range(3)))
        member.turn(30, every_s=0.1)

        (letter,) = member.letters.topic
        assert letter.reason is DeadLetterReason.INTERNAL_ERROR
        assert letter.detail.startswith("KeyError in consumer.flow.intake:")
        assert "jane" not in letter.detail
        assert member.committed == 3

    def test_every_event_is_a_storm(self) -> None:
        """A fault of ours that breaks all of them stops, and buries none."""
        member = Member()

        def breaks(_event: object, _timestamp_ms: object) -> SegCall:
            raise RecursionError

        member.pipeline._intake._translate = breaks
        member.source.append(*(a_record(offset, value=page(offset)) for offset in range(300)))
        member.turn(100, every_s=0.1)

        assert member.pipeline.waits_for == "dead_letter_storm"
        assert [] == member.letters.topic


class TestLettersThatStick:
    """What a dead-letter topic does not take is said, and its partition alone waits."""

    def test_a_refused_letter_is_what_is_waited_for(self) -> None:
        """Readiness says which and why, although everything else goes on."""
        member = Member()
        member.letters.away, member.letters.problem = True, "the letter of events/0/1 is too large"
        values = [page(0), POISON, page(2)]
        member.source.append(*(a_record(n, value=value) for n, value in enumerate(values)))

        member.turn(30, every_s=0.1)

        assert member.pipeline.waits_for == "dead_letter_topic"
        assert member.pipeline.detail == "the letter of events/0/1 is too large"
        assert P0 not in member.source.paused
        assert {("page",): 2} == member.tally.calls_delivered

    def test_many_bytes_of_letters_stop_reading(self) -> None:
        """A few large letters are as bad as a thousand small ones."""
        member = Member(Setup(storm_limit=0, poll_max_records=2))
        member.letters.away = True
        large = POISON + bytes(PENDING_MAX_BYTES // 10)
        member.source.append(*(a_record(offset, value=large) for offset in range(100)))

        member.turn(100, every_s=0.1)

        assert member.pipeline.waits_for == "dead_letter_topic"
        assert P0 in member.source.paused
        assert member.tally.records_received <= 12


def test_rejected_batch_is_halved_until_the_guilty_call_stands_alone() -> None:
    """The others of its batch are delivered, in their order."""
    member = Member(Setup(batching=Batching(max_calls=8, max_bytes=100_000, max_age_s=0.2)))

    def rejects_m4(body: bytes) -> Answer:
        return an_answer(400 if "m4" in ids_in(body) else 200)

    member.seg.seg = rejects_m4
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(8)))

    member.turn(30, every_s=0.1)

    assert [4] == [letter.record.offset for letter in member.letters.topic]
    taken = [name for ids in member.sent if "m4" not in ids for name in ids]
    assert ["m0", "m1", "m2", "m3", "m5", "m6", "m7"] == taken
    assert member.committed == 8


@pytest.mark.parametrize(
    ("ordering", "at_once"),
    [("key", [["m0"], ["m2"]]), ("user", [["m0"], ["m1"]]), ("partition", [["m0"]])],
)
def test_only_what_must_be_in_order_waits(ordering: str, at_once: list[list[str]]) -> None:
    """Three calls: the first two share a key, the first and the last a user."""
    member = Member(Setup(ordering=ordering))
    member.seg.seg = silent
    member.source.append(
        a_record(0, key=b"a", value=page(0, user="u")),
        a_record(1, key=b"a", value=page(1, user="v")),
        a_record(2, key=b"b", value=page(2, user="u")),
    )

    member.turn(5)

    assert at_once == member.sent


def test_calls_of_one_key_keep_their_order_across_a_retry() -> None:
    """The second waits for as long as the first is tried again."""
    member = Member()
    answers = [an_answer(503), an_answer(503), *[an_answer()] * 3]
    member.seg.seg = lambda _body: answers.pop(0)
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(2)))

    member.turn(200, every_s=0.1)

    assert [["m0"], ["m0"], ["m0"], ["m1"]] == member.sent
    assert len({request.idempotency_key for request in member.seg.requests[:3]}) == 1


def test_refused_commit_is_due_again() -> None:
    """Nothing is forgotten: the next one says it all."""
    member = Member()
    member.source.refusal = "COORDINATOR_NOT_AVAILABLE"
    member.source.append(a_record(0, value=page(0)))
    member.turn(30, every_s=0.1)
    assert member.committed is None

    member.source.refusal = None
    member.turn(60, every_s=0.1)

    assert member.committed == 1


def test_offset_that_the_client_delivers_twice_is_sent_once() -> None:
    """The client may repeat itself after an incremental assignment (PostHog/posthog#95009)."""
    member = Member()
    member.source.append(a_record(0, value=page(0)), a_record(1, value=page(1)))
    member.turn(5, every_s=0.1)

    member.source._next[P0] = 0
    member.turn(30, every_s=0.1)

    assert [["m0"], ["m1"]] == member.sent
    assert member.tally.records_skipped == 2


def test_every_record_ends_in_exactly_one_counted_outcome() -> None:
    """Received = delivered + ignored + dead-lettered + handed over + in flight."""
    member = Member()
    values = [page(0), POISON, None, group(), orjson.dumps({"type": "page"}), page(5)]
    member.source.append(*(a_record(offset, value=value) for offset, value in enumerate(values)))

    for _ in range(30):
        member.turn(every_s=0.1)
        assert member.tally.records_received == (
            member.tally.outcomes + member.tally.records_in_flight
        )

    assert member.tally.outcomes == len(values)


def test_a_limited_rate_is_used_up_while_reading_is_still_paused() -> None:
    """After an outage what was read goes at the rate that is allowed, also where Seg is quick."""
    member = Member(Setup(bounds=Bounds(records=90, window=1_000, lane=1_000)))
    member.seg.seg = lambda _body: an_answer(503)
    member.source.append(*(a_record(it, value=page(it), key=b"%d" % it) for it in range(500)))
    member.turn(20, every_s=0.1)
    member.seg.seg = take_all
    while member.delivery.breaker.state is not BreakerState.CLOSED:
        member.turn(every_s=0.1)
    member.dispatch.rate = Rate(50.0, Usual(), member.clock.monotonic_s())
    before, end_s = len(member.sent), member.clock.monotonic_s() + 0.5

    while member.clock.monotonic_s() < end_s:
        member.turn()

    assert member.source.paused
    assert len(member.sent) - before == pytest.approx(25, rel=0.1)


def test_no_record_leaves_anything_for_the_garbage_collector() -> None:
    """It looks seldom (`consumer.program.process`): what waited for it would be held for long."""
    member = Member()
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(10)))
    member.turn(30, every_s=0.1)
    member.source.append(*(a_record(offset, value=page(offset)) for offset in range(10, 50)))
    member.source.append(*(a_record(offset, value=POISON) for offset in range(50, 60)))
    member.source.append(a_record(60, value=None))
    gc.collect()
    gc.disable()
    try:
        member.turn(100, every_s=0.1)
        member.seg.requests.clear()
        found = gc.collect()
    finally:
        gc.enable()

    assert member.committed == 61
    assert found == 0
