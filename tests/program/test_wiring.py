"""From settings to parts: what holds for Seg and for the registry alike."""

from __future__ import annotations

import pytest

from consumer.program.reading import access_of
from consumer.program.wiring import client_options
from consumer.settings import Settings, load

PROXY = "http://proxy.example:3128"


def settings(**variables: str) -> Settings:
    """Return settings with the variables that are needed, and *variables*."""
    needed = {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
        "SEG_KAFKA__TOPICS": "events",
        "SEG_DELIVERY__WEBSITE_ID": "abc8fb18-7559-4324-9921-a4b5015b4a1c",
        "SEG_SCHEMA_REGISTRY__URL": "https://registry.example",
    }
    return load(env=needed | variables)


def proxies(**variables: str) -> list[tuple[str | None, bool]]:
    """Return the proxy of Seg and of the registry, and whether each is reached without any."""
    it = settings(**variables)
    access = access_of(it.schema_registry)
    assert access is not None
    options = client_options(it.delivery)
    return [(options.proxy, options.direct), (access.proxy, access.direct)]


def test_environment_counts_without_a_setting() -> None:
    """Neither is told of a proxy, and neither is kept from the environment's."""
    assert proxies() == [(None, False)] * 2


def test_proxy_of_the_settings() -> None:
    """Each has its own: the registry is often on this side of it."""
    assert proxies(SEG_DELIVERY__PROXY=PROXY) == [(PROXY, False), (None, False)]
    assert proxies(SEG_SCHEMA_REGISTRY__PROXY=PROXY) == [(None, False), (PROXY, False)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_reached_directly(host: str) -> None:
    """No proxy knows what is on this machine, whatever the environment says."""
    assert (
        proxies(
            SEG_DELIVERY__ENDPOINT=f"http://{host}:8080",
            SEG_SCHEMA_REGISTRY__URL=f"http://{host}:8081",
        )
        == [(None, True)] * 2
    )


def test_both_believe_the_same_authorities() -> None:
    """Without a setting, this system's."""
    it = settings()
    access = access_of(it.schema_registry)

    assert access is not None
    assert access.ca_file is not None
    assert access.ca_file == str(client_options(it.delivery).ca_file)
