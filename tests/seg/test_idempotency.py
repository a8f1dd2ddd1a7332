"""The key by which Seg knows a request again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.seg.batch import Batch
from consumer.seg.idempotency import call_key
from tests.seg.support import make_task


def test_of_one() -> None:
    """For one call it is the messageId."""
    assert Batch([make_task(0, message_id="ajs-022bb90c")]).idempotency_key() == "ajs-022bb90c"


@pytest.mark.parametrize("message_id", ["", None])
def test_without_message_id(message_id: str | None) -> None:
    """A call without one has the record's place: the same after a crash."""
    task = make_task(7)
    task.call = task.call._replace(message_id=message_id)

    assert call_key(task) == "events:0:7"


@given(st.text(min_size=1))
def test_header_safe(message_id: str) -> None:
    """Whatever the messageId: no line break, nothing beyond ASCII, no e-mail address."""
    key = call_key(make_task(0, message_id=message_id))

    assert 1 <= len(key) <= 128
    assert key.isascii()
    assert key.isprintable()
    assert not set(key) & set("@ \r\n\"'")


@pytest.mark.parametrize(
    "message_id",
    ["jane@example.com", "a\r\nX-Evil: 1", "a b", "\ud800", "x" * 129, "é", "a\n"],
)
def test_digest(message_id: str) -> None:
    """What may not stand in a header, or is too long, is digested, always the same way."""
    key = call_key(make_task(0, message_id=message_id))

    assert len(key) == 32
    assert key == call_key(make_task(99, message_id=message_id))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=20))
def test_every_attempt(message_ids: list[str]) -> None:
    """It is the same on every attempt, also after a crash."""
    batches = [Batch([make_task(i, message_id=m) for i, m in enumerate(message_ids)]) for _ in "ab"]

    assert batches[0].idempotency_key() == batches[0].idempotency_key()
    assert batches[0].idempotency_key() == batches[1].idempotency_key()


@given(st.integers(2, 40))
def test_every_part(size: int) -> None:
    """Each part of a batch has a key of its own: an accepted part hides no other."""
    batch = Batch([make_task(i) for i in range(size)])
    keys = []
    while len(batch.calls) > 1:
        keys.append(batch.idempotency_key())
        batch.rejected()
    keys.append(batch.idempotency_key())
    batch.settled()
    keys.append(batch.idempotency_key())

    assert len(keys) == len(set(keys))
