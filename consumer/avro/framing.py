"""What stands before an Avro datum, so that a reader can find its schema.

    00 + id, 4 bytes, big-endian                 Confluent's wire format
    C3 01 + fingerprint, 8 bytes, little-endian  Avro's single-object encoding
    nothing                                      a bare datum; the settings name its schema

Sources: Confluent docs, "Wire format"; Avro 1.12 specification, "Single-object encoding".
"""

from __future__ import annotations

import struct
from typing import Final

CONFLUENT: Final = b"\x00"
CONFLUENT_BYTES: Final = 5
SINGLE_OBJECT: Final = b"\xc3\x01"
SINGLE_OBJECT_BYTES: Final = 10

_CONFLUENT_HEADER: Final = struct.Struct(">bI")


def confluent(schema_id: int) -> bytes:
    """Return the header of a datum whose schema the registry knows as *schema_id*, 0 to 2**32-1."""
    return _CONFLUENT_HEADER.pack(0, schema_id)


def schema_id(header: bytes) -> int:
    """Return the registry's id out of a whole Confluent *header*."""
    _, number = _CONFLUENT_HEADER.unpack(header)
    return int(number)


def single_object(fingerprint: bytes) -> bytes:
    """Return the header of a datum whose schema has *fingerprint*, 8 bytes as they travel."""
    return SINGLE_OBJECT + fingerprint


def fingerprint(header: bytes) -> bytes:
    """Return the fingerprint out of a whole single-object *header*."""
    return header[len(SINGLE_OBJECT) :]
