"""The example of a file of settings is the declared settings, and loads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import SettingsError
from consumer.settings import load
from tests.docs.tables import EXAMPLE, example

if TYPE_CHECKING:
    from pathlib import Path

TEXT = EXAMPLE.read_text(encoding="utf-8")
_COMMENTED = re.compile(r"^  # (\w+:.*)$", re.MULTILINE)


def _values(file: Path) -> dict[str, object]:
    return load(env={}, file=file).model_dump()


def test_the_example_is_that_of_the_code() -> None:
    """What the page says is what the settings declare."""
    assert example() == TEXT, "run `make docs`"


def test_the_example_loads_as_it_stands() -> None:
    """A newcomer changes three values and is done."""
    settings = load(env={}, file=EXAMPLE)

    assert settings.kafka.topics == ("segment-events",)


def test_the_defaults_that_it_shows_are_those_in_force(tmp_path: Path) -> None:
    """Taking the mark of a comment away changes nothing."""
    spelt_out = tmp_path / "all.yaml"
    spelt_out.write_text(_COMMENTED.sub(r"  \1", TEXT), encoding="utf-8")

    assert spelt_out.read_text("utf-8").count("\n  # ") < TEXT.count("\n  # ") - 60
    assert _values(spelt_out) == _values(EXAMPLE)


def test_what_stands_without_a_mark_is_what_must_be_set(tmp_path: Path) -> None:
    """Each line that is no comment, taken away, is missed by name."""
    given = re.findall(r"^  \w+:.*$", TEXT, re.MULTILINE)
    for line in given:
        lacking = tmp_path / "lacking.yaml"
        lacking.write_text(TEXT.replace(f"{line}\n", ""), encoding="utf-8")
        with pytest.raises(SettingsError, match=line.split(":")[0].strip().upper()):
            load(env={}, file=lacking)
    assert given
