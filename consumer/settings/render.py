"""The settings in force, fit to be shown: no secret in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from pydantic import SecretStr

from consumer.settings.describe import describe
from consumer.settings.passthrough import masked as masked_config

if TYPE_CHECKING:
    from consumer.core.model import Value
    from consumer.settings.model import Settings


class Rendered(TypedDict):
    """One setting in force."""

    value: Value
    """As JSON has it; a secret is `***`."""
    source: str
    """`environment`, `secrets`, `file` or `default`."""


def render(settings: Settings) -> dict[str, Rendered]:
    """Return what is in force by the names of the variables, secrets masked."""
    return {
        doc.name: {
            "value": _masked(getattr(getattr(settings, doc.section), doc.field)),
            "source": settings.origin(doc.name),
        }
        for doc in describe()
    }


def _masked(value: object) -> Value:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case SecretStr():
            return "***"
        case tuple():
            return [str(entry) for entry in value]
        case Mapping():
            return masked_config(value)
        case _:
            return str(value)
