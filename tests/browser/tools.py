"""A browser and axe for the page's tests, without root: fetched once into `.tools`.

.tools/chromium           the headless shell and what it needs, out of Debian's packages
.tools/axe-core-4.14.1    the accessibility checker, pinned by its hash
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from tests.monitoring.tools import UnavailableError, fetch

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ROOT / ".tools"
SCREENSHOTS: Final = ROOT / ".cache" / "screenshots"

AXE: Final = "4.14.1"
_AXE_SHA256: Final = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
_PACKAGES: Final = ("chromium-headless-shell", "fonts-dejavu-core")
_FONTS: Final = """<fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<dir prefix="relative">usr/share/fonts</dir>
<cachedir prefix="relative">cache</cachedir>
</fontconfig>
"""
"""A machine without fonts of its own: without any the browser shows no text, and ends."""
_LIMIT_S: Final = 300.0


def chromium() -> tuple[Path, dict[str, str]]:
    """Return the browser's program, and the environment that it needs; fetched if need be (100 MB).

    Raises:
        UnavailableError: this is no Debian, or its mirror does not have the packages.
    """
    home = TOOLS / "chromium"
    if not home.is_dir():
        with _scratch() as scratch:
            _fetch_packages(scratch)
            _settle(scratch / "unpacked", home)
    found = (it for top in ("lib", "usr/lib") for it in home.glob(f"{top}/*-linux-gnu*/**/*.so*"))
    libraries = sorted({str(it.parent) for it in found})
    program = home / "usr" / "lib" / "chromium" / "chromium-headless-shell"
    fonts = home / "fonts.conf"
    fonts.write_text(_FONTS, encoding="utf-8")
    environment = {"LD_LIBRARY_PATH": os.pathsep.join(libraries), "FONTCONFIG_FILE": str(fonts)}
    return program, environment


def axe() -> str:
    """Return the script of axe, fetched if need be.

    Raises:
        UnavailableError: npm is missing, or its registry does not have the package.
    """
    home = TOOLS / f"axe-core-{AXE}"
    if not home.is_dir():
        with _scratch() as scratch:
            _run(["npm", "pack", "--silent", f"axe-core@{AXE}"], scratch)
            archive = next(scratch.glob("axe-core-*.tgz"))
            if hashlib.sha256(archive.read_bytes()).hexdigest() != _AXE_SHA256:
                raise UnavailableError(f"axe-core {AXE} is not the package that it was")
            script = scratch / "unpacked" / "axe.min.js"
            script.parent.mkdir()
            with tarfile.open(archive) as package:
                member = package.extractfile("package/axe.min.js")
                script.write_bytes(member.read() if member else b"")
            _settle(scratch / "unpacked", home)
    return (home / "axe.min.js").read_text(encoding="utf-8")


def _fetch_packages(scratch: Path) -> None:
    for folder in ("archives", "lists"):
        (scratch / folder / "partial").mkdir(parents=True)
    own = ("-o", f"Dir::Cache::archives={scratch / 'archives'}", "-o", "Debug::NoLocking=1")
    options = ["--quiet", "--yes", "--no-install-recommends", "--download-only", "--reinstall"]
    install = ["apt-get", *own, *options, "install", *_PACKAGES]
    try:
        _run(install, scratch)
    except UnavailableError:  # the lists are missing, or name packages that are no more
        lists = ("-o", f"Dir::State::lists={scratch / 'lists'}")
        _run(["apt-get", *own, *lists, "--quiet", "update"], scratch)
        _run([*install, *lists], scratch)
    for package in sorted((scratch / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), "unpacked"], scratch)


def _scratch() -> _Scratch:
    TOOLS.mkdir(exist_ok=True)
    return _Scratch(dir=TOOLS)


class _Scratch(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override] # a path is what its users want
        return Path(super().__enter__())


def _settle(made: Path, home: Path) -> None:
    try:
        made.rename(home)
    except OSError:
        if not home.is_dir():  # else another process was faster, with the same package
            raise


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise UnavailableError(f"the page's tests need {command[0]} to fetch a browser and axe")
    fetch(command, folder, _LIMIT_S)


if __name__ == "__main__":
    chromium()
    axe()
