"""Rules between two settings of one section.

A rule validates the later setting against the earlier one. It is silent if the earlier one is wrong
itself: that has its own sentence. Backticks in a text hold the name of a setting of the same
section; the reader sees its variable.
"""

from typing import TypeVar

from pydantic import AfterValidator, ValidationInfo

T = TypeVar("T")
N = TypeVar("N", int, float)


def at_least(other: str) -> AfterValidator:
    """Refuse a number below the setting *other*."""

    def check(value: N, info: ValidationInfo) -> N:
        if other in info.data and value < info.data[other]:
            raise ValueError(f"expected at least `{other}` ({info.data[other]:g}), got {value:g}")
        return value

    return AfterValidator(check)


def below(other: str) -> AfterValidator:
    """Refuse a number that reaches the setting *other*."""

    def check(value: N, info: ValidationInfo) -> N:
        if other in info.data and value >= info.data[other]:
            raise ValueError(f"expected less than `{other}` ({info.data[other]:g}), got {value:g}")
        return value

    return AfterValidator(check)


def together_with(other: str) -> AfterValidator:
    """Require a setting exactly when *other* is set."""

    def check(value: T, info: ValidationInfo) -> T:
        if other in info.data and (value is None) != (info.data[other] is None):
            missing, given = ("not set", "is") if value is None else ("set", "is not")
            raise ValueError(f"expected together with `{other}`: this is {missing}, that {given}")
        return value

    return AfterValidator(check)


def instead_of(other: str) -> AfterValidator:
    """Refuse a setting together with *other*."""

    def check(value: T, info: ValidationInfo) -> T:
        if value is not None and info.data.get(other) is not None:
            raise ValueError(f"expected either this or `{other}`, got both")
        return value

    return AfterValidator(check)
