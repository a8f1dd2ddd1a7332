"""Helm in its two versions, and the checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chart import tools
from tests.chart.checking import Checkers
from tests.chart.rendering import CASES, Helm, Objects
from tests.chart.tools import ToolsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _or_skip(get: Callable[[], Path]) -> Path:
    try:
        return get()
    except ToolsUnavailableError as error:
        if tools.in_ci():
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The newest helm."""
    return Helm(_or_skip(tools.helm))


@pytest.fixture(scope="session", params=tools.HELM_VERSIONS)
def any_helm(request: pytest.FixtureRequest) -> Helm:
    """Each helm in turn."""
    return Helm(_or_skip(lambda: tools.helm(request.param)))


@pytest.fixture(scope="session")
def releases(helm: Helm) -> dict[str, Objects]:
    """What the chart becomes with each file of values in `ci/`, by its name."""
    return {case.stem.removesuffix("-values"): helm.template(case) for case in CASES}


@pytest.fixture(scope="session")
def checkers() -> Checkers:
    """The programs of requirements/chart.txt."""
    return Checkers(_or_skip(lambda: tools.checkers(fetch=tools.in_ci())))
