"""Secrets in files: a rotated one takes effect while the program runs, and no event is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import structlog

from consumer.avro.encoder import Encoder
from consumer.core.errors import SettingsError
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import TopicProducer
from consumer.program.rotation import LOOK_S, SecretFiles
from consumer.sandbox import Options, Sandbox
from consumer.settings import load
from tests.avro.registry_stub import RegistryStub, running
from tests.fakes import FakeClock
from tests.rotating import consume, events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.observe.metrics import Tally
    from consumer.settings import Settings

RIGHT = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"
WRONG = "ffffffff-3b39-4d25-9c5e-5d2f6ad3e0f7"
EVENTS = 20


@pytest.fixture(name="sandbox")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox.start(Options(website_id=RIGHT)) as sandbox:
        yield sandbox


@pytest.fixture(name="env")
def _env(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """Give the settings of a topic; the secrets are the test's."""
    with EmbeddedBroker() as broker:
        broker.create_topic("events", 2)
        broker.create_topic("events.dead-letter", 1)
        yield {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "events",
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_DELIVERY__PROBE_INTERVAL_S": "0.1",
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        }


def produce(env: dict[str, str], encode: Encoder) -> None:
    """Write the events."""
    settings = load(env=env | {"SEG_DELIVERY__WEBSITE_ID": RIGHT})
    producer = TopicProducer(settings.kafka, "events")
    for record in events(EVENTS, encode):
        producer.put(record)
    producer.close()


def all_done(tally: Tally) -> bool:
    """Tell whether every event has its outcome."""
    return tally.outcomes >= EVENTS


@pytest.mark.broker
class TestWholeProgram:
    """A secret that is wrong at first is put right in its file."""

    def test_the_website_id(self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
        """Seg answers 403 until the file is right; then every event arrives, by itself and once."""
        key = tmp_path / "SEG_DELIVERY__WEBSITE_ID"
        key.write_text(WRONG)
        produce(env, Encoder())

        said = consume(
            env,
            tmp_path,
            [
                (lambda tally: bool(tally.request_attempts), lambda: key.write_text(RIGHT)),
                (all_done, None),
            ],
        )

        summary = sandbox.summary()
        assert summary["by_status"]["403"] >= 1
        assert summary["accepted"] == EVENTS
        assert summary["doubles"] == 0
        assert "secrets_taken_over" in said

    def test_the_password_of_the_registry(
        self, env: dict[str, str], sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """The registry refuses us until the file is right: records wait, and none dies."""
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(RIGHT)
        password = tmp_path / "SEG_SCHEMA_REGISTRY__PASSWORD"
        password.write_text("old")
        with running(RegistryStub()) as stub:
            stub.password = "new"
            produce(env, Encoder(stub.add(Encoder().schema)))
            env |= {
                "SEG_SCHEMA_REGISTRY__URL": stub.url,
                "SEG_SCHEMA_REGISTRY__USERNAME": "user",
            }

            consume(
                env,
                tmp_path,
                [
                    (lambda _tally: bool(stub.requests), lambda: password.write_text("new")),
                    (all_done, None),
                ],
            )

        assert sandbox.summary()["accepted"] == EVENTS


class TestSecretFiles:
    """When files are read anew."""

    @pytest.fixture(name="clock")
    def _clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture(name="log")
    def _log(self) -> structlog.testing.CapturingLogger:
        return structlog.testing.CapturingLogger()

    @pytest.fixture(name="loads")
    def _loads(self) -> list[Settings | SettingsError]:
        env = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
            "SEG_KAFKA__TOPICS": "events",
            "SEG_DELIVERY__WEBSITE_ID": RIGHT,
        }
        return [load(env=env)]

    @pytest.fixture(name="files")
    def _files(
        self,
        tmp_path: Path,
        clock: FakeClock,
        log: structlog.testing.CapturingLogger,
        loads: list[Settings | SettingsError],
    ) -> SecretFiles:
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(RIGHT)

        def read() -> Settings:
            found = loads[0]
            if isinstance(found, SettingsError):
                raise found
            return found

        wrapped = structlog.wrap_logger(log, processors=[])
        return SecretFiles(tmp_path, read, clock=clock, log=wrapped)

    def test_the_same_contents_are_no_change(
        self, files: SecretFiles, tmp_path: Path, clock: FakeClock
    ) -> None:
        """A file that is written again as it was changes nothing."""
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(RIGHT)
        clock.advance(LOOK_S)

        assert files.changed() is None

    def test_a_change_is_seen_once(
        self,
        files: SecretFiles,
        tmp_path: Path,
        clock: FakeClock,
        loads: list[Settings | SettingsError],
    ) -> None:
        """The settings are made anew when a file holds something else, and then no more."""
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(WRONG)
        clock.advance(LOOK_S)

        found = [files.changed()]
        clock.advance(LOOK_S)
        found.append(files.changed())

        assert found == [loads[0], None]

    def test_a_swapped_link_is_a_change(
        self, files: SecretFiles, tmp_path: Path, clock: FakeClock
    ) -> None:
        """As Kubernetes does it: the file is a link, and another file is behind it."""
        (tmp_path / "new").write_text(WRONG)
        (tmp_path / "link").symlink_to("new")
        (tmp_path / "link").rename(tmp_path / "SEG_DELIVERY__WEBSITE_ID")
        clock.advance(LOOK_S)

        assert files.changed() is not None

    def test_files_are_not_looked_at_all_the_time(self, files: SecretFiles, tmp_path: Path) -> None:
        """Within a second nothing is read."""
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text(WRONG)

        assert files.changed() is None

    def test_what_is_no_setting_is_told_and_not_taken(
        self,
        files: SecretFiles,
        tmp_path: Path,
        clock: FakeClock,
        log: structlog.testing.CapturingLogger,
        loads: list[Settings | SettingsError],
    ) -> None:
        """A half-written secret is a line in the log, and the old one stays in force."""
        loads[0] = SettingsError(["SEG_DELIVERY__WEBSITE_ID: expected a UUID, got ***"])
        (tmp_path / "SEG_DELIVERY__WEBSITE_ID").write_text("?")
        clock.advance(LOOK_S)

        assert files.changed() is None
        assert [call.method_name for call in log.calls] == ["error"]
