"""What is wrong with a value, in one sentence that shows no secret."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from consumer.settings.describe import describe
from consumer.settings.kinds import PREFIX, UnfitError, variable

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN_MAX_CHARACTERS = 80


def unknown(name: str) -> str:
    """Return the sentence about a variable that is no setting, with the likely one."""
    likely = get_close_matches(name, [doc.name for doc in describe()], n=1, cutoff=0.75)
    return f"{name}: no such setting" + (f"; did you mean {likely[0]}?" if likely else "")


def sentences(detail: ErrorDetails) -> list[str]:
    """Return what pydantic found, in the words of the setting at fault."""
    path = [str(step) for step in detail["loc"][:2]]
    name = PREFIX + "__".join(path).upper()
    if detail["type"] == "extra_forbidden":
        return [unknown(name)]
    doc = next((doc for doc in describe() if doc.name == name), None)
    error = detail.get("ctx", {}).get("error")
    if doc is None:  # a rule between two sections names its settings itself
        return [str(error)]
    if isinstance(error, ValueError) and not isinstance(error, UnfitError):
        text = re.sub(r"`(\w+)`", lambda match: variable(doc.section, match[1]), str(error))
        return [f"{name}: {line}" for line in text.splitlines()]
    if detail["type"] == "missing":
        return [f"{name}: expected {doc.expected}; it is not set"]
    got = "***" if doc.secret else _shown(detail["input"])
    return [f"{name}: expected {doc.expected}, got {got}"]


def _shown(value: object) -> str:
    """Return *value* for an error text: short, and without what stands before an @."""
    if isinstance(value, str):
        text = re.sub(r"[^\s/,]*@", "***@", value)
        return repr(text[:_SHOWN_MAX_CHARACTERS]) + "…" * (len(text) > _SHOWN_MAX_CHARACTERS)
    if value is None or isinstance(value, int | float):
        return str(value)
    return f"a {type(value).__name__}"
