"""`seg-consumer alive`: whether the consumer on this machine is, for Docker's health check."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

import click

from consumer.commands.loading import load_settings
from consumer.core.errors import ConsumerError

ANSWER_TIMEOUT_S = 4.0


@click.command("alive")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Ask the consumer that runs here with these settings for `/livez`; exits 0 or 1."""
    http = load_settings(ctx).http
    client = HTTPConnection(_reachable(http.host), http.port, timeout=ANSWER_TIMEOUT_S)
    try:
        client.request("GET", "/livez")
        answer = client.getresponse()
    except (OSError, HTTPException) as error:
        raise ConsumerError(f"{http.host}:{http.port}: no answer: {error}") from error
    click.echo(answer.read())
    raise SystemExit(0 if answer.status == 200 else 1)  # noqa: PLR2004 - HTTP's own


def _reachable(host: str) -> str:
    """Return where who listens on *host* is reached: "every address" is none to connect to."""
    try:
        listens_on = ip_address(host)
    except ValueError:
        return host
    if not listens_on.is_unspecified:
        return host
    return "127.0.0.1" if listens_on.version == 4 else "::1"  # noqa: PLR2004 - IP's own
