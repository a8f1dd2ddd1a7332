"""What a schema is, as fastavro parsed it, and as it is read with."""

from __future__ import annotations

from typing import Final, TypeAlias

Schema: TypeAlias = "str | int | list[Schema] | dict[str, Schema]"
"""A schema as fastavro parsed it: names are full and known, required keys are there."""

Node: TypeAlias = "dict[str | int, object]"
"""A node of a reading schema, see `safe_schema`."""

FIELD: Final = "seg-field"
"""The key under which a node keeps the name of its field, for the texts of errors."""
