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
from consumer.core.errors import DeadLetterReason, PoisonError
from tests.avro.registry_stub import RegistryStub, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


def schema(**fields: object) -> str:
    """Return the schema of a call with *fields*, types by name; it has a `type` unless given."""
    types: dict[str, object] = {"type": "string"} | fields
    parts = [{"name": name, "type": kind} for name, kind in types.items() if kind is not None]
    return json.dumps({"type": "record", "name": "Call", "fields": parts})


def report(field: str, text: str) -> FieldReport:
    """Return what is said of *field* in the schema *text*."""
    return next(report for report in check([text]) if report.field == field)


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

        assert found == FieldReport("type", FieldState.PROBLEM, "it says which call it is")

    @pytest.mark.parametrize(
        ("field", "kind"),
        [
            ("type", "long"),
            ("userId", "boolean"),
            ("userId", {"type": "map", "values": "string"}),
            ("timestamp", "double"),
            ("properties", "int"),
            ("properties", {"type": "array", "items": "string"}),
        ],
    )
    def test_a_type_that_cannot_be_read(self, field: str, kind: object) -> None:
        """The text says what could be, and what came."""
        found = report(field, schema(**{field: kind}))

        assert found.state is FieldState.PROBLEM
        assert found.detail.startswith("expected ")
        assert ", came " in found.detail

    def test_a_branch_that_cannot_be_read(self) -> None:
        """One bad branch of a union is a problem: some day a record comes with it."""
        found = report("timestamp", schema(timestamp=["null", "long", "double"]))

        assert found.state is FieldState.PROBLEM
        assert found.detail.endswith("came double")

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

        assert found == FieldReport("userId", FieldState.OK, "written as user_id")

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
        (tmp_path / "call.avsc").write_text(schema(properties="int"))

        done = run("check", "--json", str(tmp_path / "call.avsc"))

        told = orjson.loads(done.stdout)
        assert done.exit_code == 1
        assert told["readable"] is False
        assert [field["field"] for field in told["fields"] if field["state"] == "problem"] == [
            "properties"
        ]

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
    def test_either_a_file_or_an_id(self, arguments: list[str]) -> None:
        """None or both is wrong usage."""
        assert run("check", *arguments).exit_code == 2


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
