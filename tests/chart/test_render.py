"""The chart becomes what Kubernetes, KEDA and the Prometheus Operator take."""

from __future__ import annotations

import json
import tarfile
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.chart.generate import CHART, README, SCHEMA, readme_text, schema_text
from tests.chart.rendering import CASES, MINIMAL, Helm, Objects
from tests.chart.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.checking import Checkers
    from tests.chart.trees import Tree

KUBERNETES = ["1.29", "1.30", "1.31", "1.32", "1.33", "1.34"]
CUSTOM = ("keda.sh", "monitoring.coreos.com")

every_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)


@every_case
def test_lint_finds_nothing(any_helm: Helm, case: Path) -> None:
    """Both versions of helm are content with the chart, strictly."""
    done = any_helm.run("lint", "--strict", CHART, "--values", case)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout + done.stderr


def test_lint_finds_nothing_without_values(any_helm: Helm) -> None:
    """The chart alone is clean, too."""
    assert any_helm.run("lint", "--strict", CHART).returncode == 0


def test_both_helms_make_the_same(releases: dict[str, Objects], any_helm: Helm) -> None:
    """Helm 3 and Helm 4 make the same objects, so that one may be tested for both."""
    for case in CASES:
        name = case.stem.removesuffix("-values")
        assert releases[name].all == any_helm.template(case).all, name


def test_kubernetes_takes_every_object(releases: dict[str, Objects], checkers: Checkers) -> None:
    """The strict schemas of six Kubernetes versions know every kind and every key."""
    objects = _objects(releases, custom=False)

    assert len(objects) > len(CASES)
    assert checkers.problems("kubernetes", {"versions": KUBERNETES, "objects": objects}) == []


def test_operators_take_their_objects(releases: dict[str, Objects], checkers: Checkers) -> None:
    """So do the schemas of KEDA 2.16 and of the Prometheus Operator, closed by us."""
    objects = _objects(releases, custom=True)

    assert {
        "ScaledObject",
        "TriggerAuthentication",
        "PodMonitor",
        "ServiceMonitor",
        "PrometheusRule",
    } == {str(each["kind"]) for each in objects}
    assert checkers.problems("custom", list(objects)) == []


def _objects(releases: dict[str, Objects], *, custom: bool) -> list[Tree]:
    """Return all different objects: of operators' kinds, or of Kubernetes' own."""
    different = {json.dumps(each): each for release in releases.values() for each in release.all}
    return [
        each for each in different.values() if str(each["apiVersion"]).startswith(CUSTOM) is custom
    ]


def test_checkers_are_strict(releases: dict[str, Objects], checkers: Checkers) -> None:
    """A misspelt key, a removed API and a number for a text are found: the checks can fail."""
    release = releases["keda"]
    workload = {**release.workload, "replica": 1}
    removed = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget"}
    scaled = json.loads(json.dumps(release.one("ScaledObject")))
    scaled["spec"]["triggers"][0]["metadata"]["lagThreshold"] = 5000
    scaled["spec"]["maxReplicas"] = 3

    question = {"versions": ["1.34"], "objects": [workload, removed]}
    assert len(checkers.problems("kubernetes", question)) == 2
    assert len(checkers.problems("custom", [scaled])) == 2


def test_schema_of_the_values_is_one(checkers: Checkers) -> None:
    """values.schema.json is JSON schema of draft 7."""
    assert checkers.problems("schema", json.loads(SCHEMA.read_text("utf-8"))) == []


def test_kubernetes_older_than_tested_is_refused(any_helm: Helm) -> None:
    """The chart says from which Kubernetes on it was tested."""
    done = any_helm.run("template", CHART, "--values", MINIMAL, "--kube-version", "1.28.0")

    assert done.returncode != 0
    assert "1.28.0" in done.stderr


def test_package_holds_no_values_of_tests(helm: Helm, tmp_path: Path) -> None:
    """What is published has dashboards, rules and the README, and none of the tests' values."""
    helm.run("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        folders = {name.split("/")[1] for name in archive.getnames()}

    assert folders == {
        ".helmignore",
        "Chart.yaml",
        "README.md",
        "dashboards",
        "rules",
        "runbooks",
        "templates",
        "values.schema.json",
        "values.yaml",
    }


def test_versions_are_the_project_s() -> None:
    """The chart installs the version of the program that it stands beside."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert chart["appVersion"] == project["version"]


def test_generated_files_are_those_of_the_program() -> None:
    """The README's tables and the schema's part on settings are what the program says now."""
    assert README.read_text("utf-8") == readme_text(), "run `python -m tests.chart.generate`"
    assert SCHEMA.read_text("utf-8") == schema_text(), "run `python -m tests.chart.generate`"
