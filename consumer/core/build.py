"""Which build of the program this is: its hot modules are compiled, or all of it is Python."""

from __future__ import annotations

from typing import Final

from consumer.core import lanes

BUILD: Final = "pure" if lanes.__file__.endswith(".py") else "compiled"
"""`compiled` or `pure`; see `requirements/compiled.py`."""
