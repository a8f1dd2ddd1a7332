"""The fast reader is the careful one, only faster: right, or out of the way."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.avro.datum import read_carefully
from consumer.avro.fast_reader import UNUSUAL
from consumer.avro.plan import make_plan
from consumer.core.errors import PoisonError
from consumer.core.json_text import NotFinite
from tests.avro.samples import CALL, CANONICAL_TEXT, TYPED_TEXT, datum, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.avro.fast_containers import Datum
    from consumer.core.model import Event

OBJECTS = ("properties", "traits", "context", "integrations")
ODD_TEXT = record(
    ("type", ["null", "string"]),
    ("messageId", "string"),
    ("userId", ["string", "null"]),
    ("sentAt", ["null", "string", "long"]),
    ("timestamp", "long"),
    ("properties", "string"),
    ("traits", ["bytes", "null", "string"]),
    ("more", ["null", "boolean", "float", "double", "int", "long", "string", "bytes"]),
    ("kind", {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}),
)
"""What a flat record may hold besides what the canonical schema does."""
FOREIGN = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "foreign" / "written").glob("*.json"))
}
SCHEMAS = {"canonical": CANONICAL_TEXT, "odd": ODD_TEXT, "typed": TYPED_TEXT} | {
    name: json.dumps(case["schema"]) for name, case in FOREIGN.items() if name != "recursive"
}

texts = st.text(max_size=200)
times = st.integers(2**40, 2**41) | st.integers(-(2**63), 2**63 - 1)
objects = st.dictionaries(texts, texts, max_size=4).map(orjson.dumps)
json_texts = (
    objects | objects | st.sampled_from([b"", b"null", b"[1]", b"{", b"\xff", b'{"a":1}  '])
)
canonical_calls = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "alias"])},
    optional=dict.fromkeys(("messageId", "userId", "event", "channel", "version"), texts)
    | dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), times)
    | dict.fromkeys((*OBJECTS, "extra"), json_texts),
)
odd_calls = st.fixed_dictionaries(
    {
        "type": st.none() | texts,
        "messageId": texts,
        "userId": st.none() | texts,
        "sentAt": st.none() | texts | times,
        "timestamp": times,
        "properties": json_texts.filter(lambda it: it != b"\xff").map(bytes.decode),
        "traits": st.none() | json_texts,
        "more": st.none() | st.booleans() | st.floats() | times | texts | json_texts,
        "kind": st.sampled_from("ab"),
    }
)
ODD_CALL = {
    "type": "track",
    "messageId": "m",
    "userId": "u",
    "sentAt": None,
    "timestamp": 1_795_428_672_345,
    "properties": '{"a":1}',
    "traits": "{}",
    "more": None,
    "kind": "b",
}
TYPED_CALL = CALL | {
    "properties": {
        "order_id": "o-1",
        "total": Decimal("18.99"),
        "repeat": False,
        "products": [{"sku": "s", "price": Decimal("-0.5"), "quantity": 2, "brands": ["a", "b"]}],
    },
    "traits": {"age": -70, "tags": ["a", "b"], "score": 1.5, "vip": True, "none": None, "m": {}},
    "context": {"page": {"url": "https://shop.example/p/1"}, "traits": {"email": "j@example.com"}},
}
DAMAGED: list[tuple[str, dict[str, Any]]] = [
    ("canonical", {"type": "alias", "userId": "u", "version": "2", "timestamp": 2**41}),
    ("canonical", {"type": "track", "properties": b'{"price":18.99}', "extra": b"x"}),
    *(("odd", ODD_CALL | {"more": more}) for more in (None, True, 1.5, 5, "é", b"b", -(2**62))),
    ("odd", ODD_CALL | {"sentAt": "s", "userId": None, "traits": None}),
    ("typed", TYPED_CALL),
]
TYPES = dict.fromkeys(("OrderCompleted", "ProductViewed", "ShopOrder"), "Order Completed")
EDGES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF)
calls = st.tuples(st.just("canonical"), canonical_calls) | st.tuples(st.just("odd"), odd_calls)
PLANS = {name: make_plan((text,), TYPES) for name, text in SCHEMAS.items()}


def fast_reader(name: str) -> Datum:
    """Return the fast reader for the schema *name*."""
    reader = PLANS[name].fast
    assert reader is not None
    return reader


def fast(name: str, value: bytes) -> Event | None:
    """Return what the fast reader makes of *value*; None where it is not its matter."""
    try:
        return fast_reader(name)(value, 0)
    except UNUSUAL:
        return None


def careful(name: str, value: bytes) -> Event | None:
    """Return what the careful reader makes of *value*; None where it is poison."""
    try:
        return read_carefully(PLANS[name], value, 0)
    except PoisonError:
        return None


def plain(value: object) -> object:
    """Return *value* with NaN as what is equal to itself."""
    if isinstance(value, dict):
        return {name: plain(it) for name, it in value.items()}
    if isinstance(value, list):
        return [plain(it) for it in value]
    return repr(value) if isinstance(value, NotFinite) else value


def canonical(**fields: object) -> bytes:
    """Return the datum of an ordinary call, with some *fields* that are not."""
    call = CALL | {name: orjson.dumps(CALL[name]) for name in OBJECTS if CALL[name]}
    return datum(CANONICAL_TEXT, call | fields)


@given(calls)
def test_it_is_right_or_out_of_the_way(call: tuple[str, dict[str, Any]]) -> None:
    """An event of the fast reader is the one that the careful reader gives."""
    value = datum(SCHEMAS[call[0]], call[1])
    found = fast(call[0], value)

    assert found is None or found == careful(call[0], value)


def damaged(value: bytes) -> Iterator[bytes]:
    """Yield *value* with a byte changed, put in, left out or cut off, at each place."""
    for at in range(len(value)):
        yield value[:at]
        yield value[:at] + value[at + 1 :]
        for byte in (*EDGES, value[at] ^ 1, value[at] + 2 & 0xFF):
            yield value[:at] + bytes([byte]) + value[at + 1 :]
            yield value[:at] + bytes([byte]) + value[at:]
        yield value[:at] + b"\xff" * 10 + value[at:]
    yield value + b"\0"


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, datum(SCHEMAS[name], call)) for name, call in DAMAGED]
    + [(name, bytes.fromhex(case["java"])) for name, case in FOREIGN.items() if name in SCHEMAS],
)
def test_damaged_data_are_none_of_its_business(name: str, value: bytes) -> None:
    """Wherever the data are damaged, it is right or out of the way."""
    for it in damaged(value):
        found = fast(name, it)

        assert found is None or plain(found) == plain(careful(name, it)), it


@given(st.sampled_from(sorted(SCHEMAS)), st.binary(max_size=100))
@example("canonical", b"")
def test_noise_is_none_of_its_business(name: str, value: bytes) -> None:
    """Whatever the bytes, it agrees with the careful reader or raises what is caught."""
    found = fast(name, value)

    assert found is None or plain(found) == plain(careful(name, value))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event": None, "properties": None, "sentAt": None},
        {"messageId": "é" * 40, "event": "x" * 5_000},
        {"properties": b'{"a":"' + b"x" * 40_000 + b'"}'},
        {"traits": b"null", "version": "2", "extra": b'{"a":1}'},
        {"timestamp": 1_104_537_600_000, "sentAt": 2_177_452_799_999},
    ],
    ids=["ordinary", "null", "long texts", "40 KB", "extra", "2005 and 2038"],
)
def test_ordinary_data_are_its_business(fields: dict[str, object]) -> None:
    """It reads them itself; else it would cost time and save none."""
    value = canonical(**fields)

    assert fast("canonical", value) == careful("canonical", value) is not None


@pytest.mark.parametrize(
    "text",
    [
        TYPED_TEXT,
        record(("userId", ["null", "long"])),
        record(("sentAt", {"type": "long", "logicalType": "timestamp-micros"})),
        record(("properties", {"type": "map", "values": "string"})),
        record(("more", {"type": "array", "items": "long"})),
        record(("more", ["null", {"type": "fixed", "name": "F", "size": 3}])),
    ],
)
def test_what_is_nested_or_converted_is_its_business(text: str) -> None:
    """Objects within the envelope are read in place, and most other types are converted."""
    assert make_plan((text,)).fast is not None


def test_a_typed_call_is_its_business() -> None:
    """It reads the typed schema's data itself, decimals, arrays, maps and records included."""
    value = datum(TYPED_TEXT, TYPED_CALL)

    assert fast("typed", value) == careful("typed", value) is not None


LINK = {"type": "record", "name": "L", "fields": [{"name": "n", "type": ["null", "L"]}]}
WIDE = {
    "type": "record",
    "name": "W",
    "fields": [{"name": f"f{number}", "type": "string"} for number in range(2_000)],
}


@pytest.mark.parametrize(
    "text",
    [
        record(("traits", LINK)),
        record(("traits", WIDE)),
        record(("userId", [{"type": "fixed", "name": f"F{i}", "size": 2} for i in range(65)])),
    ],
    ids=["recursive", "wide", "many branches"],
)
def test_what_has_no_fast_reader(text: str) -> None:
    """What holds itself or is very large is the careful reader's."""
    assert make_plan((text,)).fast is None
