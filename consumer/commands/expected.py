"""A shop's own tests of the translation: `translate --check EXPECTED`."""

from __future__ import annotations

from difflib import unified_diff
from itertools import zip_longest
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import orjson

from consumer.avro.json_calls import numbered_lines, read_call
from consumer.core.errors import ConsumerError, PoisonError
from consumer.core.model import Object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


NOT_COMPARED: Final = frozenset({"line", "why", "made", "unsent"})
"""What says where an answer comes from, and not what becomes of the call."""


class Answer(NamedTuple):
    """What becomes of one call, or should."""

    number: int
    """Its line in its file."""
    content: Object


def read_expected(file: IO[bytes]) -> Iterator[Answer]:
    """Yield the answers in *file*, as `translate` prints them.

    Raises:
        ConsumerError: a line is no JSON object.
    """
    for number, line in numbered_lines(file):
        try:
            yield Answer(number, read_call(line))
        except PoisonError as error:
            raise ConsumerError(f"{file.name}: line {number}: {error.detail}") from error


def differences(
    expected: Iterable[Answer], got: Iterable[Answer], names: tuple[str, str]
) -> Iterator[list[str]]:
    """Yield, for each call and in order, the lines of a diff; none where it is as expected.

    *names* are those of the two files. The timestamp of a call that tells none is Kafka's, and is
    not compared.
    """
    for wanted, found in zip_longest(expected, got):
        timed = found is None or _has_time(found.content)
        yield [
            *unified_diff(
                _lines(wanted, timed=timed),
                _lines(found, timed=timed),
                _place(names[0], wanted),
                _place(names[1], found),
                lineterm="",
            )
        ]


def _has_time(answer: Object) -> bool:
    call = answer.get("call")
    return not isinstance(call, dict) or "timestamp" in call


def _place(name: str, answer: Answer | None) -> str:
    return f"{name}, nothing" if answer is None else f"{name}, line {answer.number}"


def _lines(answer: Answer | None, *, timed: bool) -> list[str]:
    if answer is None:
        return []
    compared = {name: it for name, it in answer.content.items() if name not in NOT_COMPARED}
    call = compared.get("call")
    if isinstance(call, dict) and not timed:
        compared["call"] = {name: value for name, value in call.items() if name != "timestamp"}
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return orjson.dumps(compared, option=options).decode().splitlines()
