"""A browser for the page's tests; they are skipped where none can be had."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from consumer.sandbox import Options, Sandbox
from tests.browser.chromium import Browser
from tests.browser.tools import axe
from tests.monitoring.tools import UnavailableError
from tests.sandbox.client import WEBSITE_ID, Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", name="chromium")
def _chromium() -> Iterator[Browser]:
    try:
        browser = Browser()
    except UnavailableError as error:
        pytest.skip(str(error))
    with browser:
        yield browser


@pytest.fixture(name="browser")
def _browser(chromium: Browser) -> Iterator[Browser]:
    chromium.console.clear()
    yield chromium
    assert chromium.console == []
    chromium.run("window.stop()")


@pytest.fixture(scope="session", name="axe")
def _axe() -> str:
    try:
        return axe()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(name="sandbox")
def _sandbox(browser: Browser) -> Iterator[Sandbox]:
    with Sandbox.start(Options(website_id=WEBSITE_ID, is_example=True)) as sandbox:
        browser.open(sandbox.url)
        browser.until("$('state').textContent === '● live'")
        yield sandbox
        browser.blank()


@pytest.fixture(name="client")
def _client(sandbox: Sandbox) -> Iterator[Client]:
    with closing(Client(sandbox.url)) as client:
        yield client


@pytest.fixture(scope="module", name="demo")
def _demo() -> Iterator[str]:
    """Run the demo with its page, and give the page's address."""
    command = [sys.executable, "-m", "consumer", "demo", "--page"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[4]
        process.terminate()
        assert process.wait(30) == 0
