"""What the pages say out of the code; `python -m tests.docs.tables` writes it.

The tables of the README, and the example of a file of settings.
"""

from __future__ import annotations

import json
import re
import textwrap
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.observe.metrics import declarations
from consumer.seg.answers import STATUSES, AnswerClass, classify
from consumer.settings import describe
from consumer.translate.tables import ALTERNATE_EVENTS, PRIMARY_EVENTS, rows
from tests.docs.mistakes import ELSEWHERE, MISTAKES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consumer.settings.describe import SettingDoc

README = Path(__file__).parents[2] / "README.md"
EXAMPLE = README.parent / "docs" / "settings.example.yaml"
MISTAKES_PAGE = README.parent / "docs" / "mistakes.md"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body]
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"`{text}`"


def settings() -> str:
    """Every setting: its variable, what it takes, its default, what it does."""
    return _table(
        ("variable", "takes", "default", "meaning"),
        (
            (
                _code(doc.name),
                doc.expected,
                _code(doc.default),
                " ".join(doc.description.split()),
            )
            for doc in describe()
        ),
    )


def events() -> str:
    """Which track event becomes which of Seg's."""
    return _table(
        ("Segment event", "other spelling", "Seg event"),
        (
            (name, next(other for other, to in ALTERNATE_EVENTS.items() if to == seg), _code(seg))
            for name, seg in PRIMARY_EVENTS.items()
        ),
    )


def translation() -> str:
    """Every row of the translation."""
    return _table(
        ("Seg call", "Seg key", "from, the first that can be read"),
        ((row.call, _code(row.key), ", ".join(map(_code, row.sources))) for row in rows()),
    )


_HAPPENS = {
    AnswerClass.DELIVERED: "acknowledged",
    AnswerClass.UNSUPPORTED: "acknowledged as ignored, reason `unsupported_by_seg`",
    AnswerClass.REJECTED: (
        "dead-lettered with Seg's own message; a batch is halved until the guilty call is alone"
    ),
    AnswerClass.UNAUTHORISED: (
        "consumption pauses, not ready, tried again every 30 s; nothing is lost"
    ),
    AnswerClass.MISROUTED: "likewise: the endpoint is wrong, not the event; never followed",
    AnswerClass.TRANSIENT: "tried again with full jitter, `Retry-After` obeyed, up to the budget",
}


def answers() -> str:
    """What each answer of Seg means."""
    special = {
        AnswerClass.DELIVERED: "any 2xx, also one cut short: ",
        AnswerClass.MISROUTED: "any 3xx, a 2xx that begins as an HTML page, ",
        AnswerClass.REJECTED: "any other 4xx",
        AnswerClass.TRANSIENT: "timeouts, connection and TLS errors, any other 5xx, ",
    }
    body = []
    for kind in AnswerClass:
        named = [str(status) for status, known in STATUSES.items() if known is kind]
        body.append((special.get(kind, "") + ", ".join(named), _code(kind), _HAPPENS[kind]))
        if any(classify(int(status)) is not kind for status in named):
            raise ValueError(f"{kind}: the table and `classify` disagree")
    return _table(("answer", "class", "what happens"), body)


def reasons() -> str:
    """The closed lists of reasons."""
    return _table(
        ("outcome", "reasons"),
        (
            ("ignored", ", ".join(map(_code, IgnoredReason))),
            ("dead-lettered", ", ".join(map(_code, DeadLetterReason))),
        ),
    )


def metrics() -> str:
    """Every metric, and the panel or alert that it serves."""
    return _table(
        ("metric", "kind", "labels", "meaning", "serves"),
        ((_code(m.name), m.kind, ", ".join(m.labels), m.help, m.serves) for m in declarations()),
    )


def mistakes() -> str:
    """The commonest mistakes: what one sees, where to look, what happens then."""
    return _table(
        ("mistake", "what you see", "look at", "then"),
        ((it.what, _code(it.says), _code(it.look_at), it.then) for it in MISTAKES),
    )


def elsewhere() -> str:
    """The mistakes that other tests make."""
    return _table(
        ("mistake", "what you see", "look at", "its test"),
        (
            (it.what, _code(it.says), _code(it.look_at), _code(it.test.partition("::")[0]))
            for it in ELSEWHERE
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "events": events,
    "translation": translation,
    "answers": answers,
    "reasons": reasons,
    "metrics": metrics,
}


OF_MISTAKES: dict[str, Callable[[], str]] = {"mistakes": mistakes, "elsewhere": elsewhere}


def filled(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """Return *text* with each of *tables* between its marks made anew.

    Raises:
        ValueError: *text* lacks the marks of a table.
    """
    for name, make in tables.items():
        marks = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"expected the marks of the table {name}")
        text = marks.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)  # type: ignore[misc]
    return text


_HEAD = """\
# Settings for seg-consumer: `seg-consumer --config FILE COMMAND`, or SEG_CONFIG_FILE=FILE.
#
# What stands without a # must be set; the rest is what holds when nothing is said. The
# environment goes before this file: its name for `kafka: {topics: ...}` is SEG_KAFKA__TOPICS.
# Passwords and the like: rather as files in the folder of --secrets.
"""
_REQUIRED = {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "SEG_KAFKA__TOPICS": "[segment-events]",
    "SEG_DELIVERY__WEBSITE_ID": "abc8fb18-7559-4324-9921-a4b5015b4a1c",
}


def example() -> str:
    """Return a file of settings that holds each, what it takes and its default."""
    sections = [
        f"{section}:\n" + "\n".join(map(_entry, docs))
        for section, docs in groupby(describe(), key=lambda doc: doc.section)
    ]
    return "\n".join([_HEAD, *sections])


def _entry(doc: SettingDoc) -> str:
    takes = f"Takes {doc.expected}." + " A secret." * doc.secret
    told = [*textwrap.wrap(doc.description, 94), *textwrap.wrap(takes, 94)]
    required = _REQUIRED.get(doc.name)
    value = _value(doc.default) if required is None else f" {required}"
    lines = [*(f"# {line}" for line in told), "# " * (required is None) + f"{doc.field}:{value}"]
    return "".join(f"  {line}\n" for line in lines)


def _value(default: str) -> str:
    """Return *default* as YAML writes it behind a colon; nothing where there is none."""
    if default == "none":
        return ""
    plain = f" {default}"
    try:
        yaml.safe_load(f"key:{plain}")
    except yaml.YAMLError:
        return f" {json.dumps(default)}"
    return plain


if __name__ == "__main__":
    EXAMPLE.write_text(example(), encoding="utf-8")
    for page, tables in {README: TABLES, MISTAKES_PAGE: OF_MISTAKES}.items():
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
