"""The bytes that go over the wire are JSON that every receiver reads."""

from __future__ import annotations

import math
import re
from typing import cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.json_text import NotFinite
from consumer.core.model import Object, SegCall, Value
from consumer.translate import Translator
from consumer.translate.body import has_large_number, to_json
from tests.translate.calls import send

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

texts = st.text(st.characters(), max_size=6) | st.text(st.sampled_from('a\\"\b\f\x00\t\x85\ud800é'))
numbers = st.integers() | st.floats().map(lambda it: it if math.isfinite(it) else NotFinite(it))
values = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


def written(sent: Object) -> Object:
    """Return what a receiver reads."""
    return cast("Object", orjson.loads(to_json(sent)))


def strings(value: Value) -> list[str]:
    """Return every text and name in *value*."""
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in strings(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


@given(st.dictionaries(texts, values, max_size=4))
def test_every_body_is_clean_json(sent: Object) -> None:
    """Whatever is in a call, no control and no half of a pair leaves, and *sent* says what did."""
    body = to_json(sent)

    assert not [text for text in strings(orjson.loads(body)) if CONTROLS.search(text)]
    assert orjson.loads(orjson.dumps(sent)) == orjson.loads(body)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"a": "x\ud83d y"}, {"a": "x\ufffd y"}),
        ({"a\x00": "\x07\x7f\x85"}, {"a\ufffd": "\ufffd\ufffd\ufffd"}),
        ({"a": "\t\r\n\\b\\u0007 é"}, {"a": "\t\r\n\\b\\u0007 é"}),
        ({"a": ["\ud800", {"b": "\b"}]}, {"a": ["\ufffd", {"b": "\ufffd"}]}),
        ({"a\x00": 1, "a\x01": 2, "a\ufffd": 3}, {"a\ufffd_": 1, "a\ufffd__": 2, "a\ufffd": 3}),
        ({"a": 2**64, "b": [-(2**63) - 1]}, {"a": str(2**64), "b": [str(-(2**63) - 1)]}),
        ({"a": NotFinite("nan"), "b": [1, NotFinite("inf")], "c": None}, {"b": [1], "c": None}),
    ],
)
def test_what_json_cannot_say(given_: Object, expected: Object) -> None:
    """Controls become the replacement character, long integers text; NaN and infinities go."""
    assert written(given_) == expected


def test_a_users_id_is_clean_where_calls_are_ordered_by_it() -> None:
    """What is sent and what is counted by are one."""
    call = Translator()({"type": "page", "userId": "u\x00", "messageId": "m\ud800"}, None)

    assert isinstance(call, SegCall)
    assert (call.user, call.message_id) == ("u\ufffd", "m\ufffd")
    assert orjson.loads(call.body)["userId"] == "u\ufffd"


def test_what_nobody_reads_cannot_stop_a_call() -> None:
    """NaN under an unknown name is left out, and notes nothing; null stays."""
    sent = send({"type": "identify", "traits": {"a": NotFinite("nan"), "b": None}})

    assert sent["traits"] == {"b": None}


@pytest.mark.parametrize(
    ("value", "large"),
    [(1e16, True), (2.0**64, True), (1e15, False), (2**63, False), ("1e+20", True)],
)
def test_a_large_number_is_seen(value: Value, *, large: bool) -> None:
    """Where it might have been rounded the event is read again; a text like one costs a look."""
    assert has_large_number(to_json({"a": value})) is large
