"""One machine as a cluster: etcd, the control plane, containerd and a kubelet, all of it ours.

It runs in the namespaces that `make cluster-test` makes: nothing leaves them, and nothing is left.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.cluster.prepare import BIN, IMAGES, PAUSE
from tests.security.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = "10.99.0.1"
"""The node's, of a bridge in a network namespace of its own."""
_LIMIT_S = 180.0

_CONTAINERD = """
version = 2
root = "{home}/containerd"
state = "{home}/state"
[grpc]
address = "{home}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{home}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""
_BRIDGE = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "type": "bridge",
    "bridge": "pods",
    "isGateway": True,
    "ipam": {"type": "host-local", "subnet": "10.244.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]},
}
_KUBELET = """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {{memory.available: 100Mi}}
clusterDNS: [{address}]
clusterDomain: cluster.local
resolvConf: {home}/resolv.conf
podLogsDir: {home}/logs
containerRuntimeEndpoint: unix://{home}/containerd.sock
"""


class Node:
    """The cluster, its files in *home*, which is short: sockets lie in it. `close` ends it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.kubeconfig = home / "kubeconfig"
        self._processes = ExitStack()
        with ExitStack() as undo:
            undo.callback(self.close)
            self._network()
            self._control_plane(Authority(home / "authority"))
            self._machine()
            self._wait(lambda: "Ready" in self._kubectl("get nodes").split(), "the node")
            undo.pop_all()

    def close(self) -> None:
        """End everything, the newest first."""
        self._processes.close()
        subprocess.run(["umount", "--lazy", self.home / "kubelet"], check=False)
        left = ["find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", "*/kubepods*"]
        subprocess.run([*left, "-exec", "rmdir", "{}", "+"], check=False, capture_output=True)

    def start(self, *command: str | Path) -> None:
        """Start *command*, with its output in a file of its name; it ends with the node."""
        with (self.home / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log)
        self._processes.callback(process.wait)
        self._processes.callback(process.terminate)

    def _kubectl(self, words: str) -> str:
        command = [f"{BIN}/kubectl", f"--kubeconfig={self.kubeconfig}", *words.split()]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + _LIMIT_S
        while not done():
            assert time.monotonic() < deadline_s, f"{what} is not ready: see {self.home}/*.log"
            time.sleep(0.2)

    def _network(self) -> None:
        for words in (
            "ip link set lo up",
            "ip link add node type bridge",
            f"ip address add {ADDRESS}/24 dev node",
            "ip link set node up",
            "ip route add default dev node",
            "sysctl -qw net.ipv4.ip_forward=1",
        ):
            subprocess.run(words.split(), check=True)

    def _control_plane(self, authority: Authority) -> None:
        names = f"subjectAltName=IP:{ADDRESS},IP:127.0.0.1,DNS:kubernetes.default.svc\n"
        server = authority.issue("server", hosts=names)
        admin = authority.issue("admin", role="/O=system:masters")
        accounts = authority.issue("accounts")
        there = {"server": f"https://{ADDRESS}:6443"}
        there["certificate-authority"] = str(authority.certificate)
        who = {"client-certificate": str(admin.certificate), "client-key": str(admin.key)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "own",
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": "admin"}}],
            "clusters": [{"name": "own", "cluster": there}],
            "users": [{"name": "admin", "user": who}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.start("etcd", "--data-dir", self.home / "etcd", "--unsafe-no-fsync")
        self.start(
            BIN / "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={ADDRESS}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--client-ca-file={authority.certificate}",
            f"--kubelet-client-certificate={admin.certificate}",
            f"--kubelet-client-key={admin.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts.certificate}",
            f"--service-account-signing-key-file={accounts.key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
        )
        own = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false")
        keys = f"--service-account-private-key-file={accounts.key}"
        root = f"--root-ca-file={authority.certificate}"
        self.start(BIN / "kube-controller-manager", *own, keys, root)
        self.start(BIN / "kube-scheduler", *own)

    def _machine(self) -> None:
        home, socket = self.home, self.home / "containerd.sock"
        (home / "cni").mkdir()
        (home / "cni" / "pods.conf").write_text(json.dumps(_BRIDGE))
        (home / "containerd.toml").write_text(_CONTAINERD.format(home=home, pause=PAUSE))
        (home / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")
        (home / "kubelet.yaml").write_text(_KUBELET.format(home=home, address=ADDRESS))
        self.start("containerd", "--config", home / "containerd.toml")
        self._wait(socket.exists, "containerd")
        for archive in IMAGES.values():
            words = f"ctr -a {socket} -n k8s.io images import {archive}"
            subprocess.run(words.split(), check=True, capture_output=True)
        self.start(
            BIN / "kubelet",
            f"--config={home}/kubelet.yaml",
            f"--kubeconfig={self.kubeconfig}",
            f"--root-dir={home}/kubelet",
            "--hostname-override=node1",
            f"--node-ip={ADDRESS}",
        )
