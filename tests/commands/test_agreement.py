"""`translate`, `demo`, `produce` and `run` agree on every event.

`translate` takes a call through the encoder of `produce` and the demo, and the decoder and the
translation of `run`; so it tells what becomes of a produced record. Here it is held against the
translation of the call as it stands in the JSON: nothing is gained or lost on the way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.commands.through import Through
from consumer.core.errors import PoisonError
from consumer.core.json_text import read_json
from consumer.core.model import Ignored
from consumer.translate import Translator
from consumer.translate.tables import EVENTS
from tests.translate.test_golden import MADE, PUBLISHED

if TYPE_CHECKING:
    from consumer.core.model import Event, Object

THROUGH: Final = Through()

names = st.sampled_from(["id", "price", "products", "brand", "email", "traits", "page", "url", "x"])
texts = st.text(max_size=4) | st.sampled_from(["", "NOW", "2026-11-23", "$5", "\ud800", "a@b.c"])
singles = st.one_of(
    *(st.none(), st.booleans(), st.floats(), texts),
    st.integers() | st.sampled_from([1_795_428_672, 1_795_428_672_345, 2**64, -1]),
)
values = st.recursive(
    singles,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=6,
)
objects = st.dictionaries(names | texts, values, max_size=5)
calls = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["track", "track", "identify", "page", "ALIAS", "group", "record", ""]
        )
    },
    optional={
        "event": st.sampled_from([*EVENTS, "order_completed", "Other"]) | values,
        **dict.fromkeys(("messageId", "userId", "anonymousId", "previousId"), values),
        **dict.fromkeys(("name", "category", "channel", "groupId", "extra"), values),
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), values),
        **dict.fromkeys(("properties", "traits", "context", "integrations"), objects | values),
    },
)


def directly(line: bytes) -> Object:
    """Return what the translation makes of the call itself, as `translate` prints it."""
    given_ = cast("Object", read_json(line))
    given_.pop("extra", None)  # a sender's own: only the encoder's is looked into
    try:
        call = Translator()(cast("Event", given_), None)
    except PoisonError as error:
        return {"rejected": error.reason, "detail": error.detail}
    if isinstance(call, Ignored):
        return {"ignored": call.reason}
    found: Object = {"call": orjson.loads(call.body)}
    if call.left_out:
        found["left_out"] = [
            {"key": it.key, "source": it.source, "why": it.why} for it in call.left_out
        ]
    return found


@given(calls)
def test_every_call_fares_alike_as_json_and_as_a_record(call: object) -> None:
    """Whatever is in a call: what is sent, what is ignored and what is left out are the same."""
    line = json.dumps(call).encode()

    assert THROUGH(line) == directly(line)


@pytest.mark.parametrize("line", [*PUBLISHED, *MADE], ids=lambda line: json.loads(line)["name"])
def test_published_calls_fare_alike(line: str) -> None:
    """So do the calls that others have published, and ours."""
    call = json.dumps(json.loads(line)["call"]).encode()

    assert THROUGH(call) == directly(call)
