"""Manifests and other trees out of YAML: schemas check their shape, not mypy."""

from __future__ import annotations

from typing import Any, TypeAlias

Tree: TypeAlias = Any
"""Whatever YAML holds."""


def dig(tree: Tree, *path: str | int) -> Tree:
    """Return what is at *path* within *tree*.

    Raises:
        LookupError: there is nothing.
    """
    for step in path:
        tree = tree[step]
    return tree
