"""A Confluent-compatible schema registry.

    a schema                kept for good: an id never changes its meaning
    an unknown id           poison; asked for again after a minute, it may still be registered
    a schema not of Avro    poison
    all else, or no answer  the registry or its settings are at fault, not the record (see `rest`)

Source: Confluent docs, "Schema Registry API Reference" and "Schema references".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import orjson

from consumer.avro.rest import DEPENDENCY, URL_SETTING, Rest
from consumer.core.errors import DeadLetterReason, PoisonError, StartError, UnavailableError

if TYPE_CHECKING:
    from consumer.avro.rest import Access, Answer
    from consumer.core.model import Value
    from consumer.core.timing import Clock

UNKNOWN_FOR_S: Final = 60.0
"""How long an unknown id is not asked for again."""

_MAX_UNKNOWN: Final = 1_000
_MAX_SCHEMAS: Final = 100
_OK: Final = 200
_NOT_FOUND: Final = 404


class Registry:
    """One registry; used by one thread, which waits for each answer."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._rest = Rest(access)
        self._clock = clock
        self._schemas: dict[int, tuple[str, ...]] = {}
        self._unknown_until_s: dict[int, float] = {}
        self.set_credentials = self._rest.set_credentials
        self.problem: str | None = None
        """What was wrong when the registry was last asked; None where nothing was."""

    def schema(self, schema_id: int) -> tuple[str, ...]:
        """Return the schema of *schema_id* as JSON text, after those that it refers to.

        Raises:
            PoisonError: UNKNOWN_SCHEMA where the registry has none of this id; UNUSABLE_SCHEMA
                where it is none of Avro's.
            UnavailableError: nothing answers as a registry does.
        """
        known = self._schemas.get(schema_id)
        if known is None:
            if self._clock.monotonic_s() < self._unknown_until_s.get(schema_id, 0.0):
                raise _unknown(schema_id)
            texts: dict[str, str] = {}
            if not self._collect(f"/schemas/ids/{schema_id}", texts):
                self._remember_unknown(schema_id)
                raise _unknown(schema_id)
            known = self._schemas[schema_id] = tuple(texts.values())
        return known

    def latest(self, subject: str) -> tuple[str, ...] | None:
        """Return the newest schema of *subject* as `schema` does; None where there is none.

        Raises:
            PoisonError: UNUSABLE_SCHEMA where it is none of Avro's.
            UnavailableError: nothing answers as a registry does.
        """
        texts: dict[str, str] = {}
        known = self._collect(f"/subjects/{quote(subject, safe='')}/versions/latest", texts)
        return tuple(texts.values()) if known else None

    def register(self, subject: str, schema: str) -> int:
        """Register the Avro *schema*, JSON text, under *subject*; return its id, new or known.

        Raises:
            StartError: the registry refuses it, for example as incompatible.
            UnavailableError: nothing answers as a registry does.
        """
        path = f"/subjects/{quote(subject, safe='')}/versions"
        answer = self._ask("POST", path, orjson.dumps({"schema": schema}))
        schema_id = answer.body.get("id")
        if answer.status == _OK and isinstance(schema_id, int):
            return schema_id
        message = str(answer.body.get("message", "no message"))
        raise StartError(
            f"the schema registry refuses the schema for the subject {subject}"
            f" with status {answer.status}: {message[:200]}"
        )

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        try:
            answer = self._rest.ask(method, path, body)
        except UnavailableError as error:
            self.problem = error.detail
            raise
        self.problem = None
        return answer

    def _collect(self, path: str, texts: dict[str, str]) -> bool:
        """Put the schema at *path* into *texts*, after those below it; False if one is unknown."""
        if len(texts) >= _MAX_SCHEMAS:
            raise _unusable(f"expected to refer to fewer than {_MAX_SCHEMAS} others, came more")
        texts[path] = ""  # being looked up: a circle of references ends here
        answer = self._ask("GET", path)
        if answer.status == _NOT_FOUND:
            return False
        kind = answer.body.get("schemaType", "AVRO")
        text = answer.body.get("schema")
        if answer.status != _OK or not isinstance(text, str):
            self.problem = (
                f"the schema registry answers with status {answer.status} and no schema:"
                f" see {URL_SETTING}"
            )
            raise UnavailableError(DEPENDENCY, self.problem)
        if kind != "AVRO":
            raise _unusable("expected the schemaType AVRO, came another")
        for below in _references(answer.body.get("references")):
            if below not in texts and not self._collect(below, texts):
                return False
        del texts[path]
        texts[path] = text
        return True

    def _remember_unknown(self, schema_id: int) -> None:
        self._unknown_until_s.pop(schema_id, None)
        if len(self._unknown_until_s) >= _MAX_UNKNOWN:
            del self._unknown_until_s[next(iter(self._unknown_until_s))]
        self._unknown_until_s[schema_id] = self._clock.monotonic_s() + UNKNOWN_FOR_S


def _references(references: Value) -> list[str]:
    """Return the paths of *references*, also of versions that are (softly) deleted by now."""
    paths = []
    for reference in references if isinstance(references, list) else []:
        match reference:
            case {"subject": str(subject), "version": int(version)}:
                paths.append(f"/subjects/{quote(subject, safe='')}/versions/{version}?deleted=true")
            case _:
                raise _unusable("expected each reference to have a subject and a version")
    return paths


def _unknown(schema_id: int) -> PoisonError:
    return PoisonError(
        DeadLetterReason.UNKNOWN_SCHEMA,
        f"the schema registry knows no schema of id {schema_id}, or none that it refers to",
    )


def _unusable(detail: str) -> PoisonError:
    return PoisonError(DeadLetterReason.UNUSABLE_SCHEMA, f"the schema in the registry: {detail}")
