"""The two registries that one suite runs on: the strict stand-in and a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import urllib3

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.avro.registry_stub import RegistryStub

Reference = dict[str, object]


class Backend(Protocol):
    """What the suite asks of a registry besides what the program does."""

    @property
    def url(self) -> str:
        """Its address."""

    def add(
        self, schema: str, *, subject: str, kind: str | None = None, references: Sequence[Reference]
    ) -> int:
        """Register *schema*; return its id."""

    def refuse_incompatible(self, subject: str) -> None:
        """Take no more schemas of *subject* that a reader of the last one could not read."""


class Stub:
    """The stand-in."""

    def __init__(self, stub: RegistryStub) -> None:
        self._stub = stub
        self.url = stub.url

    def add(
        self, schema: str, *, subject: str, kind: str | None = None, references: Sequence[Reference]
    ) -> int:
        """Register *schema*; return its id."""
        return self._stub.add(schema, subject=subject, kind=kind, references=references)

    def refuse_incompatible(self, _subject: str) -> None:
        """Refuse everything from now on."""
        self._stub.incompatible = True


class Real:
    """A real registry, by its API."""

    def __init__(self, url: str) -> None:
        self.url = url

    def add(
        self, schema: str, *, subject: str, kind: str | None = None, references: Sequence[Reference]
    ) -> int:
        """Register *schema*; return its id."""
        body: dict[str, object] = {"schema": schema, "references": list(references)}
        if kind is not None:
            body["schemaType"] = kind
        told = self._send("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        schema_id = told["id"]
        assert isinstance(schema_id, int)
        return schema_id

    def refuse_incompatible(self, subject: str) -> None:
        """Set the subject's compatibility."""
        self._send("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": "BACKWARD"})

    def _send(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, object]:
        answer = urllib3.request(method, self.url + path, json=body, retries=False)
        assert answer.status == 200, answer.data
        told: dict[str, object] = answer.json()
        return told
