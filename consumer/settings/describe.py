"""The settings in words: what there is, what each takes, and what it means.

README, chart and error texts use this one list.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from consumer.settings.kinds import Expected, Section, variable
from consumer.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting, for a reader."""

    name: str
    """Its environment variable."""
    section: str
    field: str
    expected: str
    """What it takes, in words that fit after "expected"."""
    default: str
    """`required`, `none`, or the value as one writes it."""
    description: str
    secret: bool


def _flat(metadata: tuple[object, ...]) -> Iterator[object]:
    for entry in metadata:
        if isinstance(entry, FieldInfo):
            yield from entry.metadata
        else:
            yield entry


def _number(kind: str, metadata: list[object]) -> str:
    low = next(entry.ge for entry in metadata if hasattr(entry, "ge"))
    high = next(entry.le for entry in metadata if hasattr(entry, "le"))
    return f"{kind} from {low} to {high}"


def _expected(annotation: object, metadata: tuple[object, ...] = ()) -> str:
    """Return what an annotation lets through, in words."""
    entries = list(_flat(metadata))
    if words := [entry.text for entry in entries if isinstance(entry, Expected)]:
        return words[-1]
    if get_origin(annotation) is Annotated:
        inner, *outer = get_args(annotation)
        return _expected(inner, (*outer, *entries))
    if get_origin(annotation) in {Union, UnionType}:
        return _expected(
            next(arm for arm in get_args(annotation) if arm is not type(None)), metadata
        )
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(get_args(annotation))
    if annotation is bool:
        return "true or false"
    return _number("a whole number" if annotation is int else "a number", entries)


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _as_written(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    match field.default:
        case None:
            return "none"
        case bool() as flag:
            return str(flag).lower()
        case default:
            return str(default)


@cache
def describe() -> tuple[SettingDoc, ...]:
    """Return all settings, in the order in which they are declared."""
    return tuple(
        SettingDoc(
            name=variable(section_name, name),
            section=section_name,
            field=name,
            expected=_expected(field.annotation, tuple(field.metadata)),
            default=_as_written(field),
            description=" ".join((field.description or "").split()),
            secret=_is_secret(field.annotation),
        )
        for section_name, section in Settings.model_fields.items()
        if isinstance(section.annotation, type) and issubclass(section.annotation, Section)
        for name, field in section.annotation.model_fields.items()
    )
