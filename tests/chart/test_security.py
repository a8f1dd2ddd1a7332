"""A security scan of the rendered chart, with every exception named and reasoned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.checking import Checkers
    from tests.chart.rendering import Objects

SCANNED = ("minimal", "keda", "keda-oauth", "hpa", "static", "monitoring", "service-monitor")
"""What an operator would run; not `extras` (others' containers) nor `trying-out`."""

EVERYWHERE = {
    "CKV_K8S_11": "no limit on CPU: throttling looks like a stuck loop; `resources` takes one",
    "CKV_K8S_15": "tags are versions and never move; a pull at every start needs the registry up",
    "CKV_K8S_43": "`image.digest` is there; a chart cannot know the digest of the operator's build",
}
IN_THE_TEST_POD = {
    "CKV_K8S_8": "it ends by itself: there is nothing to keep alive",
    "CKV_K8S_9": "nobody sends it anything",
}


def test_scan_finds_only_what_is_reasoned(
    releases: dict[str, Objects], checkers: Checkers, tmp_path: Path
) -> None:
    """Checkov's findings are the exceptions above, neither more nor fewer."""
    for name in SCANNED:
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(releases[name].all))

    report = checkers.security(tmp_path)

    found: dict[str, set[str]] = {"Pod": set(), "workload": set()}
    for each in report["results"]["failed_checks"]:
        kind = "Pod" if each["resource"].startswith("Pod.") else "workload"
        found[kind].add(each["check_id"])
    assert found == {"workload": {*EVERYWHERE}, "Pod": {*EVERYWHERE, *IN_THE_TEST_POD}}
    assert report["summary"]["passed"] > 100 * len(SCANNED)
