"""What holds for every release, whatever the values."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.chart.generate import CHART
from tests.chart.rendering import CASES, MINIMAL, NAMESPACE, Helm, Objects, Pod
from tests.chart.trees import dig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.trees import Tree

NAMES = [case.stem.removesuffix("-values") for case in CASES]
DRAIN_DEFAULT_S = 35
MARGIN_S = 15

every_case = pytest.mark.parametrize("name", NAMES)


def values_of(name: str) -> Tree:
    """Return the values of a case."""
    loaded: Tree = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text("utf-8"))
    return loaded


@every_case
def test_grace_period_outlasts_the_drain(releases: dict[str, Objects], name: str) -> None:
    """Kubernetes waits longer than the program drains, by 15 s or more."""
    kafka = dig(values_of(name), "settings", "kafka")
    drain_s = float(str(kafka.get("drain_timeout_s", DRAIN_DEFAULT_S)))

    grace_s = releases[name].pods[0].spec["terminationGracePeriodSeconds"]

    assert isinstance(grace_s, int)
    assert grace_s >= math.ceil(drain_s) + MARGIN_S


@every_case
def test_there_are_never_more_pods_than_partitions(releases: dict[str, Objects], name: str) -> None:
    """Neither a fixed count, nor an autoscaler's ceiling, nor a roll-out passes the partitions."""
    release = releases[name]
    partitions = dig(values_of(name), "scaling", "partitions")
    counts = [
        *(each["spec"]["maxReplicaCount"] for each in release.of("ScaledObject")),
        *(each["spec"]["maxReplicas"] for each in release.of("HorizontalPodAutoscaler")),
    ]
    workload = release.workload["spec"]
    if not counts:
        counts = [workload["replicas"]]

    assert [count for count in counts if count > partitions] == []
    rolling = workload.get("strategy", {}).get("rollingUpdate") or {}
    assert rolling.get("maxSurge", 0) == 0


@every_case
def test_one_thing_decides_the_count(releases: dict[str, Objects], name: str) -> None:
    """An autoscaler, only one of it, or a fixed count; the two never meet."""
    release = releases[name]
    scalers = [*release.of("ScaledObject"), *release.of("HorizontalPodAutoscaler")]

    assert len(scalers) <= 1
    assert ("replicas" in release.workload["spec"]) is (not scalers)
    for scaler in scalers:
        target = dig(scaler, "spec", "scaleTargetRef")
        assert target["kind"] == release.workload["kind"]
        assert target["name"] == dig(release.workload, "metadata", "name")


@every_case
def test_all_selectors_agree(releases: dict[str, Objects], name: str) -> None:
    """Every selector finds the workload's pods; only the NetworkPolicy's finds `helm test`, too."""
    release = releases[name]
    selector = dig(release.workload, "spec", "selector", "matchLabels")
    selectors = [dig(release.one("Service"), "spec", "selector")]
    for kind in ("PodDisruptionBudget", "PodMonitor", "ServiceMonitor"):
        selectors += [dig(each, "spec", "selector", "matchLabels") for each in release.of(kind)]

    assert [each for each in selectors if each != selector] == []
    consumer, test = (pod.metadata["labels"] for pod in release.pods)
    assert selector.items() <= consumer.items()
    assert not selector.items() <= test.items()
    for policy in release.of("NetworkPolicy"):
        covered = dig(policy, "spec", "podSelector", "matchLabels").items()
        assert covered <= consumer.items()
        assert covered <= test.items()
    for monitor in release.of("ServiceMonitor"):
        wanted = dig(monitor, "spec", "selector", "matchLabels")
        assert wanted.items() <= dig(release.one("Service"), "metadata", "labels").items()


@every_case
def test_objects_are_of_the_release(releases: dict[str, Objects], name: str) -> None:
    """Every object has the namespace and a name that is a DNS label, twice is none."""
    own = [each for each in releases[name].all if "extra" not in str(dig(each, "metadata", "name"))]
    names = [(str(each["kind"]), str(dig(each, "metadata", "name"))) for each in own]

    assert {each["metadata"]["namespace"] for each in own} == {NAMESPACE}
    assert len(set(names)) == len(names)
    assert max(len(each) for _, each in names) <= 63


@every_case
def test_pods_are_restricted(releases: dict[str, Objects], name: str) -> None:
    """Every pod keeps to Pod Security "restricted", with a read-only root and no token.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    for pod in releases[name].pods:
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert int(str(security["runAsUser"])) > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["automountServiceAccountToken"] is False
        assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        for container in pod.containers:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
        kinds = {key for volume in pod.spec["volumes"] for key in volume} - {"name"}
        assert kinds <= {"configMap", "secret", "projected", "downwardAPI", "emptyDir"}


@every_case
def test_secrets_are_files_only(releases: dict[str, Objects], name: str) -> None:
    """No secret is in the environment, where every child and every crash report sees it."""
    for pod in releases[name].pods:
        for container in pod.containers:
            assert "secretKeyRef" not in yaml.safe_dump(container)
            assert "secretRef" not in yaml.safe_dump(container)


@every_case
def test_every_mount_has_its_volume(releases: dict[str, Objects], name: str) -> None:
    """Each mount names a volume, each volume is mounted, and no two share a place."""
    for pod in releases[name].pods:
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        ours = [each for each in pod.containers if each["name"] in {"consumer", "doctor", "ready"}]
        for container in ours:
            mounts = container["volumeMounts"]
            assert {each["name"] for each in mounts} == volumes
            assert len({each["mountPath"] for each in mounts}) == len(mounts)


@every_case
def test_probes_ask_what_the_program_answers(releases: dict[str, Objects], name: str) -> None:
    """Liveness asks only whether the loop turns; the port is that of the settings."""
    container = releases[name].pods[0].container("consumer")
    http = values_of(name)["settings"].get("http", {})

    assert dig(container, "livenessProbe", "httpGet") == {"path": "/livez", "port": "http"}
    assert dig(container, "startupProbe", "httpGet") == {"path": "/livez", "port": "http"}
    assert dig(container, "readinessProbe", "httpGet") == {"path": "/readyz", "port": "http"}
    assert dig(container, "ports", 0)["containerPort"] == http.get("port", 9090)


@every_case
def test_helm_test_looks_with_the_pod_s_own_settings(
    releases: dict[str, Objects], name: str
) -> None:
    """`helm test` runs the doctor with the image, the files and the environment of the consumer."""
    consumer, test = releases[name].pods
    running, checking = consumer.container("consumer"), test.container("doctor")

    for what in ("image", "volumeMounts"):
        assert checking[what] == running[what]
    assert [it for it in running["env"] if it not in checking["env"]] == [
        it for it in running["env"] if it["name"] == "SEG_KAFKA__GROUP_INSTANCE_ID"
    ]
    assert test.spec["volumes"] == consumer.spec["volumes"]
    settings = "seg-consumer/settings"
    assert test.metadata["annotations"][settings] == consumer.metadata["annotations"][settings]
    assert (running["args"], checking["args"]) == (["run"], ["doctor"])
    assert test.metadata["annotations"]["helm.sh/hook"] == "test"


@pytest.mark.parametrize(
    ("scaling", "code", "says"),
    [
        ({"replicas": 2}, 1, "no pod of the release is ready"),
        ({"replicas": 0}, 0, "scaled to zero"),
        ({"mode": "keda", "minReplicas": 0}, 0, "scaled to zero"),
        ({"mode": "keda"}, 1, "no pod of the release is ready"),
    ],
    ids=str,
)
def test_helm_test_knows_who_may_be_scaled_to_zero(
    helm: Helm, scaling: dict[str, object], code: int, says: str
) -> None:
    """Where no pod answers, the doctor's word is enough only if there need be none."""
    options = [f"--set=scaling.{name}={value}" for name, value in scaling.items()]
    command = helm.template(MINIMAL, *options).pods[1].container("ready")["command"]
    assert command[:2] == ["python", "-c"]

    nobody = command[2].replace("http://my-seg-consumer:", "http://my-seg-consumer.invalid:")
    done = subprocess.run(
        [sys.executable, "-c", nobody], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, says in done.stdout + done.stderr) == (code, True), done.stderr


def test_first_probe_waits_for_a_start(releases: dict[str, Objects]) -> None:
    """A probe that comes before the program listens is a warning among the namespace's events."""
    probe = releases["minimal"].pods[0].container("consumer")["startupProbe"]

    assert probe["initialDelaySeconds"] >= 5


def test_network_policy_lets_out_what_the_settings_name(releases: dict[str, Objects]) -> None:
    """DNS, Kafka, the registry and Seg by their ports, and our own pods; nothing else."""
    policy = releases["keda"].one("NetworkPolicy")["spec"]
    egress = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]

    assert egress == [[53, 53], [9093, 9094], [8081, 443], [443], [9090]]
    assert "podSelector" in dig(policy, "egress", -1, "to", 0)
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_network_policy_lets_the_test_in(releases: dict[str, Objects]) -> None:
    """Where only Prometheus may read the metrics, the pod of `helm test` still may."""
    release = releases["monitoring"]
    rule = dig(release.one("NetworkPolicy"), "spec", "ingress", 0)
    ours, theirs = (peer for peer in rule["from"])

    labels = release.pods[1].metadata["labels"]
    assert dig(ours, "podSelector", "matchLabels").items() <= labels.items()
    assert "namespaceSelector" in theirs


def test_token_endpoint_is_let_out(releases: dict[str, Objects]) -> None:
    """Where Kafka's tokens come from is reachable; a broker without a port has Kafka's."""
    policy = releases["keda-oauth"].one("NetworkPolicy")["spec"]
    egress = [dig(rule, "ports", 0)["port"] for rule in policy["egress"]]

    assert egress == [53, 9092, 8443, 443, 9090]


def test_spread_finds_its_pods(releases: dict[str, Objects]) -> None:
    """A spread constraint without a selector gets the workload's; one with its own keeps it."""
    filled = dig(releases["minimal"].pods[0].spec, "topologySpreadConstraints", 0)
    kept = dig(releases["extras"].pods[0].spec, "topologySpreadConstraints", 0)

    selector = dig(releases["minimal"].workload, "spec", "selector")
    assert filled["labelSelector"] == selector
    assert kept["labelSelector"] == {"matchLabels": {"team": "shop"}}


def test_upgrade_of_the_chart_alone_swaps_no_pod(releases: dict[str, Objects]) -> None:
    """The pods carry no version of the chart: a swap is two rebalances."""
    assert "helm.sh/chart" not in yaml.safe_dump(releases["minimal"].pods[0].metadata)


def test_hooks_reach_the_pod(releases: dict[str, Objects]) -> None:
    """What the chart does not know can be added: containers, volumes, objects, labels."""
    release = releases["extras"]
    pod: Pod = release.pods[0]

    assert [each["name"] for each in pod.containers] == ["wait", "consumer", "proxy"]
    assert pod.metadata["labels"].items() >= {"team": "shop"}.items()
    assert pod.metadata["annotations"]["reloader.stakater.com/auto"] == "true"
    assert pod.spec["serviceAccountName"] == "shop"
    extra = {str(dig(each, "metadata", "name")) for each in release.of("ConfigMap")}
    assert {"my-extra", "shop-to-seg-extra"} <= extra


def notes_of(helm: Helm, case: Path, *options: str) -> str:
    """Return what helm prints after an installation."""
    # Helm 3 would ask a cluster here.
    dry: tuple[str | Path, ...] = ("--dry-run=client", "-n", NAMESPACE, "-f", case, *options)
    done = helm.run("install", "my", CHART, *dry)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


@pytest.mark.parametrize(
    ("on", "said"),
    [
        ((), ["Nobody scrapes"]),
        (("podMonitor",), []),
        (("podMonitor", "dashboards"), ["need the recording"]),
        (("dashboards", "prometheusRule"), ["Nobody scrapes"]),
    ],
)
def test_notes_say_what_monitoring_lacks(helm: Helm, on: tuple[str, ...], said: list[str]) -> None:
    """A dashboard without its rules has empty panels; what is on is not called off."""
    options = [f"--set=monitoring.{name}.enabled=true" for name in on]
    notes = notes_of(helm, CHART / "ci" / "minimal-values.yaml", *options)

    assert said == [it for it in ("Nobody scrapes", "need the recording") if it in notes]


def test_notes_say_what_to_check_first(helm: Helm) -> None:
    """After an installation helm prints the commands that find out whether it works."""

    def notes(case: Path) -> str:
        return notes_of(helm, case)

    plain = notes(CHART / "ci" / "minimal-values.yaml")
    assert "kubectl --namespace shop rollout status deployment/my-seg-consumer" in plain
    assert "helm --namespace shop test my" in plain
    assert "9092" in plain
    assert "WARNING" not in plain
    assert "statefulset/my-seg-consumer" in notes(CHART / "ci" / "static-values.yaml")
    assert "WARNING" in notes(CHART / "ci" / "trying-out-values.yaml")
