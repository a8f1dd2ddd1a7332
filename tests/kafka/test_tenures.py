"""Which tenure a record belongs to, where partitions come and go in the middle of a poll."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from unittest.mock import Mock

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, KafkaException, TopicPartition

from consumer.core.checkpoint import decode, encode, log_of, with_log
from consumer.core.errors import StartError
from consumer.core.ledger import Checkpoint
from consumer.kafka import source
from consumer.settings import load
from tests.kafka.member import WEBSITE_ID, Member, Said

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = [TopicPartition("t", 0)]
Batch: TypeAlias = "Callable[[ScriptedClient], list[Mock]]"


def message(offset: int, error: int | None = None) -> Mock:
    """Return what librdkafka gives out: a record at *offset*, or what is wrong there."""
    it = Mock()
    it.error.return_value = None if error is None else KafkaError(error)
    it.topic.return_value, it.partition.return_value = "t", 0
    it.offset.return_value = offset
    it.timestamp.return_value = (TIMESTAMP_CREATE_TIME, 0)
    return it


class ScriptedClient(Mock):
    """A client that gives out one batch after the other; a batch may begin with a rebalance."""

    log_id = "log-1"
    metadata = ""

    def play(self, committed: int, *batches: Batch) -> None:
        """Own partition 0 of `t`, of which the group has committed so much, then give *batches*."""
        self.committed.return_value = [TopicPartition("t", 0, committed, metadata=self.metadata)]
        self.get_watermark_offsets.return_value = (0, 300)
        self.left = [assigns, *batches]

    def consume(self, _count: int, _timeout_s: float) -> list[Mock]:
        """Give out the next batch."""
        return self.left.pop(0)(self) if self.left else []

    def tell(self, what: str) -> None:
        """Call one of the callbacks of the subscription."""
        self.subscribe.call_args.kwargs[what](self, PLACE)


def assigns(client: ScriptedClient) -> list[Mock]:
    """Assign the partition, and give out nothing."""
    client.tell("on_assign")
    return []


def gives(*messages: Mock) -> Batch:
    """Give out *messages*."""
    return lambda _client: list(messages)


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> ScriptedClient:
    client = ScriptedClient()
    monkeypatch.setattr(source, "make", lambda *_args, **_callbacks: client)
    ids = Mock()
    ids.of.side_effect = lambda topics: dict.fromkeys(topics, client.log_id)
    ids.look.side_effect = lambda topics: dict.fromkeys(topics, client.log_id)
    monkeypatch.setattr(source, "TopicIds", lambda *_args: ids)
    return client


def member(**variables: str) -> Member:
    """Return a member of a group whose client is a script."""
    names = {"SEG_KAFKA__BOOTSTRAP_SERVERS": "broker:1", "SEG_KAFKA__TOPICS": "t"}
    website = {"SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID}
    return Member(load(env=names | website | variables))


def checkpoint(it: Member) -> Checkpoint:
    """Return what *it* may commit."""
    [found] = it.checkpoints().values()
    return found


def test_a_record_of_the_last_assignment_is_not_booked_in_the_next(client: ScriptedClient) -> None:
    """A poll takes twice: the partition may go and come back between, where another owner was."""

    def comes_back(it: ScriptedClient) -> list[Mock]:
        it.tell("on_revoke")
        it.committed.return_value = [TopicPartition("t", 0, 500, metadata="")]
        it.tell("on_assign")
        return [message(offset) for offset in range(500, 600)]

    client.play(1000, gives(message(1000)), comes_back)
    ours = member()

    ours.turn(0.1)
    ours.turn(0.1)

    assert [record.offset for record in ours.records] == list(range(500, 600))
    assert checkpoint(ours) == Checkpoint(500, 600, tuple(range(500, 600)))


@pytest.mark.parametrize(("choice", "new"), [("earliest", range(300)), ("latest", range(300, 302))])
def test_a_record_of_the_old_log_is_not_booked_in_the_new(
    client: ScriptedClient, choice: str, new: range
) -> None:
    """One batch holds the last records of a log and, behind them, that the log is another one."""
    gone = message(1001, KafkaError._AUTO_OFFSET_RESET)
    client.play(999, gives(message(999)), gives(message(1000), gone), gives(*map(message, new)))
    ours = member(SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE=choice)

    for _ in range(4):
        ours.turn()

    assert [it.offset for it in ours.records if not it.tenure.over] == list(new)
    assert checkpoint(ours) == Checkpoint(new.start, new.stop, tuple(new))
    assert ours.said == [Said("assigned", (0,)), Said("lost", (0,)), Said("assigned", (0,))]


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.UNKNOWN_MEMBER_ID,
    ],
)
def test_a_beginning_that_is_refused_in_a_rebalance_is_committed_later(
    client: ScriptedClient, code: int
) -> None:
    """The group has gone on: the next poll, or the next assignment, commits it."""
    client.play(-1001)
    client.commit.side_effect = KafkaException(KafkaError(code))
    ours = member(SEG_KAFKA__AUTO_OFFSET_RESET="latest")
    ours.turn()
    ours.turn()

    client.commit.side_effect = None
    ours.turn()

    assert [it.committed for it in ours.tenures.values()] == [Checkpoint(300, 300, ())]


def test_topic_that_is_made_anew_while_it_is_read_ends_with_a_sentence(
    client: ScriptedClient,
) -> None:
    """Its first records would be skipped without a word; and no commit of the old log counts."""
    client.play(10, gives(message(10)))
    ours = member()
    ours.turn()
    ours.turn()
    client.log_id = "log-2"

    with pytest.raises(
        StartError, match=r"^t/0: .* not in the log \(the topic was deleted and made"
    ):
        ours.turn()

    assert ours.said == [Said("assigned", (0,)), Said("lost", (0,))]


@pytest.mark.parametrize("text", ["", encode(Checkpoint(10, 12, (10,)))])
def test_offset_that_was_committed_for_another_log_is_none(
    client: ScriptedClient, text: str
) -> None:
    """A late commit for the old log may be the first in the new one; a restart finds it."""
    client.log_id, client.metadata = "log-2", with_log(text, "log-1")
    client.play(10, gives(*map(message, range(3))))
    ours = member(SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE="earliest")
    ours.turn()
    ours.turn()

    assert [it.offset for it in ours.records] == [0, 1, 2]
    with pytest.raises(StartError, match="deleted and made again"):
        again(client)


def again(client: ScriptedClient) -> None:
    """Start once more, as the default has it."""
    client.play(10)
    member().turn()


def test_commit_says_which_log_it_is_of(client: ScriptedClient) -> None:
    """So that the next owner knows the log again; the rest is what it was."""
    client.play(10, gives(message(10), message(11)))
    ours = member()
    ours.turn()
    ours.turn()
    ours.finish(11)
    ours.commit_now()

    [place] = client.commit.call_args.kwargs["offsets"]
    assert log_of(place.metadata) == "log-1"
    assert decode(place.offset, place.metadata) == Checkpoint(10, 12, (10,))


def test_where_a_new_log_begins_is_committed_before_it_is_read(client: ScriptedClient) -> None:
    """After a crash the old offset would be out of range again, and `latest` another end."""
    client.play(999, gives(message(1000, KafkaError._AUTO_OFFSET_RESET)))
    ours = member(SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE="latest")
    client.commit.side_effect = KafkaException(KafkaError(KafkaError.REBALANCE_IN_PROGRESS))
    ours.turn()
    client.resume.reset_mock()
    ours.turn()
    [paused] = client.pause.call_args.args[0]
    assert (paused.topic, paused.partition) == ("t", 0)
    assert client.resume.call_args.args[0] == []

    client.commit.side_effect = None
    ours.turn()

    [offset] = client.commit.call_args.kwargs["offsets"]
    assert offset.offset == 300
    [resumed] = client.resume.call_args.args[0]
    assert (resumed.topic, resumed.partition) == ("t", 0)
