"""The folder of schemas: in a checkout the top-level `schemas/`, in the wheel `consumer/schemas`.

A schema that was written with once stays in the folder, under another name when it is replaced:
data with its fingerprint live as long as the topic.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

import orjson
from fastavro.schema import fingerprint, to_parsing_canonical_form

from consumer.avro.framing import GlueVersion
from consumer.core.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastavro.types import Schema

CANONICAL: Final = "segment_event.avsc"

_COMMENT: Final = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)

_PACKAGE: Final = Path(__file__).parents[1]


def folder() -> Path:
    """Return where this program's own schemas are."""
    installed = _PACKAGE / "schemas"
    return installed if installed.is_dir() else _PACKAGE.parent / "schemas"


def index(*folders: Path) -> Mapping[bytes | GlueVersion, str]:
    """Return the text of each `*.avsc` in *folders* by its CRC-64-AVRO fingerprint.

    One whose name is a UUID is also known by that, as a version of AWS Glue's.

    Raises:
        StartError: a file cannot be read or is no schema, or two that differ have one fingerprint.
            (It leaves logical types out, so they may mean different data.)
    """
    paths: dict[bytes, Path] = {}
    texts: dict[bytes | GlueVersion, str] = {}
    for path in (path for folder in folders for path in _files(folder)):
        text = read(path)
        key = rabin(text, path)
        if texts.get(key, text) != text:
            raise StartError(f"{path} has the fingerprint of {paths[key]}: remove one of them")
        paths[key] = path
        texts[key] = text
        with suppress(ValueError):
            texts[GlueVersion(UUID(path.stem))] = text
    return texts


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise StartError(f"expected a folder of schemas, came none at {folder}")
    return sorted(folder.glob("*.avsc"))


def read(path: Path) -> str:
    """Return the text of the schema at *path*, without the comments that Java's parser allows.

    Raises:
        StartError: it cannot be read.
    """
    try:
        return _COMMENT.sub(r"\1", path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path}: expected a schema of Avro, came {error}") from None


def rabin(text: str, path: Path) -> bytes:
    """Return the fingerprint of the schema *text*, found at *path*, as single objects carry it.

    Avro 1.12 specification, "Schema Fingerprints": CRC-64-AVRO of the parsing canonical form, in
    little-endian order.

    Raises:
        StartError: *text* is no schema.
    """
    try:
        canonical = to_parsing_canonical_form(cast("Schema", orjson.loads(text)))
    except Exception as error:  # noqa: BLE001 - whatever a broken schema makes fastavro trip over
        detail = f"expected a schema of Avro, came {type(error).__name__}"
        raise StartError(f"{path}: {detail}") from None
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
