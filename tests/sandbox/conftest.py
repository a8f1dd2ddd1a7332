"""A sandbox for each test, and a client that is connected to it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from consumer.sandbox import Options, Sandbox
from tests.sandbox.client import WEBSITE_ID, Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="sandbox")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(Options(website_id=WEBSITE_ID)) as sandbox:
        yield sandbox


@pytest.fixture(name="client")
def _client(sandbox: Sandbox) -> Iterator[Client]:
    with closing(Client(sandbox.url)) as client:
        yield client
