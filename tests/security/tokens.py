"""A token endpoint: OAuth's client credentials in, a signed token out (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from consumer.core.timing import SystemClock
from tests.security.authority import base64url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.authority import Signer

CLIENT_ID: Final = "seg"
CLIENT_SECRET: Final = "right-secret"
AUDIENCE: Final = "kafka"
ISSUER: Final = "tests"
LIFE_S: Final = 300


def token(signer: Signer, subject: str) -> str:
    """Return a token that says its bearer is *subject*."""
    now_s = int(SystemClock().wall_s())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now_s}
    claims["exp"] = now_s + LIFE_S
    parts = [{"alg": "RS256", "typ": "JWT", "kid": "tests"}, claims]
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{text}.{base64url(signer.sign(text.encode()))}"


@contextmanager
def endpoint(signer: Signer) -> Iterator[str]:
    """Serve tokens for the one client to whoever knows its secret; give the URL."""
    right = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode("ascii")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            let_in = self.headers.get("authorization") == f"Basic {right}"
            if let_in:
                answer: dict[str, object] = {"access_token": token(signer, CLIENT_ID)}
                answer |= {"token_type": "Bearer", "expires_in": LIFE_S}
            else:
                answer = {"error": "invalid_client"}
            content = json.dumps(answer).encode()
            self.send_response(200 if let_in else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()
            thread.join()
