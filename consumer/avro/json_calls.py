"""Segment calls as JSON text, one a line: how files and people write them."""

from __future__ import annotations

import codecs
import gzip
import io
from typing import IO, TYPE_CHECKING, Final, cast

import orjson

from consumer.core.errors import ConsumerError, DeadLetterReason, PoisonError
from consumer.core.json_text import is_too_deep, kind_of, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object

_GZIP: Final = b"\x1f\x8b"
_FOREIGN: Final = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro container file",
    codecs.BOM_UTF32_LE: "text in UTF-32",
    codecs.BOM_UTF32_BE: "text in UTF-32",
}
"""What a file begins with that holds no lines of JSON, and its name."""
_UTF_16: Final = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"{\x00": "utf-16-le",
    b"\x00{": "utf-16-be",
}
_PEEKED_BYTES: Final = 6
_OPENING: Final = (b"{", b"[")
_GOES_ON: Final = (b"{", b"[", b",", b":")
"""How a line ends that holds the beginning of an object or a list, and not the whole."""


def numbered_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each line of *file* that is not blank, with its number from 1.

    Raises:
        ConsumerError: it is another sort of file, or one object of it stands on several lines.
    """
    first = True
    for number, line in enumerate(lines_of(file), 1):
        text = line.strip()
        if first and text.startswith(_OPENING) and text.endswith(_GOES_ON):
            raise ConsumerError(
                f"line {number}: expected one JSON object a line, got the beginning of one that "
                "goes on in the next: `jq -c . FILE` writes one a line"
                + (" (`jq -c '.[]' FILE` of a list)" if text.startswith(b"[") else "")
            )
        if text:
            first = False
            yield number, line


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of *file* in UTF-8; gzip, UTF-16 and byte-order marks are seen to.

    Raises:
        ConsumerError: it is another sort of file, which the text names.
    """
    # Not another buffer around one: it would wait for a full one where lines come slowly.
    raw = cast("io.BufferedReader", file)
    buffered = raw if hasattr(file, "peek") else io.BufferedReader(raw)
    start = buffered.peek(_PEEKED_BYTES)[:_PEEKED_BYTES]
    if start.startswith(_GZIP):
        try:
            yield from lines_of(cast("IO[bytes]", gzip.GzipFile(mode="rb", fileobj=buffered)))
        except (OSError, EOFError) as error:
            raise ConsumerError(
                f"expected a whole gzip file, got a damaged one: {error}"
            ) from error
        return
    for mark, name in _FOREIGN.items():
        if start.startswith(mark):
            raise ConsumerError(f"expected a file of JSON lines, plain or gzip, got {name}")
    encoding = next((_UTF_16[mark] for mark in _UTF_16 if start.startswith(mark)), None)
    if encoding is None:
        for number, line in enumerate(buffered):
            yield line if number else line.removeprefix(codecs.BOM_UTF8)
        return
    text = io.TextIOWrapper(buffered, encoding, errors="replace", newline="\n")
    try:
        yield from map(str.encode, text)
    finally:
        text.detach()


def read_call(line: bytes) -> Object:
    """Return the JSON object in *line*.

    Raises:
        PoisonError: BAD_JSON or TOO_DEEP; the line is no JSON, or no object.
    """
    try:
        call = read_json(line)
    except orjson.JSONDecodeError as error:
        reason = DeadLetterReason.TOO_DEEP if is_too_deep(error) else DeadLetterReason.BAD_JSON
        problem = f"expected a JSON object, got text that is none: {error.msg}"
        raise PoisonError(reason, problem) from error
    if not isinstance(call, dict):
        problem = f"expected a JSON object, got {kind_of(call)}"
        raise PoisonError(DeadLetterReason.BAD_JSON, problem)
    return call


def key_of(call: Object) -> bytes | None:
    """Return the record key of a Segment call: who it is about."""
    for name in ("userId", "anonymousId", "previousId"):
        value = call.get(name)
        if value and isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value).encode("utf-8", "replace")
    return None
