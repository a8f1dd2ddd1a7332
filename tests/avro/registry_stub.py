"""A stand-in for a schema registry that answers as Confluent's does, and misbehaves when told to.

Source: Confluent docs, "Schema Registry API Reference": paths, error codes and bodies. Only the
faults are ours: `status` answers everything with that status, `refused` one target, `body` answers
with those bytes, `delay_s` waits before, `drips` sends the answers to a target byte by byte.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence


DRIP_S = 0.1
"""How long a dripping answer waits after each byte."""


class RegistryStub:
    """The stand-in's schemas and faults, and what it was asked; `url` is its address."""

    def __init__(self) -> None:
        self.url = ""
        self.schemas: dict[int, dict[str, object]] = {}
        self.guids: dict[str, int] = {}
        self.global_ids: dict[int, int] = {}
        """Apicurio's, each of a schema with an id of its content."""
        self.path = ""
        """What its API stands below, as behind a gateway."""
        self.versions: dict[str, list[int]] = {}
        self.deleted: set[str] = set()
        self.requests: list[str] = []
        """Method, path and query of each request, in order."""
        self.headers: list[Mapping[str, str]] = []
        self.password: str | None = None
        """Where set, `user:<password>` by basic or the password as bearer token is required."""
        self.incompatible = False
        self.status: int | None = None
        self.refused: dict[str, tuple[int, int]] = {}
        """By target: the status and the error code of the answer."""
        self.drips: set[str] = set()
        self.body: bytes | None = None
        self.delay_s = 0.0

    def add(
        self,
        schema: str,
        *,
        subject: str = "events-value",
        kind: str | None = None,
        references: Sequence[Mapping[str, object]] = (),
    ) -> int:
        """Register *schema* under *subject*; return its id. AVRO is left out, as Confluent does."""
        stored: dict[str, object] = {"schema": schema}
        if kind is not None:
            stored["schemaType"] = kind
        if references:
            stored["references"] = list(references)
        same = [number for number, known in self.schemas.items() if known == stored]
        schema_id = same[0] if same else 100_001 + len(self.schemas)
        self.schemas[schema_id] = stored
        versions = self.versions.setdefault(subject, [])
        if schema_id not in versions:
            versions.append(schema_id)
        return schema_id

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, object]:
        """Return the status and the JSON of the answer to a well-behaved request."""
        parts = urlsplit(target.removeprefix(self.path))
        path = [unquote(part) for part in parts.path.split("/")[1:]]
        match method, path:
            case "GET", ["schemas", "ids", number]:
                return self._schema(int(number))
            case "GET", ["schemas", "guids", guid]:
                return self._schema(self.guids.get(guid, 0))
            case "GET", ["apis", "registry", "v2", "ids", "globalIds", number]:
                return self._global(int(number))
            case "GET", ["subjects", subject, "versions", number]:
                deleted = parse_qs(parts.query).get("deleted") == ["true"]
                newest = len(self.versions.get(subject, ()))
                wanted = newest if number == "latest" else int(number)
                return self._version(subject, wanted, deleted=deleted)
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, json.loads(body))
            case _:
                return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _schema(self, number: int) -> tuple[int, object]:
        if number in self.schemas:
            return 200, self.schemas[number]
        return 404, {"error_code": 40403, "message": f"Schema {number} not found"}

    def _global(self, number: int) -> tuple[int, object]:
        if number not in self.global_ids:
            return 404, {"error_code": 404, "name": "VersionNotFoundException"}
        return 200, json.loads(str(self.schemas[self.global_ids[number]]["schema"]))

    def _version(self, subject: str, number: int, *, deleted: bool) -> tuple[int, object]:
        if subject not in self.versions or (subject in self.deleted and not deleted):
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        if not 1 <= number <= len(self.versions[subject]):
            return 404, {"error_code": 40402, "message": f"Version {number} not found."}
        schema_id = self.versions[subject][number - 1]
        return 200, self.schemas[schema_id] | {
            "subject": subject,
            "version": number,
            "id": schema_id,
        }

    def _register(self, subject: str, asked: dict[str, str]) -> tuple[int, object]:
        if self.incompatible:
            return 409, {"error_code": 409, "message": "Schema being registered is incompatible"}
        try:
            json.loads(asked["schema"])
        except ValueError:
            return 422, {"error_code": 42201, "message": "Invalid schema"}
        return 200, {"id": self.add(asked["schema"], subject=subject)}

    def lets_in(self, authorization: str | None) -> bool:
        """Return whether the header *authorization* is the right one."""
        if self.password is None:
            return True
        basic = base64.b64encode(f"user:{self.password}".encode()).decode("ascii")
        return authorization in {f"Basic {basic}", f"Bearer {self.password}"}


@contextmanager
def running(stub: RegistryStub, tls: ssl.SSLContext | None = None) -> Iterator[RegistryStub]:
    """Serve *stub* on a free port of this machine until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            stub.requests.append(f"{self.command} {self.path}")
            stub.headers.append(dict(self.headers.items()))
            time.sleep(stub.delay_s)  # noqa: TID251 - it is slow on purpose
            status, answer = stub.answer(self.command, self.path, body)
            if not stub.lets_in(self.headers.get("authorization")):
                status, answer = 401, {"error_code": 401, "message": "Unauthorized"}
            if self.path in stub.refused:
                status, code = stub.refused[self.path]
                answer = {"error_code": code, "message": "Not for you"}
            status = stub.status or status
            content = json.dumps(answer).encode() if stub.body is None else stub.body
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", f"{stub.url}/elsewhere")
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # the other end may have heard enough
                for at in range(len(content) if self.path in stub.drips else 0):
                    self.wfile.write(content[at : at + 1])
                    time.sleep(DRIP_S)  # noqa: TID251 - it is slow on purpose
                if self.path not in stub.drips:
                    self.wfile.write(content)

        do_GET = do_POST = handle_one  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
