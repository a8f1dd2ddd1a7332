"""Skips what needs Prometheus' own programs where they cannot be had."""

from __future__ import annotations

import pytest

from tests.monitoring.tools import UnavailableError, program


@pytest.fixture(scope="session")
def _prometheus() -> None:
    try:
        program("prometheus")
    except UnavailableError as error:
        pytest.skip(str(error))
