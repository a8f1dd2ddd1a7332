"""The README says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from consumer.cli import COMMANDS
from consumer.kafka.dead_letter_headers import PREFIX
from tests.docs.tables import README, filled

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent


def test_the_tables_are_those_of_the_code() -> None:
    """Every generated table of the README is what the code would generate now."""
    assert filled(TEXT) == TEXT, "run `make docs`"


def test_every_command_is_listed() -> None:
    """The README's list of commands is the program's."""
    listed = re.findall(r"^\| `seg-consumer ([a-z-]+)", TEXT, re.MULTILINE)

    assert list(COMMANDS) == listed


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_every_link_leads_somewhere(target: str) -> None:
    """A link inside the project names a file that is there."""
    assert target.startswith("https://") or (ROOT / target).is_file()


def test_the_example_of_translate_prints_what_the_readme_shows() -> None:
    """The README's shell example, run as it stands, gives the line below it."""
    found = re.search(r"\$ echo '(.+)' \|\n\s+seg-consumer translate\n(.+)\n", TEXT)
    if found is None:
        pytest.fail("the README has lost its example")

    done = subprocess.run(
        [sys.executable, "-m", "consumer", "translate"],
        input=found[1].encode(),
        capture_output=True,
        check=True,
    )

    assert orjson.loads(found[2]) == orjson.loads(done.stdout)


def test_the_headers_of_a_dead_letter_are_named() -> None:
    """The README names each header that a dead letter gains."""
    source = (ROOT / "consumer/kafka/dead_letter_headers.py").read_text(encoding="utf-8")
    names = re.findall(r'^        "([a-z]+)": ', source, re.MULTILINE)

    assert names
    assert [
        name for name in names if f"`{PREFIX}{name}`" not in TEXT and f"`-{name}`" not in TEXT
    ] == []


@pytest.mark.parametrize("word", ["make demo", "make test", "make lint"])
def test_every_make_target_of_the_readme_exists(word: str) -> None:
    """The targets that the README names are in the Makefile."""
    makefile = (Path(ROOT) / "Makefile").read_text(encoding="utf-8")

    assert re.search(rf"^{word.removeprefix('make ')}:", makefile, re.MULTILINE)
