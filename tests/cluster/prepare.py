"""What a cluster of our own is made of; `python -m tests.cluster` builds it, once.

Kubernetes comes from the Go module proxy (ten minutes on two cores), the images from buildah. The
rest is Debian's: etcd-server containerd runc buildah mmdebstrap containernetworking-plugins
iptables conntrack ethtool socat.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.chart.tools import ROOT
from tests.image import engine
from tests.kafka_real.artifacts import KafkaUnavailableError, class_path

HOME = ROOT / ".cache" / "cluster"
BIN = HOME / "bin"
VERSION = "1.34.4"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
NEEDED = ("openssl", "socat")
NEEDED_FOR_OUR_OWN = ("go", "etcd", "containerd", "ctr", "runc", "ip", "iptables", "unshare")
PAUSE = "localhost/pause:1"
IMAGES = {name: HOME / f"{name}.tar" for name in ("pause", "seg-consumer")}

_PAUSE = """package main
import ("os"; "os/signal"; "syscall")
func main() { c := make(chan os.Signal, 1); signal.Notify(c, syscall.SIGTERM); <-c }
"""


def missing() -> str | None:
    """Return in a sentence what this machine lacks for the walk; None if nothing."""
    given = "KUBECONFIG" in os.environ
    if given and "CLUSTER_IMAGE" not in os.environ:
        return "with KUBECONFIG needs CLUSTER_IMAGE, the image's name as its nodes find it"
    needed = (*NEEDED, *(("kubectl",) if given else NEEDED_FOR_OUR_OWN))
    absent = [name for name in needed if shutil.which(name) is None]
    if not given and not Path("/usr/lib/cni/bridge").exists():
        absent.append("containernetworking-plugins")
    if absent:
        return f"needs {', '.join(absent)}" + ("" if given else ", or a KUBECONFIG")
    return (None if given else engine.missing()) or _no_kafka()


def _no_kafka() -> str | None:
    try:
        class_path()
    except KafkaUnavailableError as error:
        return str(error)
    return None


def kubernetes() -> None:
    """Build Kubernetes: its own go.mod has its staging modules in the tree, so each is replaced."""
    build = HOME / "build"
    build.mkdir(parents=True, exist_ok=True)
    answer = _go(build, "mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}")
    text = Path(json.loads(answer)["GoMod"]).read_text("utf-8")
    staged = re.findall(r"^\s*(k8s\.io/\S+) => \./staging", text, re.MULTILINE)
    lines = ["module example.invalid/cluster", "go 1.24.0", "godebug default=go1.24"]
    lines += [f"require k8s.io/kubernetes v{VERSION}"]
    lines += [f"replace {name} => {name} v{VERSION.replace('1.', '0.', 1)}" for name in staged]
    (build / "go.mod").write_text("\n".join(lines))
    version, major, minor = f"v{VERSION}", *VERSION.split(".")[:2]
    place = "k8s.io/component-base/version"
    flags = f"-s -w -X {place}.gitVersion={version} -X {place}.gitMajor={major}"
    flags += f" -X {place}.gitMinor={minor} -X k8s.io/client-go/pkg/version.gitVersion={version}"
    for name in PROGRAMS:
        if not (BIN / name).exists():
            package = f"k8s.io/kubernetes/cmd/{name}"
            _go(build, "build", "-trimpath", "-ldflags", flags, "-o", str(BIN / name), package)


def _go(folder: Path, *words: str) -> str:
    env = os.environ | {"GOFLAGS": "-mod=mod -p=2 -buildvcs=false", "CGO_ENABLED": "0"}
    done = subprocess.run(["go", *words], cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.decode()


def images() -> None:
    """Build the program's image, and the process that holds a pod's namespaces."""
    engine.build()
    pause = HOME / "pause"
    pause.mkdir(parents=True, exist_ok=True)
    (pause / "go.mod").write_text("module pause\ngo 1.24.0\n")
    (pause / "main.go").write_text(_PAUSE)
    _go(pause, "build", "-ldflags", "-s -w", "-o", "pause", ".")
    (pause / "Dockerfile").write_text('FROM scratch\nCOPY pause /\nENTRYPOINT ["/pause"]\n')
    engine.buildah("bud", "--format", "docker", "--tag", PAUSE, pause)
    for tag, target in zip((PAUSE, engine.TAG), IMAGES.values(), strict=True):
        target.unlink(missing_ok=True)
        engine.buildah("push", tag, f"docker-archive:{target}:{tag}")
