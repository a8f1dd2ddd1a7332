"""The image built by buildah, and run by runc: no daemon, no network but this machine's own.

The public base cannot be had everywhere, so one of Debian's packages and this very interpreter
stands in for it; `IMAGE_BASE` names another that buildah can pull.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.chart.tools import ROOT
from tests.chart.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator


HOME = ROOT / ".cache" / "image"
BASE = "localhost/python:3.11-slim"
TAG = "localhost/seg-consumer:test"
PROGRAMS = ("buildah", "mmdebstrap", "runc")
_BUILD_LIMIT_S = 900.0
_RUN_LIMIT_S = 120.0

_LIBRARIES = (
    "ca-certificates libbz2-1.0 libexpat1 libffi8 liblzma5 libncursesw6 libreadline8 libsqlite3-0"
    " libssl3 libuuid1 netbase tzdata zlib1g"
)
"""What CPython's own modules are linked with."""

_BASE_FILE = """
FROM scratch
ADD debian.tar /
COPY python/ /usr/local/
RUN ldconfig && python -m ensurepip && ln -s pip3 /usr/local/bin/pip
"""
_WRITABLE = {"type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
_LEFT_OUT = ("site-packages/", "test/", "idlelib/", "tkinter/", "__pycache__/", "config-")


def missing() -> str | None:
    """Return in a sentence what this machine lacks to build and run the image; None if nothing."""
    if os.getuid() != 0:
        return "needs root: buildah and runc make mounts and namespaces"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)}: Debian has packages of that name"
    if "IMAGE_BASE" not in os.environ and (
        sys.version_info[:2] != (3, 11) or sys.base_prefix == "/usr"
    ):
        return "needs a Python 3.11 outside /usr to make a base of, or IMAGE_BASE"
    return None


def buildah(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """Run buildah on a storage of its own, and return what it prints.

    Raises:
        AssertionError: with what buildah says.
    """
    storage = ["--root", HOME / "storage", "--runroot", HOME / "run"]
    done = subprocess.run(
        ["buildah", *map(str, [*storage, *arguments])],
        cwd=cwd,
        env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_BUILD_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def base() -> str:
    """Return the base image's name, made once."""
    if "IMAGE_BASE" in os.environ:
        return os.environ["IMAGE_BASE"]
    if not buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        _debian(HOME / "debian.tar")
        _python(HOME / "python")
        (HOME / "Basefile").write_text(_BASE_FILE)
        arguments = ["--network", "host", "--file", str(HOME / "Basefile"), "--tag", BASE]
        buildah("bud", "--format", "docker", *arguments, HOME)
    return BASE


def _debian(target: Path) -> None:
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    mirror = [str(sources)] if sources.exists() else []
    include = f"--include={_LIBRARIES.replace(' ', ',')}"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", str(target), *mirror],
        check=True,
        timeout=_BUILD_LIMIT_S,
    )


def _python(target: Path) -> None:
    """Copy this interpreter and its headers, as the public image has them in /usr/local."""
    version = "python3.11"
    shutil.rmtree(target, ignore_errors=True)
    (target / "bin").mkdir(parents=True)
    (target / "lib").mkdir()
    prefix = Path(sys.base_prefix)
    shutil.copy(prefix / "bin" / version, target / "bin")
    for name in ("python", "python3"):
        (target / "bin" / name).symlink_to(version)
    for library in prefix.glob("lib/libpython3.11.so*"):
        shutil.copy(library, target / "lib", follow_symlinks=False)
    library = prefix / "lib" / version
    shutil.copytree(library, target / "lib" / version, ignore=_ignored, symlinks=True)
    shutil.copytree(prefix / "include" / version, target / "include" / version)
    (target / "lib" / version / "site-packages").mkdir(exist_ok=True)


def _ignored(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if f"{name}/".startswith(_LEFT_OUT)]


def build(tag: str = TAG, *options: str) -> None:
    """Build the image with buildah's *options*, and what this machine needs to reach an index.

    The secrets are given as a company's would be: an authority, and a pip.conf that names it.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    authorities = os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")
    conf = HOME / "pip.conf"
    index = os.environ.get("PIP_INDEX_URL")
    conf.write_text(
        "[global]\ncert = /run/secrets/ca.pem\n" + (f"index-url = {index}\n" if index else "")
    )
    secrets = ["--secret", f"id=pip.conf,src={conf}", "--secret", f"id=ca.pem,src={authorities}"]
    form = ["--format", "docker", "--layers", "--timestamp", "0"]
    where = ["--network", "host", "--build-arg", f"BASE={base()}"]
    buildah("bud", *form, *where, *secrets, *options, "--tag", tag, ".")


def inspect(image: str = TAG) -> Tree:
    """Return the image's configuration, as Docker has it."""
    return json.loads(buildah("inspect", "--type", "image", image))["Docker"]


class Image(NamedTuple):
    """The image, laid out."""

    root: Path
    config: Tree

    def start(
        self, *words: str, name: str, env: dict[str, str] | None = None, files: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start *words* (or the image's own command) as process 1; *files* are at /files."""
        bundle = HOME / "bundles" / name
        bundle.mkdir(parents=True, exist_ok=True)
        own = [each for each in self.config["Env"] if "=" in each]
        args = [*self.config["Entrypoint"], *(words or self.config["Cmd"])]
        process = {
            "user": {"uid": 65532, "gid": 65532},
            "args": args,
            "env": [*own, *(f"{key}={value}" for key, value in (env or {}).items())],
            "cwd": self.config["WorkingDir"],
            "noNewPrivileges": True,
        }
        (bundle / "config.json").write_text(json.dumps(self._spec(process, files)))
        return subprocess.Popen(
            ["runc", "--root", HOME / "runc", "run", "--bundle", bundle, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _spec(self, process: Tree, files: Path | None) -> Tree:
        mounts: list[Tree] = [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": self.config["WorkingDir"], **_WRITABLE},
        ]
        if files is not None:
            bind = {"type": "bind", "source": str(files), "options": ["bind", "ro"]}
            mounts.append({"destination": "/files", **bind})
        kinds = (
            "pid",
            "ipc",
            "uts",
            "mount",
        )  # not the network: the tests' servers are on loopback
        return {
            "ociVersion": "1.0.2",
            "process": process,
            "root": {"path": str(self.root), "readonly": True},
            "mounts": mounts,
            "linux": {"namespaces": [{"type": kind} for kind in kinds]},
        }

    def run(
        self, *words: str, name: str = "run", env: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Run to the end; return exit code and output."""
        with self.start(*words, name=name, env=env) as process:
            text, _ = process.communicate(timeout=_RUN_LIMIT_S)
        return process.returncode, text

    def execute(self, name: str, *words: str) -> tuple[int, str]:
        """Run *words* in the container *name*, as Docker runs a health check."""
        done = subprocess.run(
            ["runc", "--root", HOME / "runc", "exec", name, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_RUN_LIMIT_S,
        )
        return done.returncode, done.stdout + done.stderr


def send(name: str, signal: str) -> None:
    """Send *signal* to process 1 of the container *name*."""
    subprocess.run(["runc", "--root", HOME / "runc", "kill", name, signal], check=True)


@contextmanager
def laid_out(image: str = TAG) -> Iterator[Image]:
    """Mount the file system of *image* for as long as the block lasts."""
    container = buildah("from", "--pull-never", image).strip()
    try:
        yield Image(Path(buildah("mount", container).strip()), inspect(image)["config"])
    finally:
        buildah("rm", container)


def running(name: str) -> bool:
    """Tell whether process 1 of the container *name* runs."""
    state = subprocess.run(
        ["runc", "--root", HOME / "runc", "state", name], capture_output=True, check=False
    )
    return state.returncode == 0 and json.loads(state.stdout)["status"] == "running"


def layer_sizes(image: str = TAG) -> list[int]:
    """Return the bytes of each layer, the base's first."""
    target = HOME / "image.tar"
    target.unlink(missing_ok=True)
    buildah("push", image, f"docker-archive:{target}")
    with tarfile.open(target) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        names: list[str] = json.load(manifest)[0]["Layers"]
        return [archive.getmember(name).size for name in names]
