"""Segment calls in files, as people and programs leave them."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from consumer.avro.json_calls import key_of, lines_of, read_call
from consumer.core.errors import ConsumerError, DeadLetterReason, PoisonError

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.core.model import Object

TEXT = '{"type": "page", "name": "Zoë 😀"}\n{"type": "group"}\n'
LINES = [line.encode() for line in TEXT.splitlines(keepends=True)]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        gzip.compress(TEXT.encode()),
        gzip.compress(codecs.BOM_UTF8 + TEXT.encode()),
        gzip.compress(gzip.compress(TEXT.encode("utf-16"))),
    ],
    ids=["utf-8", "mark", "utf-16", "le", "be", "be mark", "gzip", "gzip mark", "twice"],
)
def test_a_file_is_read_whatever_its_dress(content: bytes, tmp_path: Path) -> None:
    """A byte-order mark, UTF-16 and gzip are seen to, in a file and in a pipe alike."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert list(lines_of(file)) == LINES
    assert list(lines_of(io.BytesIO(content))) == LINES


def test_an_empty_file_has_no_lines() -> None:
    """Nothing is no mistake."""
    assert not list(lines_of(io.BytesIO(b"")))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bz2.compress(b"{}"), "bzip2"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PAR1....", "Parquet"),
        (b"Obj\x01....", "Avro container"),
        (TEXT.encode("utf-32"), "UTF-32"),
        (gzip.compress(TEXT.encode())[:-9], "damaged"),
        (gzip.compress(b"PK\x03\x04"), "zip archive"),
    ],
)
def test_another_sort_of_file_is_told_by_name(content: bytes, name: str) -> None:
    """The text says what it is, so that somebody can unpack it."""
    with pytest.raises(ConsumerError, match=name):
        list(lines_of(io.BytesIO(content)))


def test_a_line_is_read_as_soon_as_it_is_there() -> None:
    """A pipe that goes on is not waited for."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file, os.fdopen(writing, "wb", buffering=0) as pipe:
        pipe.write(LINES[0])
        lines = lines_of(cast("BinaryIO", file))

        assert next(lines) == LINES[0]


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b"", b"null"])
def test_a_line_that_is_no_object_is_bad_json(line: bytes) -> None:
    """Its text is not repeated."""
    with pytest.raises(PoisonError) as caught:
        read_call(line)

    assert caught.value.reason is DeadLetterReason.BAD_JSON


def test_a_line_that_nests_too_deep() -> None:
    """It is told from what is no JSON."""
    with pytest.raises(PoisonError) as caught:
        read_call(b'{"a":' * 2_000 + b"1" + b"}" * 2_000)

    assert caught.value.reason is DeadLetterReason.TOO_DEEP


@pytest.mark.parametrize(
    ("call", "key"),
    [
        ({"userId": "u", "anonymousId": "a"}, b"u"),
        ({"userId": "", "anonymousId": 5}, b"5"),
        ({"userId": {"a": 1}, "anonymousId": True, "previousId": "p"}, b"p"),
        ({"userId": "u\ud800"}, b"u?"),
        ({}, None),
    ],
)
def test_the_key_is_who_the_call_is_about(call: Object, key: bytes | None) -> None:
    """The first id that is one."""
    assert key_of(call) == key
