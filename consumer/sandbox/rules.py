"""Fault rules out of JSON, as the admin pages take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from consumer.core.errors import SettingsError
from consumer.sandbox.faults import Fault, Match
from consumer.sandbox.vocabulary import json_type
from consumer.sandbox.wire import Trouble

if TYPE_CHECKING:
    from consumer.core.model import Object, Value

T = TypeVar("T", str, int, bool)
_EXPECTED = {str: "a string", int: "a whole number", bool: "a boolean"}


def read_faults(value: Value) -> list[Fault]:
    """Return the rules of a JSON list; the keys are the fields of `Fault` and `Match`.

    Raises:
        SettingsError: something is no list of such rules; each text begins with the place.
    """
    if not isinstance(value, list):
        raise SettingsError([f"expected a list of fault rules, got {json_type(value)}"])
    problems: list[str] = []
    faults: list[Fault] = []
    for index, rule in enumerate(value):
        try:
            faults.append(_read_fault(_object(rule)))
        except SettingsError as error:
            problems += [f"[{index}]: {problem}" for problem in error.problems]
    if problems:
        raise SettingsError(problems)
    return faults


def _read_fault(rule: Object) -> Fault:
    fault = Fault(
        status=_take(rule, "status", int),
        trouble=_take_trouble(rule),
        calls_per_s=_take_number(rule, "calls_per_s"),
        delay_s=_take_number(rule, "delay_s") or 0.0,
        accepted=_take(rule, "accepted", bool) or False,
        retry_after=_take_retry_after(rule),
        share=1.0 if (share := _take_number(rule, "share")) is None else share,
        count=_take(rule, "count", int),
        match=_read_match(_object(rule.pop("match"))) if "match" in rule else None,
    )
    _expect_empty(rule)
    return fault


def _read_match(fields: Object) -> Match:
    match = Match(
        type=_take(fields, "type", str),
        event=_take(fields, "event", str),
        message_id=_take(fields, "message_id", str),
        email_prefix=_take(fields, "email_prefix", str),
    )
    _expect_empty(fields)
    return match


def _object(value: Value) -> Object:
    if not isinstance(value, dict):
        raise SettingsError([f"expected an object, got {json_type(value)}"])
    return dict(value)


def _take(fields: Object, key: str, kind: type[T]) -> T | None:
    value = fields.pop(key, None)
    # By its very type: to isinstance a boolean is an int.
    if value is None or type(value) is kind:
        return value
    raise SettingsError([f"{key}: expected {_EXPECTED[kind]}, got {json_type(value)}"])


def _take_number(fields: Object, key: str) -> float | None:
    value = fields.pop(key, None)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise SettingsError([f"{key}: expected a number, got {json_type(value)}"])


def _take_trouble(rule: Object) -> Trouble | None:
    name = _take(rule, "trouble", str)
    if name is not None and name not in set(Trouble):
        raise SettingsError([f"trouble: expected one of {', '.join(Trouble)}"])
    return None if name is None else Trouble(name)


def _take_retry_after(rule: Object) -> int | str | None:
    if type(rule.get("retry_after")) is int:
        return _take(rule, "retry_after", int)
    return _take(rule, "retry_after", str)


def _expect_empty(fields: Object) -> None:
    if fields:
        raise SettingsError([f"{key}: no such key in a fault rule" for key in fields])
