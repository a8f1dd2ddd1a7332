"""The tables of the README, made from the code; `python -m tests.docs.tables` writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.observe.metrics import declarations
from consumer.seg.answers import STATUSES, AnswerClass, classify
from consumer.settings import describe
from consumer.translate.tables import ALTERNATE_EVENTS, PRIMARY_EVENTS, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

README = Path(__file__).parents[2] / "README.md"


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


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings,
    "events": events,
    "translation": translation,
    "answers": answers,
    "reasons": reasons,
    "metrics": metrics,
}


def filled(text: str) -> str:
    """Return *text* with each table between its marks made anew.

    Raises:
        ValueError: *text* lacks the marks of a table.
    """
    for name, make in TABLES.items():
        marks = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not marks.search(text):
            raise ValueError(f"expected the marks of the table {name}")
        text = marks.sub(lambda found, make=make: f"{found[1]}{make()}\n{found[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
