"""Running helm, and finding one's way in what it prints."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import yaml

from tests.chart.generate import CHART
from tests.chart.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


CASES = sorted((CHART / "ci").glob("*-values.yaml"))
MINIMAL = CHART / "ci" / "minimal-values.yaml"
NAMESPACE = "shop"


class Helm:
    """One version of helm."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run helm with *arguments*, whatever comes of it."""
        return subprocess.run(
            [str(self._program), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def template(self, values: Path, *arguments: str | Path) -> Objects:
        """Return what the chart becomes with *values*.

        Raises:
            AssertionError: helm refused; the text is helm's.
        """
        done = self.run(
            "template", "my", CHART, "--namespace", NAMESPACE, "--values", values, *arguments
        )
        if done.returncode:
            raise AssertionError(done.stderr)
        return Objects([each for each in yaml.safe_load_all(done.stdout) if each])

    def refusal(self, values: Tree | None = None, base: Path = MINIMAL) -> str:
        """Return the words with which the chart refuses *values* on top of *base*.

        Raises:
            AssertionError: the chart took them.
        """
        extra = yaml.safe_dump(values or {})
        done = subprocess.run(
            [str(self._program), "template", "my", str(CHART), "-f", str(base), "-f", "-"],
            input=extra,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if not done.returncode:
            raise AssertionError(f"the chart took {extra}")
        return done.stderr


class Objects:
    """The objects of a release."""

    def __init__(self, objects: list[Tree]) -> None:
        self.all = objects

    def of(self, kind: str) -> list[Tree]:
        """Return the objects of *kind*."""
        return [each for each in self.all if each["kind"] == kind]

    def one(self, kind: str) -> Tree:
        """Return the only object of *kind*."""
        (found,) = self.of(kind)
        return found

    @property
    def workload(self) -> Tree:
        """The Deployment or StatefulSet."""
        (found,) = [*self.of("Deployment"), *self.of("StatefulSet")]
        return found

    @property
    def pods(self) -> list[Pod]:
        """The pod of the workload and that of `helm test`."""
        trees = [self.workload["spec"]["template"], *self.of("Pod")]
        return [Pod(tree["metadata"], tree["spec"]) for tree in trees]


class Pod(NamedTuple):
    """A pod, or the template of one."""

    metadata: Tree
    spec: Tree

    @property
    def containers(self) -> Iterator[Tree]:
        """Every container, those that run first included."""
        for name in ("initContainers", "containers"):
            yield from self.spec.get(name, [])

    def container(self, name: str) -> Tree:
        """Return the container *name*."""
        (found,) = [each for each in self.containers if each["name"] == name]
        return found
