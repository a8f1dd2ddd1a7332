"""The folder of schemas, and what its schemas promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.avro import schemas
from consumer.avro.plan import ALIASES, FIELDS
from consumer.core.errors import StartError
from tests.avro.samples import CANONICAL_TEXT, TYPED_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _records(schema: object) -> Iterator[dict[str, object]]:
    """Yield every record within *schema*."""
    if isinstance(schema, list):
        for part in schema:
            yield from _records(part)
    elif isinstance(schema, dict):
        if schema.get("type") == "record":
            yield schema
        for key in ("type", "items", "values", "fields"):
            yield from _records(schema.get(key))


@pytest.mark.parametrize("text", [CANONICAL_TEXT, TYPED_TEXT], ids=["canonical", "typed"])
class TestOurs:
    """Our schemas can evolve: readers and writers of two versions understand each other."""

    def test_every_field_has_a_default(self, text: str) -> None:
        """A field may be added and removed, for every one has a default."""
        for record in _records(orjson.loads(text)):
            for field in record["fields"]:  # type: ignore[attr-defined]  # a list, as Avro says
                assert "default" in field, (record["name"], field["name"])

    def test_everything_is_documented(self, text: str) -> None:
        """Every record and field says what it is."""
        for record in _records(orjson.loads(text)):
            assert record["doc"]
            for field in record["fields"]:  # type: ignore[attr-defined]  # a list, as Avro says
                assert field["doc"].endswith("."), (record["name"], field["name"])

    def test_every_field_of_an_event_is_there(self, text: str) -> None:
        """All that the translation reads can be written: `category` in `extra`."""
        names = {field["name"] for field in orjson.loads(text)["fields"]}

        assert names - {"version", "extra"} == FIELDS - {"category", "extra"}

    def test_aliases_are_the_plans(self, text: str) -> None:
        """The aliases that other readers see are those that the decoder takes."""
        fields = orjson.loads(text)["fields"]
        aliases = {alias: field["name"] for field in fields for alias in field.get("aliases", ())}

        assert aliases == {old: new for old, new in ALIASES.items() if old != new}


def test_folder() -> None:
    """The folder of a checkout is the one at its top."""
    assert (schemas.folder() / "segment_event.avsc").is_file()


def test_folder_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package brings its own folder, that is taken."""
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(schemas, "_PACKAGE", tmp_path)

    assert schemas.folder() == tmp_path / "schemas"


def test_index() -> None:
    """Each schema of the folder is found by its fingerprint."""
    texts = schemas.index(schemas.folder())

    assert texts[bytes.fromhex("1812a3123f057907")] == CANONICAL_TEXT
    assert texts[bytes.fromhex("7fcea75779bcc4a5")] == TYPED_TEXT


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Only files that end in `.avsc` are schemas."""
    (tmp_path / "README.md").write_text("no schema", encoding="utf-8")

    assert schemas.index(tmp_path) == {}


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(StartError, match=r"none at .*nowhere"):
        schemas.index(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"{", b'{"type": "text"}', b"\xff"])
def test_a_file_that_is_no_schema(tmp_path: Path, content: bytes) -> None:
    """A file that holds no schema is named."""
    (tmp_path / "odd.avsc").write_bytes(content)

    with pytest.raises(StartError, match=r"odd\.avsc: expected a schema of Avro"):
        schemas.index(tmp_path)


def test_one_fingerprint_twice(tmp_path: Path) -> None:
    """Two files of one fingerprint are refused: they may differ in logical types."""
    (tmp_path / "a.avsc").write_text('"long"', encoding="utf-8")
    (tmp_path / "b.avsc").write_text(
        '{"type": "long", "logicalType": "timestamp-millis"}', encoding="utf-8"
    )

    with pytest.raises(StartError, match=r"b\.avsc has the fingerprint of .*a\.avsc"):
        schemas.index(tmp_path)


def test_several_folders(tmp_path: Path) -> None:
    """The operator's folder adds to ours; a copy of one of our files does no harm."""
    (tmp_path / "copy.avsc").write_text(CANONICAL_TEXT, encoding="utf-8")
    (tmp_path / "other.avsc").write_text('"int"', encoding="utf-8")
    ours = schemas.index(schemas.folder())
    every = schemas.index(schemas.folder(), tmp_path)

    assert every == {**ours, bytes.fromhex("8f5c393f1ad57572"): '"int"'}
