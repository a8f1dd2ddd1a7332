"""From the bytes of a value to an event, or to the reason why not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from consumer.avro.decoder import Decoder
from consumer.avro.framing import GlobalId, confluent, single_object
from consumer.avro.schemas import folder, rabin
from consumer.core.errors import (
    DeadLetterReason,
    MisconfiguredError,
    PoisonError,
    StartError,
    UnavailableError,
)
from consumer.core.json_text import NotFinite
from tests.avro.samples import (
    CANONICAL_TEXT,
    Registered,
    datum,
    decoder,
    present,
    read,
    read_bytes,
    record,
)

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.core.model import Headers, Value

# Spelt out by hand after the Avro specification, "Binary Encoding".
GOLDEN = bytes.fromhex(
    "02 06 6d2d31"  # messageId: branch 1, 3 bytes, m-1
    "04"  # type: symbol 2, track
    "00"  # userId: branch 0, null
    "02 06 612d31"  # anonymousId: a-1
    "00"  # previousId
    "02 02 45"  # event: E
    "00 00"  # name, channel
    "02 b28d9bfec068"  # timestamp: 1795428672345
    "00 00 00"  # originalTimestamp, sentAt, receivedAt
    "02 02 32"  # version: 2
    "02 0e 7b2261223a317d"  # properties: {"a":1}
    "00"  # traits
    "02 00"  # context: no bytes
    "02 08 6e756c6c"  # integrations: null
    "00"  # extra
)
SINGLE = single_object(bytes.fromhex("1812a3123f057907"))
EVENT = {
    "messageId": "m-1",
    "type": "track",
    "anonymousId": "a-1",
    "event": "E",
    "timestamp": 1_795_428_672_345,
    "properties": {"a": 1},
}


def poison(decode: Decoder, value: bytes) -> PoisonError:
    """Return why *value* is poison for *decode*."""
    with pytest.raises(PoisonError) as caught:
        decode(value)
    return caught.value


class TestFramings:
    """The first bytes say where the schema is."""

    def test_single_object(self) -> None:
        """A single object is read with the schema in the folder that has its fingerprint."""
        assert decoder()(SINGLE + GOLDEN) == EVENT

    def test_single_object_of_another_folder(self, tmp_path: Path) -> None:
        """A schema in the operator's folder is known like ours."""
        schema = record(("name", "string"))
        path = tmp_path / "theirs.avsc"
        path.write_text(schema, encoding="utf-8")
        decode = Decoder(registry=None, writer_schema=None, schemas=folder(), more_schemas=tmp_path)

        value = single_object(rabin(schema, path)) + b"\x08page\x02x"
        assert decode(value) == {"type": "page", "name": "x"}

    def test_confluent(self) -> None:
        """A value of Confluent's is read with the schema that the registry has for its id."""
        decode = decoder(Registered({258: (CANONICAL_TEXT,)}))

        assert decode(bytes.fromhex("00 00000102") + GOLDEN) == EVENT

    def test_confluent_asks_once(self) -> None:
        """The registry is asked once for each id, however many values there are."""
        registry = Registered({1: (CANONICAL_TEXT,), 2: (record(),)})
        decode = decoder(registry)

        for _ in range(3):
            decode(confluent(1) + GOLDEN)
            decode(confluent(2) + datum(record(), {"type": "page"}))

        assert registry.asked == [1, 2]

    def test_bare(self, tmp_path: Path) -> None:
        """With a writer's schema in the settings every value is bare, whatever it begins with."""
        path = tmp_path / "writer.avsc"
        path.write_text(record(("name", "string")), encoding="utf-8")
        decode = Decoder(registry=None, writer_schema=path, schemas=folder())

        assert decode(b"\x08page\x02x") == {"type": "page", "name": "x"}
        assert decode(b"\x00\x02x") == {"type": "", "name": "x"}

    def test_no_framing(self) -> None:
        """A value without a framing is poison, and the text says which setting names its schema."""
        error = poison(decoder(), GOLDEN)

        assert error.reason is DeadLetterReason.UNKNOWN_FRAMING
        assert "the first byte 02" in error.detail
        assert "SEG_SCHEMAS__WRITER" in error.detail

    def test_json(self) -> None:
        """A value that is JSON text is called that."""
        assert "what looks like JSON text" in poison(decoder(), b'{"type":"track"}').detail

    def test_nothing(self) -> None:
        """An empty value has no framing; null values do not come here."""
        assert "an empty value" in poison(decoder(), b"").detail

    @pytest.mark.parametrize("header", [confluent(1), SINGLE])
    def test_a_cut_framing(self, header: bytes) -> None:
        """A value that ends within its framing is truncated Avro."""
        decode = decoder(Registered({1: (CANONICAL_TEXT,)}))
        reasons = {poison(decode, header[:size]).reason for size in range(2, len(header))}

        assert reasons == {DeadLetterReason.BAD_AVRO}

    def test_unknown_fingerprint(self) -> None:
        """A fingerprint of no file is poison, and the text names it."""
        error = poison(decoder(), bytes.fromhex("c301 0011223344556677") + GOLDEN)

        assert error.reason is DeadLetterReason.UNKNOWN_SCHEMA
        assert "0011223344556677" in error.detail

    def test_unknown_version_of_glue(self) -> None:
        """A version of AWS Glue's without a file is poison, and the text says what to call it."""
        version = UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")
        error = poison(decoder(), b"\x03\x00" + version.bytes + GOLDEN)

        assert error.reason is DeadLetterReason.UNKNOWN_SCHEMA
        assert f"as {version}.avsc into the folder that SEG_SCHEMAS__FOLDER" in error.detail

    def test_no_registry(self) -> None:
        """A schema id without a registry is poison, and the text names the setting."""
        error = poison(decoder(), confluent(5) + GOLDEN)

        assert error.reason is DeadLetterReason.UNKNOWN_SCHEMA
        assert "SEG_SCHEMA_REGISTRY__URL" in error.detail

    def test_registry_is_down(self) -> None:
        """While the registry does not answer no value is poison, and afterwards all is well."""
        registry = Registered({1: (CANONICAL_TEXT,)})
        decode = decoder(registry)
        registry.failure = UnavailableError("schema_registry", "down")
        with pytest.raises(UnavailableError):
            decode(confluent(1) + GOLDEN)
        registry.failure = None

        assert decode(confluent(1) + GOLDEN) == EVENT

    def test_unknown_id_may_become_known(self) -> None:
        """An unknown id is asked for again: the registry decides when."""
        registry = Registered({1: (CANONICAL_TEXT,)})
        decode = decoder(registry)
        registry.failure = PoisonError(DeadLetterReason.UNKNOWN_SCHEMA, "none of id 1")
        assert poison(decode, confluent(1) + GOLDEN).reason is DeadLetterReason.UNKNOWN_SCHEMA
        registry.failure = None

        assert decode(confluent(1) + GOLDEN) == EVENT

    def test_unusable_schema_is_remembered(self) -> None:
        """A schema that no event can be read with is not asked for again."""
        registry = Registered({1: ('"int"',)})
        decode = decoder(registry)
        reasons = [poison(decode, confluent(1) + b"\x02").reason for _ in range(2)]

        assert reasons == [DeadLetterReason.UNUSABLE_SCHEMA] * 2
        assert registry.asked == [1]

    def test_schema_that_is_missing(self) -> None:
        """Told before the value is read, so that it can be looked up beforehand."""
        decode = decoder(Registered({1: (CANONICAL_TEXT,)}))
        value = confluent(1) + GOLDEN

        assert decode.missing_schema(value) == 1
        decode(value)
        assert decode.missing_schema(value) is None

    @pytest.mark.parametrize("value", [b"", b"\x00", confluent(1)[:-1], SINGLE + GOLDEN])
    def test_no_schema_is_missing(self, value: bytes) -> None:
        """A value that is none of the registry's, or a stump of one, needs no look-up."""
        assert decoder(Registered({})).missing_schema(value) is None

    def test_no_schema_is_missing_of_bare_datums(self, tmp_path: Path) -> None:
        """However they begin."""
        path = tmp_path / "writer.avsc"
        path.write_text(record(), encoding="utf-8")
        decode = Decoder(registry=None, writer_schema=path, schemas=folder())

        assert decode.missing_schema(confluent(1) + GOLDEN) is None


class TestUnions:
    """Several types of event in one topic."""

    SCHEMA = json.dumps(
        ["null"]
        + [
            {"type": "record", "name": name, "fields": [{"name": "userId", "type": "string"}]}
            for name in ("Identify", "page", "Heartbeat")
        ]
    )

    def test_the_branch_says_the_type(self) -> None:
        """A record without a type is what its name says; null is a row that was deleted."""
        assert read_bytes(self.SCHEMA, b"\x02\x02u") == {"type": "identify", "userId": "u"}
        assert read_bytes(self.SCHEMA, b"\x04\x02u") == {"type": "page", "userId": "u"}
        assert read_bytes(self.SCHEMA, b"\x00") == {"type": "delete"}

    @pytest.mark.parametrize("datum", [b"", b"\x08\x02u", b"\x01\x02u", b"\x82\x00\x02u"])
    def test_a_branch_that_is_not_there(self, datum: bytes) -> None:
        """An index outside the union is bad Avro, also one that is negative or too long."""
        with pytest.raises(PoisonError, match="bad_avro"):
            read_bytes(self.SCHEMA, datum)

    def test_a_branch_that_is_no_event(self) -> None:
        """It is poison by itself, and the text says which setting would name it."""
        with pytest.raises(PoisonError, match=r"unusable_schema.*SEG_SCHEMAS__TYPES.*Heartbeat"):
            read_bytes(self.SCHEMA, b"\x06\x02u")

    def test_bytes_beyond_null(self) -> None:
        """Null takes its index and nothing more."""
        with pytest.raises(PoisonError, match="trailing_bytes"):
            read_bytes(self.SCHEMA, b"\x00\x00")


class TestHeaders:
    """A header of the record may name the schema."""

    GUID = UUID("89791762-2336-4186-9674-299b90a802e2")

    def test_beats_what_stands_in_front(self, tmp_path: Path) -> None:
        """Also where the settings name a writer's schema, and where the datum looks framed."""
        path = tmp_path / "writer.avsc"
        path.write_text(record(("name", "string")), encoding="utf-8")
        registry = Registered({self.GUID: (record(("event", "string")),)})
        decode = Decoder(registry=registry, writer_schema=path, schemas=folder())
        headers: Headers = [("trace", None), ("__value_schema_id", b"\x01" + self.GUID.bytes)]

        assert decode(b"\x00\x02x", headers) == {"type": "", "event": "x"}
        assert decode(b"\x00\x02x", [("trace", b"1")]) == {"type": "", "name": "x"}

    def test_with_an_id(self) -> None:
        """Confluent's header may hold an id instead of a GUID."""
        registry = Registered({7: (record(),)})

        assert decoder(registry)(b"\x02x", [("__value_schema_id", confluent(7))])["type"] == "x"

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("__value_schema_id", b""),
            ("__value_schema_id", b"\x01" + bytes(15)),
            ("__value_schema_id", b"\x02" + bytes(16)),
            ("apicurio.value.globalId", bytes(4)),
            ("apicurio.value.contentId", bytes(9)),
        ],
    )
    def test_that_nobody_knows(self, name: str, data: bytes) -> None:
        """A header of the right name with other bytes is poison, and the text names it."""
        with pytest.raises(PoisonError, match=f"unknown_framing.*{name}"):
            decoder(Registered({}))(b"\x02x", [(name, data)])

    def test_of_json(self) -> None:
        """Apicurio can write Avro's JSON; that is told apart from its binary."""
        headers: Headers = [
            ("apicurio.value.globalId", bytes(7) + b"\x07"),
            ("apicurio.value.encoding", b"JSON"),
        ]
        with pytest.raises(PoisonError, match=r"unknown_framing.*came its JSON"):
            decoder(Registered({}))(b'{"type":"page"}', headers)

    def test_what_the_registry_must_be_asked_for(self) -> None:
        """It is known before the value is decoded, and only where nobody knows the schema yet."""
        registry = Registered({self.GUID: (record(),), 7: (record(),)})
        decode = decoder(registry)
        headers: Headers = [("__value_schema_id", b"\x01" + self.GUID.bytes)]

        assert decode.missing_schema(b"\x02x", headers) == self.GUID
        assert decode.missing_schema(b"\x00" + bytes(7) + b"\x07") == GlobalId(7)
        assert decode.missing_schema(b"\x03\x00" + bytes(16)) is None
        decode(b"\x02x", headers)
        assert decode.missing_schema(b"\x02x", headers) is None


class TestSettings:
    """What cannot be read as the settings are is told from what nobody could read."""

    @pytest.mark.parametrize(
        ("value", "setting"),
        [
            (confluent(5) + GOLDEN, "SEG_SCHEMA_REGISTRY__URL"),
            (single_object(bytes(8)) + GOLDEN, "SEG_SCHEMAS__FOLDER"),
            (GOLDEN, "SEG_SCHEMAS__WRITER"),
            (b'{"type":"track"}', "SEG_KAFKA__TOPICS"),
        ],
    )
    def test_a_framing_that_no_setting_is_for(self, value: bytes, setting: str) -> None:
        """The text names the setting to look at."""
        error = poison(decoder(), value)

        assert isinstance(error, MisconfiguredError)
        assert setting in error.detail

    @pytest.mark.parametrize("value", [b'{"type":"track"}', b"[1]", SINGLE + GOLDEN])
    def test_a_writer_s_schema_where_the_datums_are_not_bare(
        self, value: bytes, tmp_path: Path
    ) -> None:
        """The setting says that they are, and what came is something else to the eye."""
        error = poison(bare(tmp_path), value)

        assert isinstance(error, MisconfiguredError)
        assert "SEG_SCHEMAS__WRITER" in error.detail

    @pytest.mark.parametrize("value", [b"{cut", b"\x08page\x7fx", b""])
    def test_a_broken_bare_datum_blames_no_setting(self, value: bytes, tmp_path: Path) -> None:
        """It is poison, as a cut framing and an empty value are."""
        assert type(poison(bare(tmp_path), value)) is PoisonError

    @pytest.mark.parametrize("value", [b"", SINGLE[:5], SINGLE + GOLDEN[:-5], confluent(1)[:3]])
    def test_a_broken_value_blames_no_setting(self, value: bytes) -> None:
        """Its framing is one that the settings have a schema for, or it has none at all."""
        assert type(poison(decoder(), value)) is PoisonError


def bare(folder_: Path) -> Decoder:
    """Return a decoder of bare datums."""
    path = folder_ / "writer.avsc"
    path.write_text(record(("name", "string")), encoding="utf-8")
    return Decoder(registry=None, writer_schema=path, schemas=folder())


class TestStart:
    """What is wrong with the files is said at the start."""

    def test_writer_schema_is_missing(self, tmp_path: Path) -> None:
        """A writer's schema that is not there stops the start and names the path."""
        with pytest.raises(StartError, match=r"nowhere\.avsc"):
            Decoder(registry=None, writer_schema=tmp_path / "nowhere.avsc", schemas=folder())

    def test_writer_schema_is_unusable(self, tmp_path: Path) -> None:
        """A writer's schema without `type` stops the start and names the setting."""
        path = tmp_path / "writer.avsc"
        path.write_text('"string"', encoding="utf-8")

        with pytest.raises(StartError, match=r"SEG_SCHEMAS__WRITER.*expected a record"):
            Decoder(registry=None, writer_schema=path, schemas=folder())


class TestBytes:
    """A value must be its datum, whole and nothing more."""

    def test_too_large(self) -> None:
        """A value above the limit is refused unread; one of just the limit is read."""
        value = SINGLE + GOLDEN

        assert decoder(max_bytes=len(value))(value) == EVENT
        error = poison(decoder(max_bytes=len(value) - 1), value)
        assert error.reason is DeadLetterReason.TOO_LARGE

    def test_truncated(self) -> None:
        """A datum cut short at any byte is bad Avro."""
        decode = decoder()
        cuts = range(len(SINGLE), len(SINGLE + GOLDEN))
        reasons = {poison(decode, (SINGLE + GOLDEN)[:cut]).reason for cut in cuts}

        assert reasons == {DeadLetterReason.BAD_AVRO}

    def test_trailing_bytes(self) -> None:
        """Bytes after the datum mean that another schema wrote it."""
        error = poison(decoder(), SINGLE + GOLDEN + b"\x00\x00")

        assert error.reason is DeadLetterReason.TRAILING_BYTES
        assert "2 bytes more" in error.detail


class TestEnvelope:
    """The envelope has the fields of an `Event`, whatever the writer's types are."""

    def test_values_are_not_judged(self) -> None:
        """A type that is null, an id that is no text: the translation says what becomes of it."""
        schema = record(("type", ["null", "string"]), ("userId", ["null", "long", "boolean"]))

        assert read(schema, {"type": None, "userId": 5}) == {"userId": 5}
        assert read(schema, {"type": "page", "userId": True})["userId"] is True

    def test_ids_as_uuid(self) -> None:
        """A uuid is taken as its text, written as a string or as a fixed of 16 bytes."""
        fixed = {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}
        text = {"type": "string", "logicalType": "uuid"}
        schema = record(("messageId", fixed), ("userId", text))
        event = read_bytes(schema, b"\x08page" + bytes(range(16)) + b"\x06u-1")

        assert event == {
            "type": "page",
            "messageId": "00010203-0405-0607-0809-0a0b0c0d0e0f",
            "userId": "u-1",
        }

    def test_unknown_fields_are_ignored(self) -> None:
        """A field that a Segment call has not is read over, whatever is in it."""
        schema = record(("writeKey", "string"), ("score", "double"), ("name", "string"))
        event = read(
            schema, {"type": "page", "writeKey": "k", "score": float("nan"), "name": "Home"}
        )

        assert event == {"type": "page", "name": "Home"}

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("long", 1_795_428_672_345),
            ({"type": "long", "logicalType": "timestamp-millis"}, 1_795_428_672_345),
            ({"type": "long", "logicalType": "timestamp-micros"}, 1_795_428_672_345_999),
            ({"type": "long", "logicalType": "timestamp-nanos"}, 1_795_428_672_345_999_999),
            ({"type": "long", "logicalType": "local-timestamp-micros"}, 1_795_428_672_345_001),
        ],
    )
    def test_timestamps_are_milliseconds(self, kind: object, value: int) -> None:
        """A timestamp of any unit comes as whole milliseconds, also among other branches."""
        event = read(
            record(("sentAt", ["null", kind, "string"])), {"type": "page", "sentAt": value}
        )

        assert event["sentAt"] == 1_795_428_672_345

    @pytest.mark.parametrize(
        ("unit", "value", "text"),
        [
            ("timestamp-micros", -1, "1969-12-31T23:59:59.999000+00:00"),
            ("timestamp-millis", 1_571_051_718, "1970-01-19T04:24:11.718000+00:00"),
            ("local-timestamp-millis", 0, "1970-01-01T00:00:00+00:00"),
        ],
    )
    def test_timestamps_that_digits_do_not_tell(self, unit: str, value: int, text: str) -> None:
        """Where the schema tells the unit and the digits would tell another, the time is text."""
        kind = {"type": "long", "logicalType": unit}

        assert read(record(("sentAt", kind)), {"type": "page", "sentAt": value})["sentAt"] == text

    def test_timestamps_beyond_the_calendar(self) -> None:
        """A time that no calendar holds comes as what no time is."""
        kind = {"type": "long", "logicalType": "timestamp-millis"}
        sent_at = read(record(("sentAt", kind)), {"type": "page", "sentAt": 2**62})["sentAt"]

        assert isinstance(sent_at, NotFinite)

    def test_timestamps_as_text(self) -> None:
        """A timestamp as text is left to the translation."""
        event = read(record(("sentAt", "string")), {"type": "page", "sentAt": "2026-11-23"})

        assert event["sentAt"] == "2026-11-23"

    def test_timestamps_as_days(self) -> None:
        """A date is its midnight in UTC."""
        schema = record(("sentAt", {"type": "int", "logicalType": "date"}))

        assert read(schema, {"type": "page", "sentAt": 20_000})["sentAt"] == 1_728_000_000_000
        assert read(schema, {"type": "page", "sentAt": 1})["sentAt"] == "1970-01-02T00:00:00+00:00"


class TestJsonText:
    """An open object may come as JSON text, in bytes or in a string."""

    @pytest.mark.parametrize("kind", ["bytes", "string"])
    @pytest.mark.parametrize(
        ("text", "expected"),
        [('{"Ä": [1, 2.5, null]}', {"Ä": [1, 2.5, None]}), ("{}", {}), ("", None), ("null", None)],
    )
    def test_object(self, kind: str, text: str, expected: Value) -> None:
        """The text of an object is that object; no text and JSON's null are absence."""
        value = text.encode() if kind == "bytes" else text

        event = read(record(("traits", kind)), {"type": "page", "traits": value})
        assert event == present({"type": "page", "traits": expected})

    @pytest.mark.parametrize("text", ["jane", "{", " ", "\xff", "'a'"])
    def test_no_json(self, text: str) -> None:
        """Text that is no JSON is bad JSON, and the error does not repeat it."""
        with pytest.raises(PoisonError) as caught:
            read(record(("traits", "bytes")), {"type": "page", "traits": text.encode("latin-1")})

        assert caught.value.reason is DeadLetterReason.BAD_JSON
        assert "traits" in caught.value.detail
        assert "jane" not in caught.value.detail

    @pytest.mark.parametrize(
        ("text", "value"),
        [("[]", []), ("7", 7), ('"j"', "j")],
    )
    def test_any_json(self, text: str, value: Value) -> None:
        """What is no object is left to the translation."""
        assert read(record(("traits", "string")), {"type": "page", "traits": text}) == {
            "type": "page",
            "traits": value,
        }

    def test_large_numbers(self) -> None:
        """Asked for exactly, an integer beyond 64 bits keeps its digits, as text."""
        schema = record(("traits", "string"))
        value = confluent(7) + datum(
            schema, {"type": "page", "traits": '{"n":18446744073709551617}'}
        )
        decode = decoder(Registered({7: (schema,)}))

        assert decode(value)["traits"] == {"n": 2.0**64}
        assert decode(value, exactly=True)["traits"] == {"n": "18446744073709551617"}

    def test_numbers_that_json_lacks(self) -> None:
        """NaN and the infinities, as Python writes them, are told from other numbers."""
        text = '{"a":NaN,"b":-Infinity,"c":1e999}'
        traits = read(record(("traits", "string")), {"type": "page", "traits": text})["traits"]

        assert isinstance(traits, dict)
        assert [type(value) for value in traits.values()] == [NotFinite] * 3

    def test_too_deep(self) -> None:
        """Text that nests more than the parser can is too deep, which is no fault of its syntax."""
        text = b'{"a":' * 2_000 + b"1" + b"}" * 2_000
        with pytest.raises(PoisonError, match="too_deep: traits"):
            read(record(("traits", "bytes")), {"type": "page", "traits": text})

    def test_neither_text_nor_object(self) -> None:
        """An open object of another type is left to the translation, also where it is 0."""
        schema = record(("traits", ["null", "long", "bytes", {"type": "array", "items": "int"}]))

        assert read(schema, {"type": "page", "traits": 0})["traits"] == 0
        assert read(schema, {"type": "page", "traits": [1]})["traits"] == [1]

    def test_text_or_map(self) -> None:
        """Where a union has text and a map, each value is taken for what it is."""
        schema = record(("traits", ["null", "bytes", {"type": "map", "values": "bytes"}]))

        assert read(schema, {"type": "page", "traits": b'{"a":"b"}'})["traits"] == {"a": "b"}
        assert read(schema, {"type": "page", "traits": {"a": b"b"}})["traits"] == {"a": "b"}
