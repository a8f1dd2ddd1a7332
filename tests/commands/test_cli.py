"""The command line, as its user meets it: a process with arguments, output and an exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.cli import COMMANDS
from consumer.core.errors import DeadLetterReason, IgnoredReason
from consumer.demo.samples import SAMPLE
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.read import read_topic
from consumer.settings import describe, load

if TYPE_CHECKING:
    from pathlib import Path

WEBSITE_ID = "abc8fb18-7559-4324-9921-a4b5015b4a1c"
NEEDED = {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "SEG_KAFKA__TOPICS": "events",
    "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
}


def seg_consumer(
    *arguments: str, text: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing of ours in its environment but *env*."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SEG_")}
    return subprocess.run(
        [sys.executable, "-m", "consumer", *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        env=clean | (env or {}),
    )


def on_terminal(*arguments: str, text: str | None = None, env: dict[str, str] | None = None) -> str:
    """Run the command on a terminal, where *text* is typed, then Ctrl-D; return what is seen."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SEG_")}
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "consumer", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=clean | {"TERM": "xterm", "NO_COLOR": "1"} | (env or {}),
    ) as process:
        os.close(theirs)
        if text is not None:
            os.write(ours, text.encode() + b"\x04")
        seen = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 65_536):
                seen += part
        process.wait(100)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())


class TestUsage:
    """What a newcomer types first."""

    def test_help_names_every_command(self) -> None:
        """`--help` exits 0 and lists the commands."""
        done = seg_consumer("--help")

        assert done.returncode == 0
        assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []

    def test_an_unknown_command_is_wrong_usage(self) -> None:
        """A word that is no command exits 2 and says so."""
        done = seg_consumer("deliver")

        assert done.returncode == 2
        assert "No such command 'deliver'" in done.stderr

    def test_wrong_settings_are_told_all_at_once(self) -> None:
        """Every problem has its line, the exit code is 2, and nothing was started."""
        done = seg_consumer("run", env={"SEG_DELIVERY__MODE": "bulk", "SEG_KAFKA__TOPICS": "t"})

        names = {line.split(": ")[1] for line in done.stderr.splitlines()}
        assert done.returncode == 2
        assert names == {
            "SEG_KAFKA__BOOTSTRAP_SERVERS",
            "SEG_DELIVERY__WEBSITE_ID",
            "SEG_DELIVERY__MODE",
        }

    @pytest.mark.parametrize("words", [("run",), ("dead-letters", "list")])
    @pytest.mark.parametrize("option", ["--config", "--secrets"])
    def test_an_option_of_all_commands_is_told_its_place(
        self, words: tuple[str, ...], option: str
    ) -> None:
        """Behind the command's name is where most programs have it."""
        done = seg_consumer(*words, option, "x")

        assert done.returncode == 2
        assert f"{option} goes before the command: seg-consumer {option} ... {words[0]}" in (
            done.stderr
        )

    def test_an_ascii_locale_is_no_obstacle(self) -> None:
        """What is printed is UTF-8, also where the locale says ASCII."""
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = seg_consumer("config", env=NEEDED | ascii_only)

        assert done.returncode == 0, done.stderr
        assert "SEG_KAFKA__TOPICS" in done.stdout
        assert not done.stdout.isascii()

    def test_config_never_cuts_a_name(self) -> None:
        """Neither on a pipe nor on a terminal of 80 columns: names are there to be copied."""
        names = [it.name for it in describe()]

        piped = seg_consumer("config", env=NEEDED).stdout
        assert [it for it in names if it not in piped] == []

        wide = " ".join(on_terminal("config", env=NEEDED | {"COLUMNS": "80"}).split())
        assert [it for it in names if f" {it} " not in wide] == []

    def test_config_masks_the_website_id(self) -> None:
        """What is in force is printed, the key is not."""
        done = seg_consumer("config", "--json", env=NEEDED)

        assert done.returncode == 0
        assert WEBSITE_ID not in done.stdout
        topics = orjson.loads(done.stdout)["SEG_KAFKA__TOPICS"]
        assert topics == {"value": ["events"], "source": "environment"}

    def test_variables_say_where_the_file_and_the_secrets_are(self, tmp_path: Path) -> None:
        """A command typed in a pod finds what the pod's own command finds: it has its variables."""
        file, secrets = tmp_path / "settings.yaml", tmp_path / "secrets"
        file.write_text("kafka: {bootstrap_servers: kafka:9092, topics: [events]}")
        secrets.mkdir()
        (secrets / "SEG_DELIVERY__WEBSITE_ID").write_text(WEBSITE_ID)
        env = {"SEG_CONFIG_FILE": str(file), "SEG_SECRETS_DIR": str(secrets)}

        done = seg_consumer("config", "--json", env=env)

        found = orjson.loads(done.stdout)
        assert found["SEG_KAFKA__TOPICS"] == {"value": ["events"], "source": "file"}
        assert found["SEG_DELIVERY__WEBSITE_ID"] == {"value": "***", "source": "secrets"}

    def test_arguments_go_before_those_variables(self, tmp_path: Path) -> None:
        """And a place that is not there is wrong usage, with the variable's name."""
        done = seg_consumer("config", env={"SEG_CONFIG_FILE": str(tmp_path / "absent.yaml")})
        assert done.returncode == 2
        assert "SEG_CONFIG_FILE" in done.stderr

        file = tmp_path / "settings.yaml"
        file.write_text("log: {level: loud}")
        env = {"SEG_CONFIG_FILE": str(tmp_path / "absent.yaml")}
        assert "SEG_LOG__LEVEL" in seg_consumer("--config", str(file), "config", env=env).stderr


class TestDemo:
    """The main job on this machine."""

    def test_the_sample_adds_up_and_shows_every_fate(self) -> None:
        """Each record has one outcome, and all that can happen on one machine does happen."""
        done = seg_consumer("demo", "--json")

        assert done.returncode == 0, done.stderr
        summary = orjson.loads(done.stdout)
        ignored, dead = summary["ignored"], summary["dead_lettered"]
        outcomes = summary["delivered"] + sum(ignored.values()) + sum(dead.values())
        assert summary["received"] == outcomes
        assert ignored.keys() == set(IgnoredReason)
        # These need a registry, an envelope that the encoder refuses, `on_unreadable_value`, or a
        # fault of ours.
        elsewhere = {"unusable_schema", "bad_envelope", "internal_error"}
        elsewhere |= {"bad_timestamp", "bad_number", "bad_property"}
        assert dead.keys() == set(DeadLetterReason) - elsewhere

    def test_the_terminal_shows_what_became_of_each(self) -> None:
        """The table has a row for each thing that went in and what Seg was sent for it."""
        done = seg_consumer("demo", env={"COLUMNS": "160"})

        rows = [
            [cell.strip() for cell in line.split("│")[1:4]]
            for line in done.stdout.splitlines()
            if line.startswith("│")
        ]
        assert ["track Order Completed", "delivered", "track OrderPlaced"] in rows
        assert ["track Signed Up", "ignored", "unmapped_event"] in rows
        assert ["truncated Avro", "dead letter", "bad_avro"] in rows

    def test_ones_own_events(self, tmp_path: Path) -> None:
        """A file of JSON lines takes the sample's place."""
        events = tmp_path / "events.jsonl"
        events.write_text(
            '{"type": "page", "userId": "u-1", "timestamp": "2026-11-23T10:00:00Z"}\n'
            '{"type": "track", "event": "Unheard Of", "userId": "u-1"}\n'
        )

        done = seg_consumer("demo", "--json", "--events", str(events))

        summary = orjson.loads(done.stdout)
        assert (summary["received"], summary["delivered"]) == (2, 1)
        assert summary["ignored"] == {"unmapped_event": 1}

    def test_a_line_that_is_no_call_stops_no_other(self, tmp_path: Path) -> None:
        """It is rejected with its number and the reason, and the others go their way."""
        events = tmp_path / "events.jsonl"
        events.write_text('{"type": "page", "userId": "u"}\n{"event": "Viewed Product"}\n{\n')

        done = seg_consumer("demo", "--json", "--events", str(events))

        summary = orjson.loads(done.stdout)
        assert done.returncode == 0, done.stderr
        assert (summary["received"], summary["delivered"]) == (1, 1)
        assert [it["line"] for it in summary["rejected"]] == [2, 3]
        assert summary["rejected"][0]["detail"].startswith("type: expected the text of a type")

    def test_lines_that_are_no_calls_at_all_are_told(self, tmp_path: Path) -> None:
        """Where nothing is left to send, the table still says why."""
        events = tmp_path / "events.jsonl"
        events.write_text("[1]\n")

        done = seg_consumer("demo", "--events", str(events), env={"COLUMNS": "160"})

        assert done.returncode == 0, done.stderr
        assert "line 1" in done.stdout
        assert "bad_json: expected a JSON object, got a list" in done.stdout


@pytest.mark.broker
class TestProduce:
    """Segment calls onto a topic."""

    def test_calls_arrive_as_avro_under_their_users_key(self) -> None:
        """Each line is one record: single-object Avro, keyed by who it is about."""
        lines = SAMPLE.read_text(encoding="utf-8").splitlines()[:3]
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            env = {
                "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
                "SEG_KAFKA__TOPICS": "events",
                "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            }

            done = seg_consumer("produce", text="\n".join(lines), env=env)

            settings = load(env=env | {"SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID})
            records = list(read_topic(settings.kafka, "events"))
        assert done.stdout == "3 records written to events\n"
        assert [record.key for record in records] == [b"u-1", b"a-2", b"u-1"]
        assert {(record.value or b"")[:2] for record in records} == {b"\xc3\x01"}

    def test_a_bad_line_stops_no_other(self) -> None:
        """The others are written, and the end says which lines were not."""
        lines = ['{"type": "page", "userId": "u-1"}', "{", '{"event": "x"}', '{"type": "page"}']
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            env = {
                "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
                "SEG_KAFKA__TOPICS": "events",
                "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            }

            done = seg_consumer("produce", text="\n".join(lines), env=env)

        assert done.stdout == "2 records written to events\n"
        assert done.returncode == 1
        assert "2 lines are no Segment calls:" in done.stderr
        assert "line 2: expected a JSON object" in done.stderr
        assert "line 3: type: expected the text of a type" in done.stderr

    def test_the_answer_is_json_for_programs(self) -> None:
        """How many were written and which lines were not; `--topic` is all it needs to know."""
        with EmbeddedBroker() as broker:
            broker.create_topic("events", 1)
            env = {
                "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
                "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            }
            lines = '{"type": "page"}\n{"type": 1}\n'

            done = seg_consumer("produce", "--topic", "events", "--json", text=lines, env=env)

        detail = "type: expected the text of a type of Segment's calls, came a number"
        assert done.returncode == 1
        assert orjson.loads(done.stdout) == {
            "topic": "events",
            "written": 1,
            "bad": [{"line": 2, "detail": detail}],
        }
        assert done.stderr == ""


def test_librdkafka_s_own_lines_do_not_reach_the_terminal() -> None:
    """A command that has no log says everything in its own words."""
    script = "from consumer.kafka.config import LIBRARY_LOG; LIBRARY_LOG.error('FAIL away')"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")
