"""From a Kafka record's value to a Segment event.

Every datum that cannot be read is poison with its reason, whatever its bytes: lengths are bounded
by the value's own, depth by `safe_schema`. With a writer's schema in the settings every value is a
bare datum, for its first bytes may look like a framing by chance, unless a header of the record
names another; without one, see `framing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson

from consumer.avro import framing
from consumer.avro.datum import read_datum
from consumer.avro.framing import Mode
from consumer.avro.plan import Plans, make_plan
from consumer.avro.schemas import index, read
from consumer.core.errors import DeadLetterReason, MisconfiguredError, PoisonError, StartError

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.avro.framing import RegistryId, SchemaKey
    from consumer.avro.plan import Plan
    from consumer.core.model import Event, Headers

MAX_BYTES: Final = 1 << 20


class Schemas(Protocol):
    """Where the schemas come from that a registry knows."""

    def schema(self, schema_id: RegistryId) -> tuple[str, ...]:
        """Return the schema of *schema_id* as JSON text, after those that it refers to.

        Raises:
            PoisonError: UNKNOWN_SCHEMA, UNUSABLE_SCHEMA.
            PendingError: it is not here yet; ask again.
            UnavailableError: the registry does not answer as one.
        """


class Reading(NamedTuple):
    """How values are read."""

    max_bytes: int = MAX_BYTES
    """The largest value that is looked at."""
    types: Mapping[str, str] = {}
    """What the names of records mean besides Segment's own, see `shapes`."""
    framing: Mode = "auto"
    """What an id in front is, where its bytes do not tell."""


_USUAL: Final = Reading()


class Decoder:
    """Decodes values; remembers a plan for each schema, and that a schema is unusable.

    *registry*: None where the settings name none. *writer_schema*: a file, which makes every value
    a bare datum. *schemas* and *more_schemas*: folders of schemas that no registry is asked for.

    Raises:
        StartError: *writer_schema* or a file of *schemas* cannot be used.
    """

    def __init__(
        self,
        *,
        registry: Schemas | None,
        writer_schema: Path | None,
        schemas: Path,
        more_schemas: Path | None = None,
        reading: Reading = _USUAL,
    ) -> None:
        self._registry = registry
        self._known = index(schemas, *([more_schemas] if more_schemas else []))
        self._max_bytes, self._types, self._framing = reading
        self._writer = None if writer_schema is None else _writer_plan(writer_schema, self._types)
        self._plans: dict[SchemaKey, Plan | Plans] = {}
        self._usual: dict[bytes, Plan | Plans] = {}  # by Confluent's header, for speed
        self._unusable: dict[SchemaKey, str] = {}

    def __call__(
        self, value: bytes, headers: Headers | None = None, *, exactly: bool = False
    ) -> Event:
        """Return the event that *value* holds, with a schema that the record's *headers* may name.

        *exactly* takes more time, and gives integers beyond 64 bits within JSON text by their
        digits, as text; else they are rounded.

        Raises:
            PoisonError: it holds none; no other value is at fault.
            MisconfiguredError: it holds none as the settings are.
            PendingError: its schema is being looked up; ask again.
            UnavailableError: the registry does not answer; the value may be good.
        """
        if len(value) > self._max_bytes:
            raise PoisonError(
                DeadLetterReason.TOO_LARGE,
                f"expected at most {self._max_bytes} bytes, came {len(value)}",
            )
        if headers and (key := framing.of_headers(headers)) is not None:
            return read_datum(self._plan(key), value, 0, exactly=exactly)
        if self._writer is not None:
            return _read_bare(self._writer, value, exactly=exactly)
        plan = self._usual.get(value[: framing.CONFLUENT_BYTES])
        if plan is not None:
            return read_datum(plan, value, framing.CONFLUENT_BYTES, exactly=exactly)
        framed = framing.split(value, self._framing, self._max_bytes)
        plan = self._plan(framed.key)
        if framed.start == framing.CONFLUENT_BYTES:
            self._usual[value[: framing.CONFLUENT_BYTES]] = plan
        return read_datum(plan, framed.value, framed.start, exactly=exactly)

    def missing_schema(self, value: bytes, headers: Headers | None = None) -> RegistryId | None:
        """Return what the registry must be asked for before *value* can be read, if anything."""
        try:
            key: SchemaKey | None = framing.of_headers(headers) if headers else None
            if key is None and self._writer is None:
                key = framing.split(value, self._framing, self._max_bytes).key
        except PoisonError:
            return None  # `__call__` has the words for it
        if key is None or isinstance(key, bytes | framing.GlueVersion) or key in self._plans:
            return None
        return key

    def _plan(self, key: SchemaKey) -> Plan | Plans:
        if (known := self._plans.get(key)) is not None:
            return known
        if (detail := self._unusable.get(key)) is not None:
            raise PoisonError(DeadLetterReason.UNUSABLE_SCHEMA, detail)
        try:
            plan = self._plans[key] = make_plan(self._look_up(key), self._types)
        except PoisonError as error:
            if error.reason is DeadLetterReason.UNUSABLE_SCHEMA:  # unknown ones may become known
                self._unusable[key] = error.detail
            raise
        return plan

    def _look_up(self, key: SchemaKey) -> tuple[str, ...]:
        if isinstance(key, bytes | framing.GlueVersion):
            return self._local(key)
        if self._registry is not None:
            return self._registry.schema(key)
        raise _unknown(
            f"{framing.described(key)} is a schema registry's, and the settings name none:"
            " set SEG_SCHEMA_REGISTRY__URL"
        )

    def _local(self, key: bytes | framing.GlueVersion) -> tuple[str, ...]:
        if (known := self._known.get(key)) is not None:
            return (known,)
        name = "" if isinstance(key, bytes) else f" as {key.uuid}.avsc"
        raise _unknown(
            f"{framing.described(key)} is of no known schema;"
            f" put the writer's{name} into the folder that SEG_SCHEMAS__FOLDER names"
        )


def _read_bare(plan: Plan | Plans, value: bytes, *, exactly: bool) -> Event:
    """Return the event of a bare datum; one that looks like none blames the setting."""
    try:
        return read_datum(plan, value, 0, exactly=exactly)
    except PoisonError as error:
        if _looks_like_json(value):
            looks = "JSON text"
        elif value.startswith(framing.SINGLE_OBJECT):
            looks = "a single object, which names its schema"
        else:
            raise
        raise MisconfiguredError(
            error.reason, f"{error.detail}; it looks like {looks}: see SEG_SCHEMAS__WRITER"
        ) from None


def _looks_like_json(value: bytes) -> bool:
    try:
        return bool(value) and value[0] in framing.JSON_BEGINS and orjson.loads(value) is not None
    except orjson.JSONDecodeError:
        return False


def _unknown(detail: str) -> MisconfiguredError:
    return MisconfiguredError(DeadLetterReason.UNKNOWN_SCHEMA, detail)


def _writer_plan(path: Path, types: Mapping[str, str]) -> Plan | Plans:
    try:
        return make_plan((read(path),), types)
    except PoisonError as error:
        raise StartError(f"SEG_SCHEMAS__WRITER: {path}: {error.detail}") from None
