"""A server that says exactly what a test tells it to, on a socket of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


class RawServer:
    """Answers each request with the same bytes and counts the connections."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.closes = False
        """Close a connection after its first answer."""
        self.answers_a_connection: int | None = None
        """After so many answers close a connection as its next request comes; None for never."""
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            stream = connection
            if self._tls is not None:
                stream = self._tls.wrap_socket(connection, server_side=True)
            with stream:
                answered = 0
                while request := stream.recv(65_536):
                    self.requests.append(request)
                    if answered == self.answers_a_connection:
                        return
                    stream.sendall(self.answer)
                    answered += 1
                    if self.closes:
                        return


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status} Some Words", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def certificate(folder: Path, program: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost with OpenSSL's *program*; return it, its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([program, "req", *words, *names, *files], check=True, capture_output=True)
    return certificate, key
