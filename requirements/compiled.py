"""The hot modules as machine code, by mypyc, from the same sources.

As the wheel's build hook it puts them beside the sources, where there is a C compiler; without one
the wheel is pure Python, and does the same. `SEG_CONSUMER_BUILD=pure` leaves it out anyway, and
`=compiled` fails where it cannot be done.

For make, a tree of its own, that no edit of the sources makes wrong without a word:

    python requirements/compiled.py FOLDER            makes it of the sources, where it can
    python requirements/compiled.py FOLDER --where    tells what to run: that, or the sources
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).parents[1]
HOT: Final = (
    *("consumer/core/*.py", "consumer/translate/*.py"),
    *(
        f"consumer/avro/{name}.py"
        for name in ("datum", "decoder", "fast_containers", "fast_kinds", "framing")
    ),
    *(
        f"consumer/flow/{name}.py"
        for name in (
            *("assignment", "backpressure", "intake", "letters", "outcomes", "pipeline"),
            *("settings_guard", "storm"),
        )
    ),
    "consumer/seg/*.py",
)
"""What each event passes through."""
LEFT_OUT: Final = {
    *("__init__.py", "errors.py", "json_text.py", "ports.py", "timing.py"),
    *("explain.py", "unsent.py"),
}
"""The first derive from classes of Python's, or tests derive from them, which machine code cannot;
the others are for people."""
MARK: Final = ".made-of"
NEEDS: Final = ("mypy>=1.19,<3", "setuptools>=80")


def obstacle() -> str | None:
    """Return why nothing can be compiled here; None where it can."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python's own headers are not installed (python3-dev)"
    return None


def compile_into(folder: Path) -> None:
    """Compile the hot modules into *folder*.

    Raises:
        RuntimeError: mypyc or the compiler refuses; it says why.
    """
    done = subprocess.run(
        [sys.executable, __file__, "--modules", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the hot modules cannot be compiled:\n{done.stdout[-8_000:]}")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg] # as hatchling has it
    """Adds them to a wheel."""

    def _wanted(self) -> bool:
        how = os.environ.get("SEG_CONSUMER_BUILD", "")
        if how == "pure":
            return False
        problem = obstacle()
        if problem and how == "compiled":
            raise RuntimeError(f"{problem}, and SEG_CONSUMER_BUILD asks for it")
        if problem:
            self.app.display_warning(f"the wheel is pure Python: {problem}")
        return problem is None

    def dependencies(self) -> list[str]:
        """Return what the build needs beside hatchling."""
        return list(NEEDS) if self._wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the sources are to be edited in their place."""
        if version == "editable" or not self._wanted():
            return
        folder = Path(tempfile.mkdtemp(prefix="seg-consumer-"))
        compile_into(folder)
        for path in folder.rglob("*.so"):
            build_data["force_include"][str(path)] = str(path.relative_to(folder))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def digest() -> str:
    """Return what tells these sources and this interpreter from others."""
    found = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for path in sorted([Path(__file__), *Path(ROOT, "consumer").rglob("*.py")]):
        found.update(path.read_bytes())
    return found.hexdigest()


def is_made(folder: Path) -> bool:
    """Tell whether *folder* holds these very sources, compiled for this interpreter."""
    mark = folder / MARK
    return mark.is_file() and mark.read_text() == digest()


def make_tree(folder: Path) -> str:
    """Make *folder* hold the program with its hot modules compiled; return what became of it.

    Raises:
        RuntimeError: mypyc or the compiler refuses; it says why.
    """
    problem = obstacle()
    if problem is not None:
        shutil.rmtree(folder, ignore_errors=True)
        return f"the program is pure Python: {problem}"
    if not is_made(folder):
        print("compiling the hot modules, about a minute ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        made = digest()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "consumer", folder / "consumer", ignore=ignored)
        shutil.copytree(ROOT / "schemas", folder / "schemas")
        compile_into(folder)
        (folder / MARK).write_text(made)
    return "the hot modules are compiled"


def _modules(folder: Path) -> None:
    """Compile in this very process, which is nobody else's."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only a build has it
    from setuptools import Distribution  # noqa: PLC0415

    hot = sorted({path for glob in HOT for path in Path().glob(glob) if path.name not in LEFT_OUT})
    with tempfile.TemporaryDirectory() as scratch:
        extensions = mypycify(
            ["--config-file=", "--ignore-missing-imports", *map(str, hot)],
            opt_level=os.environ.get("SEG_CONSUMER_OPTIMISE", "2"),
            debug_level="0",
            target_dir=scratch,
        )
        hot_ones = Distribution({"name": "hot", "ext_modules": extensions})
        build = hot_ones.get_command_obj("build_ext")
        build.build_lib, build.build_temp = str(folder), scratch
        build.ensure_finalized()
        build.run()


def main(arguments: list[str]) -> None:
    """Do what the arguments of this file's own first lines say."""
    match arguments:
        case ["--modules", folder]:
            _modules(Path(folder))
        case [folder, "--where"]:
            print(Path(folder).absolute() if is_made(Path(folder)) else ROOT)
        case [folder]:
            print(make_tree(Path(folder)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
