"""What tells a reader the schema of an Avro datum: bytes before it, or a header of the record.

    00 + id, 4 bytes                              Confluent's wire format, and Apicurio 3's
    00 + id, 8 bytes                              Apicurio 2's
    01 + GUID, 16 bytes                           Confluent's, the same in every registry
    C3 01 + fingerprint, 8 bytes, little-endian   Avro's single-object encoding
    03 + 00 or 05 + UUID, 16 bytes                AWS Glue's, plain or deflated by zlib
    header __value_schema_id                      Confluent's first or third form; no bytes before
    header apicurio.value.globalId or .contentId  Apicurio's, 8 bytes; no bytes before
    nothing                                       a bare datum; the settings name its schema

Numbers are big-endian. No registry gives the id 0, so four zeros after 00 begin an id of 8 bytes.

Sources: Confluent docs, "Wire format", and its clients' `SchemaId`; Apicurio's `IdHandler`s and
`DefaultHeadersHandler`; Avro 1.12, "Single-object encoding"; Glue's `SerializationDataEncoder`.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from consumer.core.errors import DeadLetterReason, MisconfiguredError, PoisonError

if TYPE_CHECKING:
    from consumer.core.model import Headers

CONFLUENT: Final = b"\x00"
CONFLUENT_BYTES: Final = 5
SINGLE_OBJECT: Final = b"\xc3\x01"
SINGLE_OBJECT_BYTES: Final = 10
JSON_BEGINS: Final = b"{["

Mode: TypeAlias = Literal["auto", "confluent", "apicurio_global", "apicurio_content"]
"""What an id in front is: Confluent's or, of 8 bytes, Apicurio's global id (`auto`); Confluent's of
4 bytes, whatever it is; or Apicurio's of 4 or 8 bytes."""


class GlobalId(NamedTuple):
    """Apicurio's id of a version of an artifact; the id of its content is Confluent's."""

    number: int


class GlueVersion(NamedTuple):
    """The id of a schema's version in AWS Glue."""

    uuid: UUID


RegistryId: TypeAlias = int | UUID | GlobalId
"""What a registry with Confluent's API, or Apicurio's own, knows a schema by."""
SchemaKey: TypeAlias = RegistryId | GlueVersion | bytes
"""Any of these; bytes are a fingerprint."""


class Framed(NamedTuple):
    """A datum that stands at `start` in `value`, written with the schema of `key`."""

    key: SchemaKey
    value: bytes
    start: int


_CONFLUENT_HEADER: Final = struct.Struct(">bI")
_GUID: Final = b"\x01"
_GLUE: Final = {b"\x03\x00": False, b"\x03\x05": True}
_GLUE_BYTES: Final = 18

_CONFLUENT_NAME: Final = "__value_schema_id"
_GLOBAL_NAME: Final = "apicurio.value.globalId"
_CONTENT_NAME: Final = "apicurio.value.contentId"
_ENCODING: Final = ("apicurio.value.encoding", b"JSON")
_NAMES: Final = frozenset({_CONFLUENT_NAME, _GLOBAL_NAME, _CONTENT_NAME})


def confluent(schema_id: int) -> bytes:
    """Return the header of a datum whose schema the registry knows as *schema_id*, 0 to 2**32-1."""
    return _CONFLUENT_HEADER.pack(0, schema_id)


def single_object(fingerprint: bytes) -> bytes:
    """Return the header of a datum whose schema has *fingerprint*, 8 bytes as they travel."""
    return SINGLE_OBJECT + fingerprint


def of_headers(headers: Headers) -> RegistryId | None:
    """Return the schema that a record's *headers* name; None where they name none.

    Raises:
        PoisonError: UNKNOWN_FRAMING; they name one in a way that nobody knows.
    """
    for name, data in headers:
        if name not in _NAMES or data is None:
            continue
        key = _confluent_key(data) if name == _CONFLUENT_NAME else _apicurio_key(name, data)
        if key is None:
            raise _unknown(f"a schema's id in the header {name}, came {len(data)} other bytes")
        if name != _CONFLUENT_NAME and _ENCODING in headers:
            raise _unknown("Avro's binary encoding, came its JSON, by the header apicurio.value...")
        return key
    return None


def _confluent_key(data: bytes) -> int | UUID | None:
    """Return the id in *data*, of 4 bytes or 16 by its first byte; None where it is none."""
    if data[:1] == CONFLUENT and len(data) == CONFLUENT_BYTES:
        return int.from_bytes(data[1:], "big")
    if data[:1] == _GUID and len(data) == len(_GUID) + 16:
        return UUID(bytes=data[1:])
    return None


def _apicurio_key(name: str, data: bytes) -> RegistryId | None:
    if len(data) != 8:  # noqa: PLR2004 - a long of Java's
        return None
    number = int.from_bytes(data, "big")
    return GlobalId(number) if name == _GLOBAL_NAME else number


def described(key: SchemaKey) -> str:
    """Return *key* as people write it."""
    match key:
        case bytes():
            return f"fingerprint {key.hex()}"
        case UUID():
            return f"GUID {key}"
        case GlobalId(number):
            return f"global id {number}"
        case GlueVersion(uuid):
            return f"version {uuid} of AWS Glue"
        case _:
            return f"id {key}"


def split(value: bytes, mode: Mode, max_bytes: int) -> Framed:
    """Return the datum in *value*, whose first bytes name its schema.

    Raises:
        MisconfiguredError: UNKNOWN_FRAMING.
        PoisonError: UNKNOWN_FRAMING where it is empty, BAD_AVRO where it ends within its framing,
            TOO_LARGE where it inflates to more than *max_bytes*.
    """
    if value.startswith(CONFLUENT):
        return _with_id(value, mode)
    if value.startswith(_GUID) and len(value) > len(_GUID) + 16:
        return Framed(UUID(bytes=value[1:17]), value, 17)
    if value.startswith(SINGLE_OBJECT):
        fingerprint = _part(value, len(SINGLE_OBJECT), SINGLE_OBJECT_BYTES)
        return Framed(fingerprint, value, SINGLE_OBJECT_BYTES)
    deflated = _GLUE.get(value[:2])
    if deflated is not None:
        key = GlueVersion(UUID(bytes=_part(value, 2, _GLUE_BYTES)))
        if deflated:
            return Framed(key, _inflated(value[_GLUE_BYTES:], max_bytes), 0)
        return Framed(key, value, _GLUE_BYTES)
    expected = (
        "expected 00 and a schema id (Confluent, Apicurio), C3 01 and a fingerprint (single-object)"
        f" or 03 and a UUID (AWS Glue), came {_first_byte(value)}"
    )
    if not value:
        raise PoisonError(DeadLetterReason.UNKNOWN_FRAMING, expected)
    advice = (
        "see SEG_KAFKA__TOPICS, or have Avro written"
        if value[0] in JSON_BEGINS
        else "for bare datums set SEG_SCHEMAS__WRITER to the file of the writer's schema"
    )
    raise MisconfiguredError(DeadLetterReason.UNKNOWN_FRAMING, f"{expected}; {advice}")


def _with_id(value: bytes, mode: Mode) -> Framed:
    is_long = mode != "confluent" and value[1:CONFLUENT_BYTES] == bytes(4)
    end = 9 if is_long else CONFLUENT_BYTES
    number = int.from_bytes(_part(value, 1, end), "big")
    is_global = is_long if mode == "auto" else mode == "apicurio_global"
    return Framed(GlobalId(number) if is_global else number, value, end)


def _part(value: bytes, start: int, end: int) -> bytes:
    if len(value) < end:
        raise PoisonError(
            DeadLetterReason.BAD_AVRO, f"expected a whole framing, came {len(value)} bytes in all"
        )
    return value[start:end]


def _inflated(data: bytes, max_bytes: int) -> bytes:
    inflate = zlib.decompressobj()
    try:
        datum = inflate.decompress(data, max_bytes)
    except zlib.error:
        raise PoisonError(DeadLetterReason.BAD_AVRO, "expected zlib's data, came others") from None
    if inflate.unconsumed_tail:
        raise PoisonError(
            DeadLetterReason.TOO_LARGE, f"expected at most {max_bytes} bytes, inflated to more"
        )
    return datum


def _first_byte(value: bytes) -> str:
    if not value:
        return "an empty value"
    json = value[0] in JSON_BEGINS
    return "what looks like JSON text" if json else f"the first byte {value[0]:02X}"


def _unknown(expected: str) -> PoisonError:
    return PoisonError(DeadLetterReason.UNKNOWN_FRAMING, f"expected {expected}")
