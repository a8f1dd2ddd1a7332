"""A plain HTTP client for the sandbox's tests, and calls to send."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import orjson

if TYPE_CHECKING:
    import socket

    from consumer.core.model import Object, Value

WEBSITE_ID = "abc8fb18-7559-4324-9921-a4b5015b4a1c"


def basic(credentials: str) -> str:
    """Return the Authorization header for *credentials*."""
    return "Basic " + b64encode(credentials.encode()).decode()


HEADERS = {"Authorization": basic(f"{WEBSITE_ID}:"), "Content-Type": "application/json"}


def page(message_id: str, **more: Value) -> Object:
    """Return a page call that Seg takes."""
    time: Object = {"timestamp": "2026-11-23T10:11:12.345Z"}
    return {"type": "page", "messageId": message_id, **time, **more}


def track(event: str, **properties: Value) -> Object:
    """Return a track call."""
    more: Object = {"event": event, "properties": properties}
    return {"type": "track", "timestamp": "2026-11-23T10:11:12.345Z", **more}


class Reply(NamedTuple):
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The diagnosis of a refusal."""
        return str(orjson.loads(self.body)["message"])


class Client:
    """One connection to a sandbox."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        self.path = parts.path
        self._http = HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_s)

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a request and return its answer."""
        self._http.request(method, path, body, dict(headers))
        with self._http.getresponse() as answer:
            return Reply(answer.status, dict(answer.getheaders()), answer.read())

    def post(self, content: Value, **headers: str) -> Reply:
        """POST *content* with the right key; *headers* are added, with - for _."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", self.path, orjson.dumps(content), {**HEADERS, **more})

    def get(self, path: str) -> Reply:
        """GET a page."""
        return self.ask("GET", path, b"", {})

    def admin(self, page: str, content: Value) -> Reply:
        """POST *content* to one of the sandbox's own pages."""
        path = "/_sandbox/" + page
        return self.ask("POST", path, orjson.dumps(content), {"Content-Type": "application/json"})

    @property
    def sock(self) -> socket.socket:
        """The socket itself, connected; for bytes that no client would send."""
        if self._http.sock is None:
            self._http.connect()
        sock: socket.socket = self._http.sock
        return sock

    def close(self) -> None:
        """Hang up."""
        self._http.close()
