"""What a plain connection to the bootstrap servers tells, where librdkafka says too little."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.settings import KafkaSettings

_LOOK_S: Final = 2.0
_DEFAULT_PORT: Final = 9092


def objection(address: tuple[str, int], settings: KafkaSettings) -> str | None:
    """Return what is wrong with the certificate at *address*; None where it is valid."""
    context = ssl.create_default_context(cafile=settings.ssl_ca_file)
    try:
        with (
            socket.create_connection(address, _LOOK_S) as connection,
            context.wrap_socket(connection, server_hostname=address[0]),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None


def listens(settings: KafkaSettings) -> bool:
    """Tell whether a connection to one of the addresses is accepted."""
    for address in addresses(settings):
        try:
            socket.create_connection(address, _LOOK_S).close()
        except OSError:
            continue
        return True
    return False


def is_web(settings: KafkaSettings) -> bool:
    """Tell whether a web server answers at one of the addresses."""
    return any(map(_speaks_http, addresses(settings)))


@cache  # a broker that is asked this writes a line: once is enough
def _speaks_http(address: tuple[str, int]) -> bool:
    """Tell whether a web server answers at *address*."""
    try:
        with socket.create_connection(address, _LOOK_S) as connection:
            connection.settimeout(_LOOK_S)
            connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return connection.recv(4) == b"HTTP"
    except OSError:
        return False


def addresses(settings: KafkaSettings) -> list[tuple[str, int]]:
    """Return the brokers to ask first, as the socket module takes them."""
    found = []
    for server in settings.bootstrap_servers.split(","):
        _, _, place = server.strip().rpartition("://")
        host, colon, port = place.rpartition(":")
        whole = bool(colon) and port.isdigit()
        name = host if whole else place
        found.append((name.strip("[]"), int(port) if whole else _DEFAULT_PORT))
    return found
