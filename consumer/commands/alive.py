"""`seg-consumer alive`: whether the consumer on this machine is, for Docker's health check."""

from __future__ import annotations

from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

import click

from consumer.commands.loading import load_settings
from consumer.core.errors import ConsumerError

ANSWER_TIMEOUT_S = 4.0
LOOPBACK = ("127.0.0.1", "::1")
"""Who listens on every address answers on one of these, or on both."""


@click.command("alive")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Ask the consumer that runs here with these settings for `/livez`; exits 0 or 1.

    \b
    seg-consumer alive
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    http = load_settings(ctx).http
    problems = []
    for host in _reachable(http.host):
        try:
            raise SystemExit(0 if _is_alive(host, http.port) else 1)
        except (OSError, HTTPException) as error:
            problems.append(f"{host}: {error}")
    raise ConsumerError(f"nobody answers on port {http.port}: {'; '.join(problems)}")


def _is_alive(host: str, port: int) -> bool:
    with closing(HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)) as client:
        client.request("GET", "/livez")
        answer = client.getresponse()
        click.echo(answer.read())
        return answer.status == HTTPStatus.OK


def _reachable(host: str) -> tuple[str, ...]:
    """Return where who listens on *host* is reached: "every address" is none to connect to."""
    try:
        return LOOPBACK if ip_address(host).is_unspecified else (host,)
    except ValueError:
        return (host,)
