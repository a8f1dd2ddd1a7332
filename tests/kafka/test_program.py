"""`seg-consumer run` as operators meet it: signals, exit codes, probes and metrics."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, cast

import pytest

from consumer.core.timing import SystemClock
from consumer.program.app import LEAVE_WITHIN_S
from consumer.sandbox import Fault, Sandbox, Trouble
from tests.kafka.conftest import SOAK
from tests.kafka.member import WEBSITE_ID
from tests.kafka.program import Program, conserved, eventually, pause, total
from tests.kafka.scene import Scene, Written, options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka.brokers import Embedded

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

HANGING = Fault(trouble=Trouble.HANG)


@pytest.fixture(name="unreachable")
def _unreachable(tmp_path: Path) -> Iterator[Program]:
    """Give a program whose broker is not there."""
    log = tmp_path / "log"
    program = Program(
        {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "SEG_KAFKA__TOPICS": "events",
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_HTTP__HOST": "127.0.0.1",
            "SEG_HTTP__PORT": "0",
        },
        log,
    )
    yield program
    program.kill()


@pytest.fixture(name="scene")
def _scene(embedded: Embedded, topic: str, tmp_path: Path) -> Iterator[Scene]:
    """Give a topic and a Seg without faults."""
    with Sandbox.start(options(tmp_path, faults=())) as sandbox:
        scene = Scene(embedded, topic, tmp_path, sandbox)
        yield scene
        scene.close()


def test_the_first_and_the_last_lines_tell_a_run(scene: Scene) -> None:
    """Where it reads and sends, and what became of the records; nothing behind a question mark."""
    scene.write(rounds=1)
    program = scene.start(SEG_DELIVERY__ENDPOINT=f"{scene.sandbox.url}?key=hunter2")
    eventually(lambda: total(program.scrape(), "records_ignored_total") > 0)
    eventually(lambda: scene.accepted == scene.calls)
    eventually(lambda: total(program.scrape(), "records_in_flight") == 0)
    program.stop()

    [first] = program.lines("connecting")
    [started] = program.lines("started")
    [last] = program.lines("stopped")
    assert first["brokers"] == started["brokers"] == scene.broker.bootstrap
    assert started["topics"] == [scene.topic]
    assert started["group"] == f"group-of-{scene.topic}"
    assert started["endpoint"] == scene.sandbox.url
    assert last["delivered"] == scene.calls
    kinds = [it.kind for it in scene.written.values()]
    assert last["ignored"] == kinds.count("unmapped") + kinds.count("tombstone")
    assert last["dead_lettered"] == kinds.count("poison")
    assert last["unfinished"] == 0


class TestEnd:
    """How a run ends."""

    def test_term_drains_commits_and_leaves(self, scene: Scene) -> None:
        """What was sent is settled and committed; nothing is sent twice afterwards."""
        scene.write(rounds=20)
        first = scene.start(SEG_DELIVERY__MAX_REQUESTS_PER_SECOND="200")
        eventually(lambda: scene.accepted > 100)
        code = first.stop()
        at_end = scene.accepted
        wrong = scene.unfinished_but_committed()
        second = scene.start()
        scene.check_end()

        assert code == 0
        assert wrong == []
        assert at_end < scene.calls
        assert scene.doubles == 0
        assert [it["event"] for it in first.lines("stopped")] == ["stopped"]
        assert second.stop() == 0

    def test_term_is_obeyed_in_time_though_seg_hangs(self, scene: Scene) -> None:
        """The deadline of the drain ends the wait; what has no answer is not committed."""
        scene.sandbox.faults([HANGING])
        scene.write(rounds=2)
        program = scene.start(SEG_KAFKA__DRAIN_TIMEOUT_S="1")
        eventually(lambda: scene.sandbox.summary()["requests"] > 0)
        clock = SystemClock()
        start_s = clock.monotonic_s()
        code = program.stop()
        seconds = clock.monotonic_s() - start_s

        assert code == 0
        assert 0.9 < seconds < 10.0
        assert scene.unfinished_but_committed() == []

    def test_term_is_obeyed_in_time_though_the_brokers_do_not_answer(self, scene: Scene) -> None:
        """They accept what is sent, and that is all: the last commit has a deadline, too."""
        scene.write(rounds=2)
        program = scene.start(SEG_KAFKA__DRAIN_TIMEOUT_S="0.5")
        eventually(lambda: scene.accepted >= scene.calls)
        clock = SystemClock()
        broker = cast("Embedded", scene.broker).broker
        broker.call("set_rtt", 200_000, -1)
        start_s = clock.monotonic_s()
        try:
            program.signal(signal.SIGTERM)
            program.wait(30)
        finally:
            broker.call("set_rtt", 0, -1)

        assert clock.monotonic_s() - start_s < 0.5 + LEAVE_WITHIN_S + 10.0

    def test_a_second_signal_ends_at_once(self, scene: Scene) -> None:
        """The operator does not want to wait, and nothing is lost by it."""
        scene.sandbox.faults([HANGING])
        scene.write(rounds=2)
        program = scene.start(SEG_KAFKA__DRAIN_TIMEOUT_S="20")
        eventually(lambda: scene.sandbox.summary()["requests"] > 0)
        program.signal(signal.SIGTERM)
        eventually(lambda: bool(program.lines("stopping")))
        running = program.running
        clock = SystemClock()
        start_s = clock.monotonic_s()
        program.signal(signal.SIGINT)
        code = program.wait()

        assert running
        assert code == 1
        assert clock.monotonic_s() - start_s < 10.0
        assert scene.unfinished_but_committed() == []

    def test_a_missing_topic_is_said_in_a_sentence(self, scene: Scene) -> None:
        """Exit code 1, where it was asked, and one line: no stack."""
        program = scene.start(SEG_KAFKA__TOPICS="nobody-made-it")

        assert program.wait() == 1
        connecting, said = program.log.read_text().splitlines()
        assert '"event":"connecting"' in connecting
        assert said == (
            "seg-consumer: the topic nobody-made-it does not exist: check SEG_KAFKA__TOPICS"
        )

    def test_wrong_settings_are_all_said_and_none_is_shown(self, scene: Scene) -> None:
        """Exit code 2, a line for each problem, and no secret in any."""
        program = scene.start(
            SEG_DELIVERY__WEBSITE_ID="no-uuid-but-secret",
            SEG_KAFKA__SASL_PASSWORD="hunter2",
            SEG_KAFKA__TOPICS="a b",
            SEG_KAFKA__CONFIG='{"enable.auto.commit": true, "sasl.password": "hunter3"}',
            SEG_HTTP__PORT="70000",
        )
        code = program.wait()
        text = program.log.read_text()

        assert code == 2
        named = {line.split()[1].rstrip(":") for line in text.splitlines()}
        assert named == {
            "SEG_DELIVERY__WEBSITE_ID",
            "SEG_KAFKA__SASL_PASSWORD",
            "SEG_KAFKA__TOPICS",
            "SEG_KAFKA__CONFIG",
            "SEG_HTTP__PORT",
        }
        for secret in ("no-uuid-but-secret", "hunter2", "hunter3"):
            assert secret not in text

    def test_a_setting_that_librdkafka_refuses_is_said_in_a_sentence(self, scene: Scene) -> None:
        """Exit code 2 and the name of the setting, not a stack."""
        program = scene.start(SEG_KAFKA__CONFIG='{"no.such.setting": 1}')
        code = program.wait()

        assert code == 2
        assert program.log.read_text() == (
            "seg-consumer: SEG_KAFKA__CONFIG: librdkafka refuses the settings: "
            'No such configuration property: "no.such.setting"\n'
        )


class TestProbes:
    """What a running consumer shows."""

    def test_every_scrape_under_load_conserves_the_records(self, scene: Scene) -> None:
        """Each record that was received is in exactly one place, at every moment."""
        scene.sandbox.faults(options(scene.folder).faults)
        program = scene.start()
        scene.wait_for_members()
        scene.write(rounds=10)
        scrapes = []

        def done() -> bool:
            scrapes.append(program.scrape())
            return scene.accepted == scene.calls and scene.all_committed()

        eventually(done)
        pause(0.3)
        last = program.scrape()

        assert len(scrapes) > 10
        assert [conserved(scrape) for scrape in scrapes] == [True] * len(scrapes)
        assert conserved(last)
        assert max(total(scrape, "records_in_flight") for scrape in scrapes) > 0
        assert total(last, "records_received_total") == len(scene.written)
        assert total(last, "calls_delivered_total") == scene.calls
        assert total(last, "records_ignored_total") == 20
        assert total(last, "records_dead_lettered_total") == 10
        assert total(last, "records_in_flight") == 0
        assert program.stop() == 0

    def test_a_healthy_member_is_alive_and_ready(self, scene: Scene) -> None:
        """And lag falls to nothing."""
        program = scene.start()
        eventually(lambda: bool(program.lines("partitions_assigned")))
        scene.write(rounds=1)
        eventually(lambda: program.ready()[0] and scene.all_committed())

        assert program.get("/livez")[0] == 200
        assert program.ready() == (
            True,
            {
                "ok": True,
                "member": True,
                "assigned_partitions": 6,
                "waits_for": None,
                "detail": None,
                "last_failure": None,
            },
        )
        eventually(lambda: "seg_consumer_lag_records" in str(program.scrape()))
        eventually(lambda: total(program.scrape(), "lag_records") == 0)
        assert program.get("/")[0] == 404

    def test_a_wrong_key_harms_no_event(self, scene: Scene) -> None:
        """Not ready, nothing dead-lettered, and it goes on by itself once the key is right."""
        scene.sandbox.faults([Fault(status=403)])
        scene.write(rounds=3)
        program = scene.start(SEG_DELIVERY__PROBE_INTERVAL_S="0.2")
        eventually(lambda: program.ready()[1]["waits_for"] == "unauthorised")
        pause(1.0)
        refused = program.scrape()
        is_ready, alive = program.ready()[0], program.get("/livez")[0]
        before = scene.accepted
        scene.sandbox.faults([])
        scene.check_end()
        eventually(lambda: program.ready()[0])

        assert not is_ready
        assert alive == 200
        assert before == 0
        assert conserved(refused)
        assert total(refused, "calls_delivered_total") == 0
        assert total(program.scrape(), "records_dead_lettered_total") == 3
        assert WEBSITE_ID not in program.log.read_text()
        assert program.stop() == 0


def test_first_failure_of_seg_is_said_at_once(scene: Scene) -> None:
    """One event and nobody who listens: a line says why, where to look and what comes next."""
    program = scene.start(SEG_DELIVERY__ENDPOINT="http://127.0.0.1:1/")
    eventually(lambda: program.ready()[0])
    scene.write_these(Written("call", "u-1", "1-1"))
    eventually(lambda: bool(program.lines("seg_failing")))
    line = program.lines("seg_failing")[0]
    eventually(lambda: program.ready()[1]["last_failure"] is not None)

    assert line["reason"] == "refused"
    assert line["look_at"] == "SEG_DELIVERY__ENDPOINT"
    assert isinstance(line["next_try_in_s"], float)
    assert "no answer" in str(line["detail"])


@pytest.mark.skipif(not SOAK, reason="SEG_TEST_SOAK=1 runs it: it takes half a minute")
def test_an_unreachable_broker_is_said_in_a_sentence(unreachable: Program) -> None:
    """Exit code 1, with the setting and the address to check, and no stack."""
    code = unreachable.wait(45)
    text = unreachable.log.read_text()

    assert code == 1
    assert text.splitlines()[-1].startswith(
        "seg-consumer: no broker of SEG_KAFKA__BOOTSTRAP_SERVERS (127.0.0.1:1) answer"
    )
    assert "Traceback" not in text
