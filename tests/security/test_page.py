"""The page on security speaks of settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

from consumer.settings import describe

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_setting_on_the_page_exists() -> None:
    """A variable that the page names is one of the program's."""
    named = set(re.findall(r"\b(SEG_[A-Z]+__[A-Z_]+)`", PAGE))

    assert named
    assert named - {doc.name for doc in describe()} == set()


def test_every_secret_is_in_the_table_of_those_that_change() -> None:
    """For each secret the page says when another value takes effect."""
    table = PAGE.partition("## Secrets that change")[2].partition("\n## ")[0]

    assert [doc.name for doc in describe() if doc.secret and doc.name not in table] == []
