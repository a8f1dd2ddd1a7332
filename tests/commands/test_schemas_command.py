"""`seg-consumer schemas`: can this schema be read, and ours into a registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
import pytest
from click.testing import CliRunner, Result

from consumer.avro.compatibility import FieldReport, FieldState, check, readable
from consumer.avro.encoder import Encoder
from consumer.avro.schemas import folder
from consumer.cli import cli
from consumer.commands.loading import NEEDS_NO_SEG
from consumer.core.errors import DeadLetterReason, PoisonError
from consumer.core.model import Ignored
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.settings import load
from consumer.translate import Translator
from tests.avro.registry_stub import RegistryStub, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.core.model import Event, Object


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


def schema(**fields: object) -> str:
    """Return the schema of a call with *fields*, types by name; it has a `type` unless given."""
    types: dict[str, object] = {"type": "string"} | fields
    parts = [{"name": name, "type": kind} for name, kind in types.items() if kind is not None]
    return json.dumps({"type": "record", "name": "Call", "fields": parts})


def delivers(event: Event) -> bool:
    """Tell whether the translation makes a call of *event*."""
    return not isinstance(Translator()(event, 0), Ignored)


def report(field: str, text: str) -> FieldReport:
    """Return the last that is said of *field* in the schema *text*."""
    return [it for it in check([text], delivers=delivers) if it.field == field][-1]


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    """Run the command."""
    return CliRunner(env=env).invoke(cli, ["schemas", *arguments])


class TestFields:
    """What is said of one field."""

    @pytest.mark.parametrize("name", ["segment_event.avsc", "segment_event_typed.avsc"])
    def test_our_own_schemas_are_fine(self, name: str) -> None:
        """The examples that the project ships can be read."""
        assert readable(check([(folder() / name).read_text(encoding="utf-8")]))

    def test_a_schema_without_a_type(self) -> None:
        """Nobody could tell which call it is."""
        found = report("type", schema(type=None, userId="string"))

        assert found.state is FieldState.PROBLEM
        assert found.detail.startswith("it says which call it is")

    def test_a_type_that_is_no_text(self) -> None:
        """No event of it would be delivered."""
        found = report("type", schema(type="long"))

        assert found.state is FieldState.PROBLEM
        assert not readable(check([schema(type="long")]))

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("userId", "boolean"),
            ("userId", {"type": "map", "values": "string"}),
            ("timestamp", "boolean"),
            ("properties", "int"),
            ("properties", {"type": "array", "items": "string"}),
        ],
    )
    def test_a_type_that_is_left_out(self, field: str, kind: object) -> None:
        """It costs the field alone; the text says what came."""
        text = schema(**{field: kind})
        found = report(field, text)

        assert found.state is FieldState.LEFT_OUT
        assert found.detail.startswith("values of ")
        assert readable(check([text]))

    def test_a_branch_that_is_left_out(self) -> None:
        """One branch of a union that cannot be read is told beside the others."""
        found = report("timestamp", schema(timestamp=["null", "string", "boolean"]))

        assert found.state is FieldState.OK
        assert (
            found.detail == "read as a time as text, or as digits; values of boolean are left out"
        )

    @pytest.mark.parametrize("symbols", [["track", "delete"], ["identify"], ["page", "track"]])
    def test_an_enum_with_a_type_of_segments(self, symbols: list[str]) -> None:
        """One is enough: the others are ignored."""
        kind = {"type": "enum", "name": "Kind", "symbols": symbols}

        assert readable(check([schema(type=kind, event="string")], delivers=delivers))

    @pytest.mark.parametrize("symbols", [["click", "view"], ["screen", "group"]])
    def test_an_enum_without_a_type_that_seg_gets(self, symbols: list[str]) -> None:
        """Every event would be ignored: it is objected to."""
        text = schema(type={"type": "enum", "name": "Kind", "symbols": symbols}, event="string")

        assert report("type", text).state is FieldState.PROBLEM
        assert ", ".join(symbols) in report("type", text).detail
        assert not readable(check([text], delivers=delivers))

    @pytest.mark.parametrize(
        ("fields", "good"),
        [
            ({}, False),
            ({"event": "string"}, True),
            ({"event": {"type": "enum", "name": "E", "symbols": ["search", "login"]}}, False),
        ],
    )
    def test_a_track_needs_a_name_that_seg_gets(
        self, fields: dict[str, object], *, good: bool
    ) -> None:
        """A schema of tracks alone, without an event of Seg's, delivers nothing."""
        kind = {"type": "enum", "name": "Kind", "symbols": ["track"]}

        assert readable(check([schema(type=kind, **fields)], delivers=delivers)) is good

    def test_the_fields_of_an_object(self) -> None:
        """Each is told by its path, with how its type is read."""
        line = {"type": "record", "name": "Line", "fields": [{"name": "price", "type": "float"}]}
        kind = {"type": "record", "name": "P", "fields": [{"name": "products", "type": line}]}
        text = schema(properties=["null", kind])

        assert report("properties.products", text).detail == "read as an object"
        assert report("properties.products.price", text).detail == "read as a number"

    def test_a_union_of_events(self) -> None:
        """Each record is told by itself; one that is no event does not spoil the others."""
        parts = [
            {"type": "record", "name": "Identify", "fields": [{"name": "userId", "type": "int"}]},
            {"type": "record", "name": "Heartbeat", "fields": [{"name": "at", "type": "long"}]},
        ]
        reports = check([json.dumps(["null", *parts])], delivers=delivers)

        told = {(it.record, it.field): it for it in reports}
        assert told["Identify", "type"].detail == "identify, by the record's name"
        assert told["Heartbeat", "type"].state is FieldState.PROBLEM
        assert readable(reports)
        assert not readable(check([json.dumps(parts[1:])], delivers=delivers))

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("userId", ["null", "long"]),
            ("timestamp", {"type": "long", "logicalType": "timestamp-micros"}),
            ("properties", "bytes"),
            ("properties", ["null", {"type": "map", "values": "double"}]),
        ],
    )
    def test_types_that_can_be_read(self, field: str, kind: object) -> None:
        """Ids may be numbers, times of any unit, and open objects JSON text or maps."""
        assert report(field, schema(**{field: kind})).state is FieldState.OK

    def test_the_spelling_of_warehouses(self) -> None:
        """A field under its other name is found, and that is told."""
        found = report("userId", schema(user_id="string"))

        assert found == ("Call", "userId", FieldState.OK, "read as text; written as user_id")

    def test_what_is_not_ours_and_what_is_not_there(self) -> None:
        """Neither is a problem."""
        text = schema(tenant="int")

        assert report("tenant", text).state is FieldState.IGNORED
        assert report("userId", text).state is FieldState.ABSENT
        assert readable(check([text]))

    def test_a_type_that_takes_no_bytes(self) -> None:
        """What `rewrite` refuses is told of the field that holds it."""
        found = report("properties", schema(properties={"type": "map", "values": "null"}))

        assert found.state is FieldState.PROBLEM
        assert "expected null only within a union" in found.detail

    @pytest.mark.parametrize("text", ["{", '"string"', '{"type": "record"}'])
    def test_what_is_no_schema_of_a_record(self, text: str) -> None:
        """There are no fields to speak of."""
        with pytest.raises(PoisonError) as caught:
            check([text])

        assert caught.value.reason is DeadLetterReason.UNUSABLE_SCHEMA


class TestCheck:
    """The command for people and programs."""

    def test_a_file_that_can_be_read(self) -> None:
        """Exit code 0, and a row for each field."""
        done = run("check", str(folder() / "segment_event.avsc"), env={"COLUMNS": "120"})

        assert done.exit_code == 0
        assert "messageId" in done.stdout

    def test_a_file_that_cannot(self, tmp_path: Path) -> None:
        """Exit code 1, and the JSON names the field."""
        (tmp_path / "call.avsc").write_text(schema(type="int"))

        done = run("check", "--json", str(tmp_path / "call.avsc"))

        told = orjson.loads(done.stdout)
        assert done.exit_code == 1
        assert told["readable"] is False
        assert [field["field"] for field in told["fields"] if field["state"] == "problem"] == [
            "type"
        ]

    @pytest.mark.parametrize(
        ("kinds", "sentence"),
        [
            ({}, "Events of this schema can be delivered."),
            ({"userId": "boolean"}, "Events of this schema can be delivered; fields left out: 1."),
            ({"type": "long"}, "No event of this schema can be delivered: see what is a problem."),
        ],
    )
    def test_the_last_line_says_what_it_comes_to(
        self, tmp_path: Path, kinds: dict[str, object], sentence: str
    ) -> None:
        """Whoever reads no table reads that; each column has a title."""
        file = tmp_path / "own.avsc"
        file.write_text(schema(**kinds))

        done = run("check", str(file))

        assert done.stdout.splitlines()[-1] == sentence
        assert all(it in done.stdout for it in ("field", "how it is read", "remark"))

    def test_a_file_with_comments(self, tmp_path: Path) -> None:
        """Java's parser takes them, and so does the check; a // within text is none."""
        text = schema(userId={"type": "string", "doc": "as in https://example.com /* not one */"})
        (tmp_path / "call.avsc").write_text(f"// ours\n/* and\n more */ {text} // end")

        assert run("check", str(tmp_path / "call.avsc")).exit_code == 0

    def test_a_word_for_a_type(self, tmp_path: Path) -> None:
        """A record written in place of a type is named by its field."""
        (tmp_path / "call.avsc").write_text(schema(properties="record"))

        done = run("check", str(tmp_path / "call.avsc"))

        assert done.exit_code == 1
        assert "properties: expected a type, came the word `record`" in done.stderr

    def test_a_schema_of_the_registry(self, stub: RegistryStub) -> None:
        """By its id, with what it refers to; Kafka and Seg need no settings."""
        schema_id = stub.add(schema())

        done = run("check", "--id", str(schema_id), env={"SEG_SCHEMA_REGISTRY__URL": stub.url})

        assert done.exit_code == 0

    def test_an_id_that_the_registry_lacks(self, stub: RegistryStub) -> None:
        """Exit code 1, and the text says so."""
        done = run("check", "--id", "7", env={"SEG_SCHEMA_REGISTRY__URL": stub.url})

        assert done.exit_code == 1
        assert "knows no schema of id 7" in done.stderr

    @pytest.mark.parametrize("arguments", [[], ["--id", "1", "pyproject.toml"]])
    def test_a_file_or_an_id_or_a_topic(self, arguments: list[str]) -> None:
        """None or both is wrong usage."""
        assert run("check", *arguments).exit_code == 2


@pytest.mark.broker
class TestTopic:
    """What becomes of a topic's newest records, by the very stages that they go through."""

    def test_the_newest_of_each_partition(self) -> None:
        """Ten of each are counted by their outcome; no value of them is shown."""
        call: Object = {"type": "page", "userId": "jane@example.com"}
        good, other = Encoder()(call), Encoder()(call | {"type": "screen"})
        values = [b"older"] * 3 + [good] * 7 + [other, b"{}", None]
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            done = run("check", "--json", "--topic", "events", env=_filled(broker, values))

        told = orjson.loads(done.stdout)["topic"]
        assert done.exit_code == 0
        assert {name: told[name] for name in ("records", "delivered", "ignored")} == {
            "records": 10,
            "delivered": 7,
            "ignored": {"unsupported_type": 1, "tombstone": 1},
        }
        assert [text.partition(":")[0] for text in told["dead_lettered"]] == ["unknown_framing"]
        assert "jane" not in done.stdout

    def test_what_is_left_out_is_counted(self) -> None:
        """By Seg's key and what was expected; the event is delivered without it."""
        call: Object = {"type": "track", "event": "Viewed Product", "userId": "u-1"}
        value = Encoder()(call | {"properties": {"id": "7", "price": "1,299"}})
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            done = run("check", "--json", "--topic", "events", env=_filled(broker, [value]))

        told = orjson.loads(done.stdout)["topic"]
        assert told["delivered"] == 1
        assert [(text.partition(":")[0], n) for text, n in told["left_out"].items()] == [
            ("Price", 1)
        ]
        assert "1,299" not in done.stdout

    def test_of_which_none_would_be_delivered(self) -> None:
        """Exit code 1, though the schema in the file is fine; the reason is in the table."""
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            env = _filled(broker, [b"{}"]) | {"COLUMNS": "200"}
            path = str(folder() / "segment_event.avsc")
            done = run("check", path, "--topic", "events", env=env)

        assert done.exit_code == 1
        assert "messageId" in done.stdout
        assert "what looks like JSON text" in done.stdout

    def test_that_is_empty(self) -> None:
        """Nothing speaks against it yet."""
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            done = run("check", "--topic", "events", env=_filled(broker, []))

        assert done.exit_code == 0


def _filled(broker: EmbeddedBroker, values: list[bytes | None]) -> dict[str, str]:
    """Write *values* to the topic `events`; return the settings that lead to it."""
    env = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "SEG_KAFKA__TOPICS": "events",
        "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
    }
    settings = load(env=env | NEEDS_NO_SEG)
    producer = TopicProducer(settings.kafka, "events")
    for value in values:
        producer.put(Outgoing(b"k", value))
    producer.close()
    return env


class TestRegister:
    """Our schema into a registry."""

    def test_the_id_is_printed(self, stub: RegistryStub) -> None:
        """The registry has our schema under the subject, and the id is what `produce` takes."""
        env = {"SEG_SCHEMA_REGISTRY__URL": stub.url}

        done = run("register", "--subject", "events-value", env=env)

        assert done.exit_code == 0
        assert stub.schemas[int(done.stdout)] == {"schema": Encoder().schema}
        assert stub.versions["events-value"] == [int(done.stdout)]

    def test_without_a_registry(self) -> None:
        """The setting is named."""
        done = run("register", "--subject", "events-value")

        assert done.exit_code == 1
        assert "SEG_SCHEMA_REGISTRY__URL" in done.stderr
