"""The commands that the pages show: in blocks of a shell, and within a sentence."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "schemas" / "README.md",
        ROOT / "deploy" / "helm" / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "deploy" / "helm" / "runbooks").glob("*.md"),
    ]
)
PROGRAMS = (
    "seg-consumer|kubectl|helm|docker|make|buildah|kafka-[a-z-]+.sh|pip|git|python3"
    r"|[A-Z_]+=[0-9.]+ make"
)

_FENCED = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
_INLINE = re.compile(rf"`((?:{PROGRAMS}) [^`]+)`")
_COMMAND = re.compile(rf"(?:\$ )?((?:{PROGRAMS}|echo) .*)")

KINDS = {
    "mention": r"(helm|kubectl|docker) \S+",
    "make": r"(\w+=\S+ )?make .+",
    "docker": r"docker .+",
    "buildah": r"buildah .+",
    "install": r"helm install .+",
    "in a pod": r"kubectl .*exec \S+ -- .+",
    "status": r"kubectl get --raw .+",
    "log": r"kubectl -n NAMESPACE logs POD .+",
    "kafka": r"kafka-consumer-groups\.sh .+",
    "completion": r"seg-consumer completion( \[SHELL\])?",
    "quickstart": (
        r"git clone REPOSITORY \S+|python3 -m venv .venv|pip install \.|seg-consumer top --once .+"
    ),
    "program": r"(echo .+\| )?seg-consumer .+",
    "cluster": r"(kubectl|helm) .+",
}
"""How each is run: by the first pattern that it matches."""


def kind(command: str) -> str | None:
    """Return the kind of *command*; None where nobody would run it."""
    return next((name for name, it in KINDS.items() if re.fullmatch(it, command)), None)


def shown() -> dict[str, str]:
    """Return each command that a page shows, and the first page that does."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for command in [*_in_blocks(text), *_INLINE.findall(_FENCED.sub("", text))]:
            found.setdefault(" ".join(command.split()), str(page.relative_to(ROOT)))
    return found


def _in_blocks(text: str) -> list[str]:
    """Return the commands of blocks whole: a line that goes on ends with a backslash or a pipe."""
    blocks = "".join(block for language, block in _FENCED.findall(text) if language in {"", "sh"})
    lines = blocks.replace("\\\n", " ").replace("|\n", "| ").splitlines()
    matches = [_COMMAND.fullmatch(re.sub(r"\s+# .*", "", line)) for line in lines]
    return [match[1] for match in matches if match]
