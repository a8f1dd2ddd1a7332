"""The events of the benchmark are the mix that it names, whatever the schema and the size."""

from __future__ import annotations

import io
from collections import Counter
from statistics import mean
from typing import TYPE_CHECKING, Final

import orjson
import pytest
from fastavro import parse_schema, schemaless_reader

from benchmarks.load import SCHEMA_IDS, TYPED, Load, records
from benchmarks.peers.translation import translate
from consumer.avro.decoder import Decoder
from consumer.avro.schemas import CANONICAL, folder
from consumer.core.model import Ignored
from consumer.translate import Translator
from tests.avro.samples import Registered

if TYPE_CHECKING:
    from consumer.core.model import SegCall

EVENTS: Final = 4_000
HEADER_BYTES: Final = 5


def outcomes(load: Load) -> list[SegCall | Ignored]:
    """Return what the consumer makes of each record of *load*; poison would raise."""
    texts = {number: ((folder() / name).read_text(),) for name, number in SCHEMA_IDS.items()}
    decode = Decoder(registry=Registered(texts), writer_schema=None, schemas=folder())
    ours = Translator()
    return [ours(decode(record.value or b""), None) for record in records(load)]


def name_of(outcome: SegCall | Ignored) -> str:
    """Return what became of a record, in a word."""
    return outcome.reason if isinstance(outcome, Ignored) else outcome.event or outcome.type


@pytest.mark.parametrize("schema", [CANONICAL, TYPED])
def test_mix_has_its_shares(schema: str) -> None:
    """Each kind of event has the share that the benchmark names, in both schemas."""
    counted = Counter(map(name_of, outcomes(Load(EVENTS, schema))))

    shares = {name: round(number / EVENTS * 100) for name, number in counted.items()}
    expected = {
        "ProductView": 60,
        "RangeView": 15,
        "AddedToBasket": 10,
        "OrderPlaced": 5,
        "identify": 5,
        "page": 3,
        "unmapped_event": 2,
    }
    assert shares.keys() == expected.keys()
    assert all(abs(shares[name] - share) <= 1 for name, share in expected.items())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_share_of_ignored_events_is_as_asked(share: float) -> None:
    """So many events as asked for are none of Seg's."""
    made = outcomes(Load(EVENTS, unmapped=share))

    ignored = sum(isinstance(outcome, Ignored) for outcome in made)
    assert ignored / EVENTS == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("size_bytes", [500, 2_000, 16_000])
def test_events_are_as_large_as_asked(size_bytes: int) -> None:
    """On the average: an order of three lines is larger than the smallest size."""
    sizes = [len(record.value or b"") for record in records(Load(500, size_bytes=size_bytes))]

    assert mean(sizes) == pytest.approx(size_bytes, rel=0.15)


def test_peers_send_what_we_send() -> None:
    """The peers' translation makes a call of the same events, about as large as ours."""
    schema = parse_schema(orjson.loads((folder() / CANONICAL).read_bytes()))
    load = Load(EVENTS)
    data = [(record.value or b"")[HEADER_BYTES:] for record in records(load)]
    events = [schemaless_reader(io.BytesIO(datum), schema, None) for datum in data]

    theirs = [call and orjson.dumps(call) for call in map(translate, events)]  # type: ignore[arg-type] # a record

    ours = [None if isinstance(it, Ignored) else it.body for it in outcomes(load)]
    assert [body is None for body in theirs] == [body is None for body in ours]
    size = {
        "ours": sum(len(it or b"") for it in ours),
        "theirs": sum(len(it or b"") for it in theirs),
    }
    assert size["theirs"] == pytest.approx(size["ours"], rel=0.1)
