"""From settings to what reads values and makes calls of them: decoder, registry, translator."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.avro.conversation import Access
from consumer.avro.decoder import Decoder, Reading
from consumer.avro.lookups import Lookups
from consumer.avro.registry import Registry
from consumer.avro.schemas import folder
from consumer.settings.kinds import is_this_machine
from consumer.translate import Translator
from consumer.translate.tables import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr
    from structlog.typing import FilteringBoundLogger

    from consumer.avro.decoder import Schemas
    from consumer.core.model import Headers
    from consumer.core.timing import Clock
    from consumer.observe.metrics import Tally
    from consumer.settings import SchemaRegistrySettings, SchemasSettings, TranslationSettings


def decoder_of(settings: SchemasSettings, registry: Schemas | None) -> Decoder:
    """Return what reads values.

    Raises:
        StartError: a schema file cannot be used.
    """
    return Decoder(
        registry=registry,
        writer_schema=settings.writer,
        schemas=folder(),
        more_schemas=settings.folder,
        reading=Reading(settings.max_bytes, types_of(settings), settings.framing),
    )


def types_of(settings: SchemasSettings) -> dict[str, str]:
    """Return what a record without a type of its own is, by its name: Segment's events as well."""
    return {name: name for name in EVENTS} | dict(settings.types)


def translator_of(settings: TranslationSettings) -> Translator:
    """Return what makes Seg's calls of events."""
    return Translator(
        v2_names=settings.v2_names, dead_letters=settings.on_unreadable_value == "dead_letter"
    )


def registry_of(settings: SchemaRegistrySettings, clock: Clock) -> Registry | None:
    """Return the schema registry for those who can wait; None where the settings name none."""
    access = access_of(settings)
    return None if access is None else Registry(access, clock)


def lookups_of(
    settings: SchemaRegistrySettings, tally: Tally, clock: Clock, log: FilteringBoundLogger
) -> Lookups | None:
    """Return the schema registry for the loop, which cannot; None where the settings name none."""
    access = access_of(settings)
    if access is None:
        return None
    return Lookups(access, clock, observe=tally.registry_lookup_seconds.observe, log=log)


def expecting(decoder: Decoder, lookups: Lookups | None) -> Callable[[bytes, Headers | None], None]:
    """Return what begins to look up the schema that *decoder* will need for a value."""

    def expect(value: bytes, headers: Headers | None) -> None:
        schema_id = decoder.missing_schema(value, headers)
        if schema_id is not None and lookups is not None:
            lookups.expect(schema_id)

    return expect


def access_of(settings: SchemaRegistrySettings) -> Access | None:
    """Return the way to the schema registry; None where the settings name none."""
    if settings.url is None:
        return None
    url, *others = (text.strip() for text in settings.url.split(","))
    return Access(
        url=url,
        others=tuple(others),
        user=settings.username,
        password=secret(settings.password),
        token=secret(settings.bearer_token),
        ca_file=_path(settings.ca_file or system_ca_file()),
        cert_file=_path(settings.certificate_file),
        key_file=_path(settings.key_file),
        proxy=settings.proxy,
        direct=all(map(is_this_machine, (url, *others))),
        connect_timeout_s=settings.connect_timeout_s,
        timeout_s=settings.timeout_s,
    )


def system_ca_file() -> Path | None:
    """Return where this system keeps its authorities: libcurl's own idea is its builder's."""
    paths = ssl.get_default_verify_paths()
    candidates = [Path(name) for name in (paths.cafile, paths.openssl_cafile) if name]
    return next((path for path in candidates if path.is_file()), None)


def secret(value: SecretStr | None) -> str | None:
    """Return what *value* hides."""
    return None if value is None else value.get_secret_value()


def _path(value: Path | None) -> str | None:
    return None if value is None else str(value)
