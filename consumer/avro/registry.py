"""A Confluent-compatible schema registry: what is asked of it, and what its answers mean.

    an id, 4 bytes      /schemas/ids/7
    a GUID              /schemas/guids/89791762-...
    a global id         Apicurio's own API beside Confluent's, /apis/registry/v2, which versions 2
                        and 3 have; there the schema stands alone, with all that it refers to

    unknown id, subject or version   poison: the registry has no such schema
    a schema not of Avro             poison
    another answer about an id       the registry's word about that one (`RefusedError`), or about
                                     all: `lookups` finds out which
    all else, or no answer           the registry or its settings are at fault (see `rest`)

Sources: Confluent docs, "Schema Registry API Reference" and "Schema references"; Apicurio's v2 API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import UUID

import orjson

from consumer.avro.conversation import DEPENDENCY, URL_SETTING, Request
from consumer.avro.framing import GlobalId, described
from consumer.avro.rest import Rest
from consumer.core.errors import DeadLetterReason, PoisonError, StartError, UnavailableError

if TYPE_CHECKING:
    from consumer.avro.conversation import Access, Answer, Steps
    from consumer.avro.framing import RegistryId
    from consumer.core.model import Value
    from consumer.core.timing import Clock

MAX_ID: Final = 2**31 - 1
"""A registry counts in Java's int; for a larger id its web server answers, and not it."""

_MAX_SCHEMAS: Final = 100
_OK: Final = 200
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500
_UNKNOWN: Final = frozenset({40401, 40402, 40403})
"""Confluent's codes for an unknown subject, version and schema; a 404 of anybody else has none."""

_NOT_THERE: Final = "NotFoundException"
"""How the names of Apicurio's errors end for what it does not have."""


class RefusedError(UnavailableError):
    """The registry answers, but not with the schema that it was asked for."""


class Registry:
    """One registry, for those who can wait: each call returns with the answer."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._rest = Rest(access, clock)

    def schema(self, schema_id: RegistryId) -> tuple[str, ...]:
        """Return the schema of *schema_id* as `look_up` does, and raise what it raises."""
        return self._rest.finish(look_up(schema_id))

    def latest(self, subject: str) -> tuple[str, ...] | None:
        """Return the newest schema of *subject* as `schema` does; None where there is none.

        Raises:
            PoisonError: UNUSABLE_SCHEMA where it is none of Avro's.
            UnavailableError: nothing answers as a registry does.
        """
        return self._rest.finish(_collect(f"/subjects/{quote(subject, safe='')}/versions/latest"))

    def register(self, subject: str, schema: str) -> int:
        """Register the Avro *schema*, JSON text, under *subject*; return its id, new or known.

        Raises:
            StartError: the registry refuses it, for example as incompatible.
            UnavailableError: nothing answers as a registry does.
        """
        return self._rest.finish(_register(subject, schema))


def look_up(schema_id: RegistryId) -> Steps[tuple[str, ...]]:
    """Ask for the schema of *schema_id*; return it as JSON text, after those that it refers to.

    Raises:
        PoisonError: UNKNOWN_SCHEMA where the registry has none of this id; UNUSABLE_SCHEMA where
            it is none of Avro's.
        RefusedError: the registry answers with something else.
        UnavailableError: nothing answers as a registry does.
    """
    if isinstance(schema_id, int) and schema_id > MAX_ID:
        raise _unknown(schema_id)
    if isinstance(schema_id, GlobalId):
        texts = yield from _alone(schema_path(schema_id))
    else:
        texts = yield from _collect(schema_path(schema_id))
    if texts is None:
        raise _unknown(schema_id)
    return texts


def schema_path(schema_id: RegistryId) -> str:
    """Return where the registry keeps the schema of *schema_id*."""
    match schema_id:
        case UUID():
            return f"/schemas/guids/{schema_id}"
        case GlobalId(number):  # libcurl takes the two steps up from .../ccompat/v7
            return f"/../../registry/v2/ids/globalIds/{number}?dereference=true"
        case _:
            return f"/schemas/ids/{schema_id}"


def _alone(path: str) -> Steps[tuple[str, ...] | None]:
    """Ask for the schema at *path*, which is all of the answer; None if it is unknown."""
    answer = yield Request("GET", path)
    name = (answer.body or {}).get("name")
    if answer.status == _NOT_FOUND and isinstance(name, str) and name.endswith(_NOT_THERE):
        return None
    if answer.status != _OK or not answer.text:
        raise _refused(answer)
    return (answer.text.decode(errors="replace"),)


def _collect(path: str) -> Steps[tuple[str, ...] | None]:
    """Ask for the schema at *path*; return it after those below it, None if one is unknown."""
    texts: dict[str, str] = {}
    known = yield from _collect_into(texts, path)
    return tuple(texts.values()) if known else None


def _collect_into(texts: dict[str, str], path: str) -> Steps[bool]:
    if len(texts) >= _MAX_SCHEMAS:
        raise _unusable(f"expected to refer to fewer than {_MAX_SCHEMAS} others, came more")
    texts[path] = ""  # being looked up: a circle of references ends here
    answer = yield Request("GET", path)
    body = answer.body or {}
    text = body.get("schema")
    if answer.status == _NOT_FOUND and body.get("error_code") in _UNKNOWN:
        return False
    if answer.status != _OK or not isinstance(text, str):
        raise _refused(answer)
    if body.get("schemaType", "AVRO") != "AVRO":
        raise _unusable("expected the schemaType AVRO, came another")
    for below in _references(body.get("references")):
        if below not in texts and not (yield from _collect_into(texts, below)):
            return False
    del texts[path]
    texts[path] = text
    return True


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


def _register(subject: str, schema: str) -> Steps[int]:
    path = f"/subjects/{quote(subject, safe='')}/versions"
    answer = yield Request("POST", path, orjson.dumps({"schema": schema}))
    if answer.body is None or answer.status == _FORBIDDEN or answer.status >= _SERVER_ERROR:
        raise _refused(answer)
    schema_id = answer.body.get("id")
    if answer.status == _OK and isinstance(schema_id, int):
        return schema_id
    message = str(answer.body.get("message", "no message"))
    raise StartError(
        f"the schema registry refuses the schema for the subject {subject}"
        f" with status {answer.status}: {message[:200]}"
    )


def _refused(answer: Answer) -> RefusedError:
    look_at = URL_SETTING
    if answer.status == _FORBIDDEN:
        look_at = "SEG_SCHEMA_REGISTRY__USERNAME, __PASSWORD and __BEARER_TOKEN"
    elif answer.status >= _SERVER_ERROR:
        look_at = "its log"
    return RefusedError(
        DEPENDENCY,
        f"the schema registry answers with status {answer.status} and no schema: see {look_at}",
    )


def _unknown(schema_id: RegistryId) -> PoisonError:
    return PoisonError(
        DeadLetterReason.UNKNOWN_SCHEMA,
        f"the schema registry knows no schema of {described(schema_id)}, or none that it refers to",
    )


def _unusable(detail: str) -> PoisonError:
    return PoisonError(DeadLetterReason.UNUSABLE_SCHEMA, f"the schema in the registry: {detail}")
