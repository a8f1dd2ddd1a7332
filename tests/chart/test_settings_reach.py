"""What the values say arrives in the program: every setting, every secret, every file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from consumer.settings import SettingDoc, describe
from tests.chart.generate import CHART, VALUES
from tests.chart.mounting import mount
from tests.chart.rendering import CASES, Helm, Objects
from tests.chart.trees import dig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.trees import Tree

BY_FIELD_REFERENCE = {"SEG_KAFKA__GROUP_INSTANCE_ID"}


def in_force(release: Objects, root: Path) -> dict[str, Tree]:
    """Return the settings in force where the pod of *release* runs, by the program itself."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SEG_")}
    done = subprocess.run(
        [sys.executable, "-m", "consumer", "config", "--json"],
        capture_output=True,
        text=True,
        env=env | mount(release, root),
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rendered: dict[str, Tree] = json.loads(done.stdout)
    return rendered


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_program_takes_what_the_chart_mounts(
    releases: dict[str, Objects], case: Path, tmp_path: Path
) -> None:
    """The container's own environment, on the files of its volumes, is settings in order."""
    values = yaml.safe_load(case.read_text("utf-8"))
    found = in_force(releases[case.stem.removesuffix("-values")], tmp_path)

    assert found["SEG_DELIVERY__WEBSITE_ID"] == {"value": "***", "source": "secrets"}
    for section, fields in values["settings"].items():
        for field, value in fields.items():
            arrived = found[f"SEG_{section}__{field}".upper()]
            assert arrived["source"] == "file"
            text = json.dumps(arrived["value"]).replace(str(tmp_path), "")
            assert value == json.loads(text)


@pytest.mark.parametrize("doc", describe(), ids=lambda doc: doc.name)
def test_every_setting_is_reachable(doc: SettingDoc) -> None:
    """Each setting of the program is given by one of the cases, and not with its default."""
    if doc.name in BY_FIELD_REFERENCE:
        return  # test_static_members_are_named_like_their_pods
    given: list[object] = []
    for case in CASES:
        values = yaml.safe_load(case.read_text("utf-8"))
        if doc.secret or doc.name == "SEG_KAFKA__OAUTHBEARER_CLIENT_ID":
            secrets = values["secrets"]
            given += [secrets.get(kind, {}).get(doc.name) for kind in ("keys", "values")]
        else:
            given.append(values["settings"].get(doc.section, {}).get(doc.field))

    different = [each for each in given if each is not None and str(each).lower() != doc.default]
    assert different


def test_defaults_of_the_chart_are_those_of_the_program() -> None:
    """Where values.yaml names a setting it says the program's default, but for the logs' format."""
    defaults = {doc.name: doc.default for doc in describe()}
    for section, fields in yaml.safe_load(VALUES.read_text("utf-8"))["settings"].items():
        for field, value in fields.items():
            name = f"SEG_{section}__{field}".upper()
            if name == "SEG_LOG__FORMAT":
                assert value == "json"
            else:
                assert defaults[name] == str(value)


def test_defaults_in_templates_are_those_of_the_program() -> None:
    """The figures with which templates reckon where a value is absent are the program's."""
    defaults = {(doc.section, doc.field): doc.default for doc in describe()}
    text = "".join(path.read_text("utf-8") for path in (CHART / "templates").glob("*.tpl"))
    text += (CHART / "templates" / "networkpolicy.yaml").read_text("utf-8")

    assert f'"kafka" "drain_timeout_s" {defaults["kafka", "drain_timeout_s"]} ' in text
    assert f'"max_poll_interval_s" {defaults["kafka", "max_poll_interval_s"]} ' in text
    assert f'"liveness_timeout_s" {defaults["http", "liveness_timeout_s"]} ' in text
    assert f'"delivery" "endpoint" "{defaults["delivery", "endpoint"]}"' in text


def test_static_members_are_named_like_their_pods(releases: dict[str, Objects]) -> None:
    """A StatefulSet's pod gives its own name as group.instance.id; a Deployment's gives none."""
    reference = {
        "name": "SEG_KAFKA__GROUP_INSTANCE_ID",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
    }

    assert releases["static"].one("StatefulSet")
    assert reference in releases["static"].pods[0].container("consumer")["env"]
    assert releases["minimal"].one("Deployment")
    assert reference not in releases["minimal"].pods[0].container("consumer")["env"]


def test_services_of_the_namespace_set_no_variables(releases: dict[str, Objects]) -> None:
    """A service whose name begins with "seg" would put variables into the pod: switched off."""
    assert [pod.spec["enableServiceLinks"] for pod in releases["minimal"].pods] == [False, False]


def test_a_changed_setting_swaps_the_pods(helm: Helm) -> None:
    """The settings are in the pod; secrets it reads again, without a swap."""

    def pod(*arguments: str) -> Tree:
        release = helm.template(CHART / "ci" / "trying-out-values.yaml", *arguments)
        return release.workload["spec"]["template"]

    before = pod()
    other = "SEG_DELIVERY__WEBSITE_ID=00000000-0000-0000-0000-000000000000"

    assert before == pod("--set", "scaling.partitions=2")
    assert before != pod("--set", "settings.log.level=debug")
    assert before == pod("--set", f"secrets.values.{other}")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_an_upgrade_changes_nothing_below_the_pods_before(
    releases: dict[str, Objects], case: Path
) -> None:
    """No pod reads a ConfigMap of the release: one that an upgrade changes would reach old pods."""
    release = releases[case.stem.removesuffix("-values")]
    made = {str(dig(each, "metadata", "name")) for each in release.of("ConfigMap")}

    for pod in release.pods:
        read = {dig(it, "configMap", "name") for it in pod.spec["volumes"] if "configMap" in it}
        assert not read & made
