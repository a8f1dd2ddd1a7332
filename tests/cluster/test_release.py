"""A release's life on a real cluster, events coming in all the while; the parts follow each other.

`make cluster-test` runs it on a cluster of its own. With KUBECONFIG it takes that one, and
CLUSTER_IMAGE is the image's name as its nodes find it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
import yaml

from consumer.demo import WEBSITE_ID
from tests.chart.generate import CHART
from tests.cluster.node import Node
from tests.cluster.prepare import missing
from tests.cluster.world import NAMESPACE, World, until
from tests.docs.commands import kind, shown
from tests.image.engine import TAG

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("SEG_TEST_CLUSTER") != "1", reason="`make cluster-test` brings up a cluster"
    ),
    pytest.mark.timeout(900),
]

NAME = "my-seg-consumer"
ENFORCED = [f"pod-security.kubernetes.io/{how}=restricted" for how in ("enforce", "warn", "audit")]
CONSUMERS = "app.kubernetes.io/component=consumer"
ELSEWHERE = (
    "kubectl logs my-seg-consumer-test --all-containers",
    f"kubectl create secret generic seg --from-literal=SEG_DELIVERY__WEBSITE_ID={WEBSITE_ID}",
)
"""Commands of the pages that other parts run, for they need a moment of their own."""
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}}}
  versions:
    - name: {version}
      served: true
      storage: true
      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
KINDS = (
    {"kind": "ScaledObject", "plural": "scaledobjects", "group": "keda.sh", "version": "v1alpha1"},
    {
        "kind": "PrometheusRule",
        "plural": "prometheusrules",
        "group": "monitoring.coreos.com",
        "version": "v1",
    },
)
"""Objects of operators, without these: what the chart does around them is what is tested."""


@pytest.fixture(name="world", scope="module")
def _world() -> Iterator[World]:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    given = os.environ.get("KUBECONFIG")
    home = Path(mkdtemp(prefix="cluster-"))  # stays with its logs where the start fails
    with ExitStack() as undo:
        if given is None:
            undo.callback(Node(home).close)
        world = World(Path(given or home / "kubeconfig"), home)
        undo.callback(world.close)
        world.do("kubectl", "create", "namespace", NAMESPACE)
        undo.callback(world.do, "kubectl", "delete", "namespace", NAMESPACE)
        world.do("kubectl", "label", "namespace", NAMESPACE, *ENFORCED)
        world.do(*ELSEWHERE[1].split())
        world.do(
            "kubectl", "create", "configmap", "seg-ca", f"--from-file=ca.crt={world.authority}"
        )
        if given is None:
            world.answer_names()
            for each in KINDS:
                world.do("kubectl", "apply", "-f", "-", text=DEFINITION.format(**each))
        yield world
    shutil.rmtree(home)


def values(world: World) -> str:
    """Return the values that every part begins with."""
    repository, _, tag = os.environ.get("CLUSTER_IMAGE", TAG).rpartition(":")
    ours = {
        "image": {"repository": repository, "tag": tag},
        "settings": {
            "kafka": {
                "bootstrap_servers": world.kafka.bootstrap,
                "topics": ["events"],
                "drain_timeout_s": 10,
                "config": {"session.timeout.ms": 10000},
            },
            "delivery": {
                "endpoint": f"https://{world.address}:8443/",
                "ca_file": "/etc/seg-consumer/files/seg-ca/ca.crt",
            },
        },
        "files": {"seg-ca": {"configMap": "seg-ca"}},
        "secrets": {"existingSecret": "seg"},
        "scaling": {"partitions": 4, "replicas": 3},
        "resources": {"requests": {"cpu": "50m"}},
    }
    return yaml.safe_dump(ours)


def upgrade(
    world: World, *sets: str, options: tuple[str, ...] = ("--wait", "--timeout=180s")
) -> str:
    """Upgrade with the values above and *sets*."""
    words = [f"--set={each}" for each in sets]
    command = ("helm", "upgrade", "--install", "my", str(CHART), "--values=-", *words, *options)
    return world.do(*command, text=values(world))


def pods(world: World) -> list[str]:
    """Return the names of the release's pods that are not ending, the oldest first."""
    listed = json.loads(world.do("kubectl", "get", "pods", "-l", CONSUMERS, "-o", "json"))["items"]
    alive = [it["metadata"] for it in listed if "deletionTimestamp" not in it["metadata"]]
    return [it["name"] for it in sorted(alive, key=lambda it: str(it["creationTimestamp"]))]


def count(world: World) -> int:
    """Return how many pods the Deployment is to have."""
    return int(world.do("kubectl", "get", "deployment", NAME, "-o", "jsonpath={.spec.replicas}"))


def state(world: World) -> str:
    """Return the generation of each object, and each pod."""
    kinds = "deployment,service,serviceaccount,poddisruptionbudget,networkpolicy,pod"
    columns = "custom-columns=K:.kind,N:.metadata.name,G:.metadata.generation,U:.metadata.uid"
    return world.do("kubectl", "get", kinds, "-o", columns)


def test_installed_and_tested(world: World) -> None:
    """The release runs below "restricted" without a warning; the commands of its notes say so."""
    notes = upgrade(world).partition("NOTES:")[2]
    until(lambda: world.members() == 3)

    said = [world.do(*words.split()) for words in re.findall(r"\? +((?:helm|kubectl) .+)", notes)]
    assert len(said) == 3
    assert "successfully rolled out" in said[0]
    assert '"event":"started"' in said[1]
    assert "Succeeded" in said[2]


def test_second_apply_changes_nothing(world: World) -> None:
    """No generation moves and no pod is swapped by an upgrade with the same values."""
    before = state(world)
    upgrade(world)

    assert state(world) == before


def test_rolled_under_load(world: World) -> None:
    """A change of settings swaps the pods one by one, and delivery goes on."""
    with world.silence("roll-out of 3 pods", 20.0):
        upgrade(world, "settings.log.level=debug")


def test_failed_upgrade_leaves_the_old_pods_alone(world: World) -> None:
    """A topic that is not there stops the new pod; an old one that restarts goes on as it was."""
    old = pods(world)
    with world.silence("failed upgrade, restart of an old pod, rollback", 20.0):
        with pytest.raises(AssertionError, match="helm upgrade"):
            upgrade(world, "settings.kafka.topics={absent}", options=("--wait", "--timeout=30s"))
        left = next(name for name in pods(world) if name in old)
        world.do("kubectl", "exec", left, "--", "python", "-c", "import os; os.kill(1, 15)")
        restarts = "jsonpath={.status.containerStatuses[0].restartCount}"
        until(lambda: world.do("kubectl", "get", "pod", left, "-o", restarts) == "1")
        world.do("kubectl", "wait", "--for=condition=Ready", f"pod/{left}", "--timeout=60s")
        world.do("helm", "rollback", "my", "--wait", "--timeout=120s")
    until(lambda: world.members() == 3)


def test_commands_of_the_pages_work(world: World) -> None:
    """All that an operator is told to type, in a pod and outside; what swaps pods comes last."""
    listed = json.loads(world.do("kubectl", "get", "pods", "-l", CONSUMERS, "-o", "json"))["items"]
    pod = max(listed, key=lambda it: int(it["status"]["containerStatuses"][0]["restartCount"]))
    meant = {"NAMESPACE": NAMESPACE, "POD": str(pod["metadata"]["name"])}
    meant |= {"REASON": "bad_number", "TIME": "2026-01-01T00:00:00"}
    typed = [it for it in shown() if it.startswith("kubectl") and it not in ELSEWHERE]
    for command in sorted(typed, key=lambda it: "restart" in it):
        if kind(command) != "mention":
            line = re.sub("|".join(meant), lambda it: meant[it[0]], command.partition(" | ")[0])
            world.do(*shlex.split(line))
    world.do("kubectl", "rollout", "status", f"deployment/{NAME}", "--timeout=120s")


def test_an_alert_shows_its_page(world: World) -> None:
    """The command in its annotation prints what to do."""
    needs(world, "prometheusrules")
    upgrade(world, "monitoring.prometheusRule.enabled=true")
    rule = json.loads(world.do("kubectl", "get", "prometheusrules", NAME, "-o", "json"))
    rules = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    command = next(each["annotations"]["runbook"] for each in rules if "alert" in each)

    assert "## Do" in world.do(*shlex.split(command))


def test_deleted_while_it_starts(world: World) -> None:
    """A pod that is deleted as soon as it runs is gone in seconds, and no ghost in the group."""
    with world.silence("deleted while it starts", 20.0):
        world.do("kubectl", "delete", "pod", pods(world)[0], "--wait=false")
        until(lambda: len(pods(world)) == 3)
        newest = pods(world)[-1]
        running = "jsonpath={.status.containerStatuses[0].state.running.startedAt}"
        until(lambda: world.do("kubectl", "get", "pod", newest, "-o", running) != "")
        world.do("kubectl", "delete", "pod", newest, "--timeout=15s")
    until(lambda: world.members() == 3)


def test_killed_and_drained(world: World) -> None:
    """A pod that is killed is missed for a session at most; evictions keep to the budget."""
    with world.silence("a pod killed", 25.0):
        world.do("kubectl", "delete", "pod", pods(world)[0], "--force", "--grace-period=0")
        world.do("kubectl", "rollout", "status", f"deployment/{NAME}", "--timeout=120s")
    first, second, _ = pods(world)
    with world.silence("a pod evicted", 20.0):
        assert evict(world, first) == 0
        assert evict(world, second) != 0
        world.do("kubectl", "rollout", "status", f"deployment/{NAME}", "--timeout=120s")


def evict(world: World, pod: str) -> int:
    """Ask for the eviction of *pod*, as a drain does; return kubectl's exit code."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    place = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    return world.run(
        "kubectl", "create", "--raw", place, "-f", "-", text=json.dumps(body)
    ).returncode


def needs(world: World, plural: str) -> None:
    """Skip where the cluster has no objects of that kind."""
    if plural not in world.do("kubectl", "api-resources", "--output=name"):
        pytest.skip(f"the cluster knows no {plural}: their operator is not installed")


def test_count_outlives_a_change_of_mode(world: World) -> None:
    """From fixed to KEDA and to the HPA the live count stays; back to fixed the given one holds."""
    needs(world, "scaledobjects")
    upgrade(world, "scaling.mode=keda")
    assert count(world) == 3

    world.do("kubectl", "scale", f"deployment/{NAME}", "--replicas=4")  # as an autoscaler does
    upgrade(world, "scaling.mode=keda", "settings.log.level=debug")
    assert count(world) == 4

    upgrade(world, "scaling.mode=hpa", "scaling.minReplicas=2")
    assert count(world) == 4

    upgrade(world, options=("--wait", *world.forced))
    assert count(world) == 3


def test_static_membership_comes_and_goes(world: World) -> None:
    """A StatefulSet in place of the Deployment, its roll-out, and the way back."""
    with world.silence("static membership on", 60.0):
        upgrade(world, "staticMembership.enabled=true")
    with world.silence("roll-out of static members", 30.0):
        upgrade(world, "staticMembership.enabled=true", "settings.log.level=debug")
    with world.silence("static membership off", 60.0):
        upgrade(world)


def test_scaled_to_zero(world: World) -> None:
    """`helm test` passes where no pod is wanted, and delivery goes on from one pod on."""
    upgrade(world, "scaling.replicas=0")
    until(lambda: pods(world) == [])
    assert "Succeeded" in world.do("helm", "test", "my")

    upgrade(world, "scaling.replicas=1")
    until(lambda: world.members() == 1)


def test_scaled_by_another_hand(world: World) -> None:
    """Helm 4 must be told to overrule; `helm test` tells of no pods, its pod keeps the reason."""
    world.do("kubectl", "scale", f"deployment/{NAME}", "--replicas=3")
    if world.is_helm_4:
        with pytest.raises(AssertionError, match=r"conflict.*\.spec\.replicas"):
            upgrade(world, "scaling.replicas=2")
    upgrade(world, "scaling.replicas=2", options=("--wait", *world.forced))
    assert count(world) == 2

    world.do("kubectl", "scale", f"deployment/{NAME}", "--replicas=0")
    until(lambda: pods(world) == [])
    assert world.run("helm", "test", "my").returncode != 0
    assert "no pod of the release is ready" in world.do(*ELSEWHERE[0].split())
    world.do("kubectl", "delete", "pod", f"{NAME}-test")
    upgrade(world, "scaling.replicas=2")
    until(lambda: world.members() == 2)


def test_everything_was_delivered_in_order(world: World) -> None:
    """After all this nothing is lost and nothing came out of order."""
    verdict = world.verdict()

    print(f"{world.traffic.deliverable} calls, {verdict.doubles} of them twice")  # noqa: T201
    assert verdict.out_of_order == 0
    assert verdict.arrived == world.traffic.deliverable


def test_uninstalled_without_a_trace(world: World) -> None:
    """Only what was there before is left in the namespace."""
    world.do("helm", "uninstall", "my", "--wait")
    kinds = "all,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget,endpointslice"
    until(lambda: world.do("kubectl", "get", kinds, "-l", "app.kubernetes.io/instance=my") == "")
