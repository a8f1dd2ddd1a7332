"""Each of the commonest mistakes, made with the real program: the sentence, the setting, the time.

The programs run a few at a time. A loaded machine is slow for all of them, so what is measured is
compared with a program that only reads its settings and ends, run among them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from consumer.core.timing import SystemClock
from tests.docs.mistakes import ELSEWHERE, MISTAKES, Elsewhere, Mistake
from tests.docs.places import place
from tests.docs.tables import MISTAKES_PAGE, OF_MISTAKES, filled

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.docs.places import Place

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
AT_A_TIME = 3
WORD_WITHIN_S = 2.0
"""Where a program that only reads its settings takes `READS_SETTINGS_S`; else in proportion."""
READS_SETTINGS_S = 0.4
GIVEN_UP_S = 60.0
ENDS_WITHIN_S = 10.0
ENDS_BY_ITSELF = {"exit 1": 1, "exit 2": 2}

CLOCK = SystemClock()


class Seen(NamedTuple):
    """What was seen of one mistake."""

    lines: list[str]
    """All up to the sentence, and that one last."""
    seconds: float | None
    """From the start of the process to the sentence; None where it never came."""
    rest: list[str]
    """What a program that ends by itself says after it."""
    code: int | None
    """None where the program still ran; it was ended then."""


class Seens(NamedTuple):
    """What was seen of all."""

    by_mistake: dict[str, Seen]
    reads_settings_s: float
    """How long a program takes to read its settings, among the others."""

    @property
    def within_s(self) -> float:
        """How soon the word must come on this machine, now."""
        return WORD_WITHIN_S * max(1.0, self.reads_settings_s / READS_SETTINGS_S)


def make(mistake: Mistake, place: Place) -> Seen:
    """Make *mistake* and watch the program until the sentence comes."""
    number = MISTAKES.index(mistake)
    variables = place.good | {"SEG_KAFKA__GROUP_ID": f"group-{number}"}
    for name, value in mistake.variables.items():
        if value is None:
            del variables[name]
        else:
            variables[name] = value.format(**place.names)
    ends = mistake.then in ENDS_BY_ITSELF
    return watch(mistake.arguments, variables, said_by(mistake), ends=ends)


def watch(
    arguments: tuple[str, ...], variables: dict[str, str], says: re.Pattern[str], *, ends: bool
) -> Seen:
    """Run the program until a line of it *says* what is waited for; to its end where it *ends*."""
    start_s = CLOCK.monotonic_s()
    with subprocess.Popen(
        [sys.executable, "-m", "consumer", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        given_up = Timer(GIVEN_UP_S, process.kill)
        given_up.start()
        lines: list[str] = []
        seconds = None
        for line in process.stdout or ():
            lines.append(plain(line))
            if says.search(lines[-1]):
                seconds = CLOCK.monotonic_s() - start_s
                break
        rest = [plain(line) for line in process.stdout or ()] if ends else []
        try:
            code: int | None = process.wait(ENDS_WITHIN_S if ends else 0.1)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
        given_up.cancel()
    return Seen(lines, seconds, rest, code)


def plain(line: str) -> str:
    """Return *line* as a person reads it: of JSON the event and its facts."""
    if not line.startswith('{"'):
        return line.rstrip()
    facts = json.loads(line)
    return " ".join(
        " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in facts.items()
        if name not in {"timestamp", "level"}
    )


def said_by(mistake: Mistake) -> re.Pattern[str]:
    """Return the pattern of a line with the sentence of *mistake*."""
    return re.compile(".*?".join(map(re.escape, mistake.says.split("…"))))


@pytest.fixture(name="seens", scope="module")
def _seens(tmp_path_factory: pytest.TempPathFactory) -> Seens:
    with (
        place(tmp_path_factory.mktemp("mistakes")) as where,
        ThreadPoolExecutor(AT_A_TIME) as pool,
    ):
        found: dict[str, Future[Seen]] = {}
        reads: list[Future[Seen]] = []
        for number, mistake in enumerate(MISTAKES):
            if number % 6 == 0:
                reads.append(
                    pool.submit(
                        watch, ("config", "--json"), where.good, re.compile(r"^}"), ends=True
                    )
                )
            found[mistake.what] = pool.submit(make, mistake, where)
        seen = {what: future.result() for what, future in found.items()}
        took = [it.result().seconds for it in reads]
        seens = Seens(seen, median(it for it in took if it is not None))
        for mistake in MISTAKES:  # once more alone: a busy machine may have been busier just then
            if (seen[mistake.what].seconds or 0.0) > seens.within_s:
                seen[mistake.what] = make(mistake, where)
    return seens


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda it: it.what)
class TestEachMistake:
    """One row."""

    def test_the_sentence_names_where_to_look(self, mistake: Mistake, seens: Seens) -> None:
        """Both are in one line."""
        seen = seens.by_mistake[mistake.what]

        assert seen.seconds is not None, "\n".join(seen.lines)
        assert mistake.look_at in seen.lines[-1]

    def test_it_comes_soon(self, mistake: Mistake, seens: Seens) -> None:
        """Two seconds, or what that is on a machine that is busy."""
        seconds = seens.by_mistake[mistake.what].seconds

        assert seconds is not None
        assert seconds <= seens.within_s

    def test_what_happens_then(self, mistake: Mistake, seens: Seens) -> None:
        """It ends with a code, or goes on trying."""
        seen = seens.by_mistake[mistake.what]

        assert seen.code == ENDS_BY_ITSELF.get(mistake.then)


def test_nothing_that_misleads_is_said_before(seens: Seens) -> None:
    """Only the lines of a start that goes well, and the same word in another form."""
    usual = {"connecting", "started", "partitions_assigned", "partitions_revoked"}
    ours = {"session_is_short", "schema_refused", "kafka_away", "Usage:", "Try", ""}
    before = {line.split(" ")[0] for seen in seens.by_mistake.values() for line in seen.lines[:-1]}

    assert {it for it in before if not it.startswith("seg-consumer:")} <= usual | ours


def test_the_last_word_is_the_sentence(seens: Seens) -> None:
    """A start that fails hides it behind no line of librdkafka's, which come as its clients end."""
    for mistake in MISTAKES:
        seen = seens.by_mistake[mistake.what]
        if mistake.then == "exit 1":
            [*others, last] = [*seen.lines, *seen.rest]
            assert said_by(mistake).search(last), seen
            assert not [it for it in others if it.startswith(("kafka_error", "library"))], seen


def test_the_page_is_made_of_the_rows() -> None:
    """What it says is what is tested."""
    page = MISTAKES_PAGE.read_text("utf-8")

    assert filled(page, OF_MISTAKES) == page, "run `make docs`"


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda it: it.what)
def test_a_row_of_elsewhere_has_its_test(row: Elsewhere) -> None:
    """The test is there, and the setting is in the sentence."""
    path, _, name = row.test.partition("::")

    assert f"def {name}(" in (ROOT / path).read_text("utf-8")
    assert row.look_at in row.says
