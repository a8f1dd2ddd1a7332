"""`seg-consumer translate`, the workbench for a mapping: what it prints, compares and explains."""

from __future__ import annotations

import http.client
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import pytest
from click.testing import CliRunner, Result
from hypothesis import given

from consumer.cli import cli
from consumer.demo import WEBSITE_ID
from consumer.demo.samples import SAMPLE
from consumer.sandbox import Options, Sandbox
from consumer.sandbox.checks import check
from tests.commands.test_cli import on_terminal
from tests.docs.test_readme import TEXT as README
from tests.translate.test_golden import MADE, PUBLISHED
from tests.translate.test_laws import events
from tests.translate.test_laws import translate as translated

if TYPE_CHECKING:
    from pathlib import Path

VIEWED = '{"type": "track", "event": "Viewed Product", "properties": {"price": "18.99"}}'
BAD_PRICE = '{"type": "track", "event": "Viewed Product", "properties": {"price": "much"}}'


def translate(*arguments: str, text: str = "", env: dict[str, str] | None = None) -> Result:
    """Run the command."""
    return CliRunner(env=env).invoke(cli, ["translate", *arguments], input=text)


def answers(done: Result) -> list[dict[str, Any]]:
    """Return what it printed."""
    return [orjson.loads(line) for line in done.stdout.splitlines()]


class TestAnswers:
    """A JSON line for each call."""

    def test_each_call_has_its_answer_with_its_line(self) -> None:
        """A call, a blank line, an ignored one, one with a bad price, no JSON; in order."""
        lines = [VIEWED, "", '{"type": "screen", "name": "Home"}', BAD_PRICE, "{]"]

        done = translate(text="\n".join(lines))

        call, ignored, bad_price, rejected = answers(done)
        assert (call["line"], call["call"]["properties"]) == (1, {"Price": 18.99})
        assert ignored == {"line": 3, "ignored": "unsupported_type"}
        why = "expected a number, got text"
        left_out = {"key": "Price", "source": "properties.price", "why": why}
        assert (bad_price["line"], bad_price["left_out"]) == (4, [left_out])
        assert bad_price["call"]["properties"] == {"price": "much"}
        assert (rejected["line"], rejected["rejected"]) == (5, "bad_json")

    @pytest.mark.parametrize(("line", "code"), [(VIEWED, 0), ('{"type": "group"}', 0), ("{]", 1)])
    def test_the_exit_code_says_whether_a_call_is_rejected(self, line: str, code: int) -> None:
        """What is ignored is no failure."""
        assert translate(text=line).exit_code == code

    @pytest.mark.parametrize("line", ["null", "true", "1.5", '"x"', "[]", '{"type": null}', "{}"])
    def test_complaints_are_in_json_s_words(self, line: str) -> None:
        """Whoever writes JSON need not know Python's names of types."""
        detail = answers(translate(text=line))[0]["detail"]

        words = {"NoneType", "bool", "float", "str", "list", "dict", "int"}
        assert not words & set(detail.replace("a list", "").split())

    def test_no_value_of_an_event_is_in_a_detail(self) -> None:
        """What is wrong is told by its place and its kind, never by what it holds."""
        event = {"type": "page", "userId": ["jane@example.com"], "timestamp": "jane"}

        done = translate("--explain", text=orjson.dumps(event).decode())

        assert "left_out" in done.stdout
        assert "jane" not in done.stdout + done.stderr

    @pytest.mark.parametrize("start", ["{", "[", '{"type": "page",', '[{"type": "page"},'])
    def test_one_object_a_line_is_said_once(self, start: str) -> None:
        """A pretty-printed file gets one complaint, with the way out, and no answer a line."""
        done = translate(text=f'{start}\n  "properties": {{\n')

        assert done.exit_code == 1
        assert done.stdout == ""
        assert done.stderr.startswith("seg-consumer: line 1: expected one JSON object a line")
        assert "jq -c" in done.stderr

    def test_pretty_is_for_eyes(self) -> None:
        """The same answer, on several lines."""
        event = f'{VIEWED[:-1]}, "timestamp": "2026-11-23T10:11:12Z"}}'
        plain, pretty = translate(text=event), translate("--pretty", text=event)

        assert orjson.loads(pretty.stdout) == orjson.loads(plain.stdout)
        assert len(pretty.stdout.splitlines()) > len(plain.stdout.splitlines()) == 1

    def test_the_settings_translation_counts(self) -> None:
        """What the consumer would do with these settings."""
        env = {"SEG_TRANSLATION__ON_UNREADABLE_VALUE": "dead_letter"}

        assert answers(translate(text=BAD_PRICE, env=env))[0]["rejected"] == "bad_number"

    def test_a_terminal_says_what_is_waited_for(self) -> None:
        """Nobody sits before a silent prompt."""
        seen = on_terminal("translate", text=f"{VIEWED}\n")

        assert "one JSON object a line; Ctrl-D ends" in seen
        assert '"ProductView"' in seen


def test_the_sandbox_takes_every_call_that_is_printed() -> None:
    """The README's own example, the demo's events, the published ones and ours, as they stand."""
    example = next(line for line in README.splitlines() if line.startswith("$ echo '{"))
    events = [example.split("'")[1], *SAMPLE.read_text("utf-8").splitlines()]
    events += [json.dumps(json.loads(line)["call"]) for line in [*PUBLISHED, *MADE]]
    calls = [it["call"] for it in answers(translate(text="\n".join(events))) if "call" in it]

    with Sandbox.start(Options(website_id=WEBSITE_ID, keep=10)) as sandbox:
        refused = [answer for call in calls if (answer := _refusal(sandbox.url, call)) is not None]

    assert len(calls) > 100
    assert refused == []


@given(events)
def test_the_sandbox_takes_whatever_is_sent(event: object) -> None:
    """Whatever the event holds: a refusal would be the sandbox's own invention."""
    call = translated(event)
    if call is not None:
        check(orjson.loads(call.body))


def _refusal(url: str, call: object) -> str | None:
    """Post *call* to the sandbox at *url*; return what it says against it."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    key = b64encode(f"{WEBSITE_ID}:".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
    connection.request("POST", place.path or "/", orjson.dumps(call), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return None if answer.status == 200 else text


class TestExplain:
    """Which row made which key."""

    def test_a_program_gets_it_as_json(self) -> None:
        """Beside the answer: where each value comes from, and what is not sent."""
        event = f'{VIEWED[:-1]}, "context": {{"ip": "::1"}}}}'

        answer = answers(translate("--explain", text=event))[0]

        price = {"key": "properties.Price", "sources": ["properties.price"], "row": None}
        assert price | {"row": "properties.Price"} in answer["made"]
        assert answer["unsent"] == [{"source": "context", "why": "no row reads it"}]

    def test_what_is_ignored_says_why(self) -> None:
        """In a sentence."""
        answer = answers(translate("--explain", text='{"type": "track", "event": "Login"}'))[0]

        assert answer["why"] == "no row of the table has an event of this name"

    def test_a_terminal_shows_both_calls_side_by_side(self, tmp_path: Path) -> None:
        """Each value beside the one that it became; what is ignored or rejected in a line."""
        events = tmp_path / "events.jsonl"
        events.write_text(f'{BAD_PRICE}\n{VIEWED}\n{{"type": "screen"}}\n{{]\n')

        seen = on_terminal("translate", str(events), "--explain", env={"COLUMNS": "120"})

        rows = [" ".join(line.split()) for line in seen.splitlines()]
        assert 'properties.price: "18.99" properties.Price: 18.99 row' in rows
        assert 'properties.price: "much" properties.price: "much" passed on' in rows
        assert 'properties.price: "much" no Price: expected a number, got text' in rows
        assert (
            "line 3: ignored, unsupported_type: Seg takes identify, track, page and alias" in rows
        )
        assert any(row.startswith("line 4: rejected, bad_json") for row in rows)


class TestCheck:
    """A shop's own tests of its mapping."""

    @pytest.fixture(name="expected")
    def _expected(self, tmp_path: Path) -> Path:
        """Name a file for what is expected."""
        return tmp_path / "expected.jsonl"

    def check(self, expected: Path, events: str) -> Result:
        """Compare what becomes of *events*, in a file, with what is *expected*."""
        file = expected.with_name("events.jsonl")
        file.write_text(events)
        return translate("--check", str(expected), str(file))

    def test_what_it_printed_before_is_as_expected(self, expected: Path) -> None:
        """Rejected ones too, explained ones too, and a time that only the record has."""
        text = f"{VIEWED}\n{{]\n"
        for option in ([], ["--explain"]):
            expected.write_text(translate(*option, text=text).stdout)

            done = self.check(expected, text)

            assert done.exit_code == 0, done.output
            assert done.stdout.startswith("2 answers are as ")

    def test_what_differs_is_a_diff_and_exit_code_1(self, expected: Path) -> None:
        """With the lines of both files, and nothing of what is as expected."""
        expected.write_text(translate(text=f"{VIEWED}\n{VIEWED}").stdout.replace("18.99", "19"))

        done = self.check(expected, f"{VIEWED.replace('18.99', '19')}\n{VIEWED}")

        diff = done.stdout.splitlines()
        assert done.exit_code == 1
        assert diff[:2] == [
            f"--- {expected}, line 2",
            f"+++ {expected.with_name('events.jsonl')}, line 2",
        ]
        assert [line.split() for line in diff[2:] if line[0] in "+-"] == [
            ["-", '"Price":', "19"],
            ["+", '"Price":', "18.99"],
        ]
        assert "1 of 2 answers are not as" in done.stderr

    def test_a_time_that_the_event_tells_is_compared(self, expected: Path) -> None:
        """Only the Kafka record's is not."""
        event = f'{VIEWED[:-1]}, "timestamp": "2026-11-23T10:11:12Z"}}'
        expected.write_text(translate(text=event).stdout.replace("10:11:12", "10:11:13"))

        assert self.check(expected, event).exit_code == 1

    @pytest.mark.parametrize("lines", [1, 3])
    def test_a_missing_or_another_answer_is_a_difference(self, expected: Path, lines: int) -> None:
        """Both files have as many."""
        expected.write_text(translate(text=f"{VIEWED}\n" * 2).stdout)

        done = self.check(expected, f"{VIEWED}\n" * lines)

        assert done.exit_code == 1
        assert ", nothing" in done.stdout

    def test_expectations_that_are_no_json_are_named(self, expected: Path) -> None:
        """By their file and line."""
        expected.write_text('{"ignored": "unsupported_type"}\n[1]\n')

        done = self.check(expected, '{"type": "group"}\n' * 2)

        assert f"{expected}: line 2: expected a JSON object, got a list" in done.stderr
