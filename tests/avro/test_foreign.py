"""What other programs write is the event that they meant: their bytes, kept with their origin."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from fastavro import json_reader, parse_schema, schemaless_writer

from consumer.avro.datum import read_carefully
from consumer.avro.decoder import Decoder, Reading
from consumer.avro.encoder import Encoder
from consumer.avro.fast_reader import UNUSUAL
from consumer.avro.framing import GlobalId, confluent
from consumer.avro.plan import make_plan
from consumer.avro.schemas import folder
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.model import SegCall
from consumer.translate import Translator
from tests.avro.samples import CANONICAL_TEXT, Registered, decoder

if TYPE_CHECKING:
    from consumer.avro.framing import Mode
    from consumer.core.model import Event, Headers

FOREIGN = Path(__file__).parent / "foreign"
WRITTEN = sorted((FOREIGN / "written").glob("*.json"))
TYPES = {
    "Order Completed": "Order Completed",
    "Product Viewed": "Product Viewed",
    "ShopOrder": "Order Completed",
}


def decode(case: dict[str, Any], datum: bytes) -> Event:
    """Decode *datum*, written with the schema of *case*."""
    registry = Registered({1: (json.dumps(case["schema"]),)})
    it = Decoder(
        registry=registry, writer_schema=None, schemas=folder(), reading=Reading(types=TYPES)
    )
    return it(confluent(1) + datum)


def by_fastavro(case: dict[str, Any]) -> bytes:
    """Return the datum of *case* as fastavro writes it; logical types change none of its bytes."""
    schema = parse_schema(_plain(case["schema"]))
    (read,) = json_reader(io.StringIO(json.dumps(case["json"])), schema)
    buffer = io.BytesIO()
    schemaless_writer(buffer, schema, read)
    return buffer.getvalue()


def _plain(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if name != "logicalType"}
    return schema


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("writer", ["java", "fastavro"])
def test_a_writers_event(path: Path, writer: str) -> None:
    """What Java and fastavro wrote is the event that was meant, value by value."""
    if (writer, path.stem) == ("fastavro", "recursive"):
        return  # its reader of JSON does not end on a type that holds itself
    case = json.loads(path.read_text(encoding="utf-8"))
    datum = bytes.fromhex(case["java"]) if writer == "java" else by_fastavro(case)
    if case["event"] is None:
        with pytest.raises(PoisonError) as caught:
            decode(case, datum)
        assert caught.value.reason is DeadLetterReason.UNUSABLE_SCHEMA
    else:
        event = _with_ids_as_text(decode(case, datum))
        assert event == case["event"]
        assert sorted(_kinds(event)) == sorted(_kinds(case["event"]))


def _with_ids_as_text(event: Event) -> dict[str, Any]:
    """Return *event* with the ids that are whole numbers as text: both are the same id."""
    ids = {"messageId", "userId", "anonymousId", "previousId"}
    return {
        name: str(value) if name in ids and isinstance(value, int) else value
        for name, value in event.items()
    }


def _kinds(value: object, place: str = "") -> list[tuple[str, str]]:
    """Return the type of each value by its place: 1, 1.0 and True are equal, but not the same."""
    found = [(place, type(value).__name__)]
    parts = value.items() if isinstance(value, dict) else []
    items = enumerate(value) if isinstance(value, list) else []
    for name, part in (*parts, *items):
        found += _kinds(part, f"{place}.{name}")
    return found


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_both_readers_agree(path: Path) -> None:
    """The fast reader and the careful one give the same, or the fast one leaves it to the other."""
    case = json.loads(path.read_text(encoding="utf-8"))
    if case["event"] is None:
        return
    plan = make_plan((json.dumps(case["schema"]),), TYPES)
    datum = bytes.fromhex(case["java"])
    assert plan.fast is not None or path.stem == "recursive"
    try:
        fast = None if plan.fast is None else plan.fast(datum, 0)
    except UNUSUAL:
        fast = None

    assert _with_ids_as_text(read_carefully(plan, datum, 0)) == case["event"]
    assert fast in (None, read_carefully(plan, datum, 0))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_the_same_event_from_json(path: Path) -> None:
    """What Seg gets is what it gets when the same call comes as JSON, value by value."""
    case = json.loads(path.read_text(encoding="utf-8"))
    event = case["event"]
    if event is None or event["type"] == "delete":
        return
    translate = Translator()
    kind = event["type"].lower()
    from_json = decoder()(Encoder()(event | {"type": kind}))
    written = decode(case, bytes.fromhex(case["java"]))
    written["type"] = kind

    sent = translate(written, 5)
    assert isinstance(sent, SegCall)
    meant = translate(from_json, 5)
    assert isinstance(meant, SegCall)
    assert sent._replace(body=b"") == meant._replace(body=b"")
    assert json.loads(sent.body) == json.loads(meant.body)  # Java's maps have no order


FRAMINGS = [json.loads(line) for line in (FOREIGN / "framings.jsonl").read_text().splitlines()]
GUID = UUID("e32cc022-877c-4ff5-b9d4-c8f8dd0d6e48")
VERSION = "b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63"
MODES: dict[str, Mode] = {
    "apicurio_3.1.7_prefix_8": "apicurio_content",
    "apicurio_3.1.7_prefix_global": "apicurio_global",
}
"""Which setting tells what the bytes alone do not."""


@pytest.mark.parametrize("case", FRAMINGS, ids=lambda case: case["name"])
def test_a_vendors_framing(case: dict[str, Any], tmp_path: Path) -> None:
    """The datum in each vendor's framing is read with the schema that the framing names."""
    (tmp_path / f"{VERSION}.avsc").write_text(CANONICAL_TEXT, encoding="utf-8")
    known = dict.fromkeys((1, 5, GUID, GlobalId(7)), (CANONICAL_TEXT,))
    decode = Decoder(
        registry=Registered(known),
        writer_schema=None,
        schemas=folder(),
        more_schemas=tmp_path,
        reading=Reading(framing=MODES.get(case["name"], "auto")),
    )
    headers: Headers = [(name, bytes.fromhex(value)) for name, value in case["headers"]]

    event = decode(bytes.fromhex(case["value"]), headers)

    assert (event["messageId"], event["userId"]) == ("m-1", "u-1")
    assert event["properties"] == {"orderId": "o-1", "total": 18.99}
