"""Every command that a page shows is run, or is one of those that `make cluster-test` runs."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import urlopen

import pytest
import yaml

from consumer.avro.encoder import Encoder
from consumer.demo import WEBSITE_ID
from consumer.demo.samples import SAMPLE
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.observe.exposition import Metrics
from consumer.observe.health import Health, HealthServer
from consumer.sandbox import Options, Sandbox
from consumer.settings import load
from tests.chart import dockerfile, mounting, tools
from tests.chart.generate import CHART
from tests.chart.rendering import MINIMAL, Helm
from tests.chart.tools import ROOT, ToolsUnavailableError
from tests.docs.commands import kind, shown
from tests.fakes import FakeClock
from tests.image import engine
from tests.kafka.brokers import Real, commit
from tests.kafka_real.broker import java_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka_real.cluster import Kafka

pytest_plugins = ["tests.kafka_real.fixtures"]

TOPIC, GROUP = "segment-events", "seg-consumer"


def of(name: str) -> pytest.MarkDecorator:
    """Run a test for each command of the kind *name*."""
    found = [command for command in shown() if kind(command) == name]
    assert found, f"no page shows a command of the kind {name!r}: take it out of KINDS"
    return pytest.mark.parametrize("command", found)


def shell(command: str, env: dict[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run *command* as a shell does, with our own programs on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        cwd=cwd,
        env={"HOME": os.environ.get("HOME", "/"), "PATH": path} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("command", shown())
def test_every_command_is_of_a_kind_that_is_run(command: str) -> None:
    """A page cannot show what nobody has tried; a release's name is no object's."""
    assert kind(command) is not None, shown()[command]
    assert "RELEASE" not in command, shown()[command]


class Shop(NamedTuple):
    """A place where the program can do its work."""

    env: dict[str, str]
    """Its settings in the environment."""
    values: list[str]
    """Helm's options for the same."""


@pytest.fixture(name="shop", scope="module")
def _shop() -> Iterator[Shop]:
    """Give a broker with events and a dead letter's topic, and a stand-in for Seg."""
    options = Options(website_id=WEBSITE_ID)
    with EmbeddedBroker() as broker, Sandbox.start(options) as sandbox:
        broker.create_topic(TOPIC, 1)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        env = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": TOPIC,
            "SEG_KAFKA__CONFIG": json.dumps(CONFIG),
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
            "SEG_HTTP__PORT": "0",
        }
        producer = TopicProducer(load(env=env).kafka, TOPIC)
        producer.put(Outgoing(b"u", Encoder()({"type": "page", "userId": "u"})))
        producer.put(Outgoing(b"u", b"no Avro"))
        producer.close()
        server = json.dumps(broker.bootstrap.replace(",", "\\,"))
        yield Shop(
            env,
            [
                f"--set=settings.kafka.bootstrap_servers={json.loads(server)}",
                f"--set=settings.delivery.endpoint={sandbox.url}",
                f"--set-json=settings.kafka.config={json.dumps(CONFIG)}",
            ],
        )


@pytest.fixture(name="helm", scope="module")
def _helm() -> Helm:
    try:
        return Helm(tools.helm())
    except ToolsUnavailableError as error:
        if tools.in_ci():
            raise
        pytest.skip(str(error))


def filled(command: str, tmp_path: Path) -> str:
    """Return *command* with what its capitals stand for."""
    events, folder = tmp_path / "events.jsonl", tmp_path / "secrets"
    events.write_text("".join(SAMPLE.read_text("utf-8").splitlines(keepends=True)[:3]))
    folder.mkdir()
    (folder / "SEG_DELIVERY__WEBSITE_ID").write_text(WEBSITE_ID)
    given = {
        "[FILE]": str(events),
        "FILE": str(events),
        "DIRECTORY": str(folder),
        "REASON": "bad_avro",
        "TIME": "2026-11-01T00:00:00",
    }
    for name, value in given.items():
        command = command.replace(name, value)
    return command


RUNS_ON = re.compile(r"seg-consumer (--secrets \S+ )?(run|sandbox|demo --page)")
STARTED = re.compile(r'"event":"started"|listens on|the page is at')
NEEDS_MORE = re.compile(
    r"seg-consumer (schemas( check( FILE)?)?|dead-letters|top|alive)( URL\.\.\.)?"
)


@pytest.mark.broker
@of("program")
def test_the_program_s_commands_work(command: str, shop: Shop, tmp_path: Path) -> None:
    """As the page writes them; of a name that stands for several commands help is asked."""
    line = filled(command, tmp_path)
    if "--check" in line:
        shell("seg-consumer translate events.jsonl > expected.jsonl", shop.env, tmp_path)
    if RUNS_ON.fullmatch(command):
        assert ended_by_term(line + " --port 0" * line.endswith("sandbox"), shop.env) == 0
        return
    if NEEDS_MORE.fullmatch(command):
        line = f"{line.removesuffix(' URL...')} --help"

    done = shell(line, shop.env, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def ended_by_term(command: str, env: dict[str, str]) -> int:
    """Start *command*, which runs on, end it once it says that it runs; return its exit code."""
    program, *arguments = shlex.split(command)
    with subprocess.Popen(
        [Path(sys.executable).parent / program, *arguments],
        env={"PATH": os.environ["PATH"]} | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any(STARTED.search(line) for line in process.stdout)
        process.terminate()
        process.communicate(timeout=60)
    return process.returncode


@pytest.mark.broker
@of("in a pod")
def test_what_is_typed_in_a_pod_works(command: str, shop: Shop, helm: Helm, tmp_path: Path) -> None:
    """In the environment and on the files of the rendered pod, and with nothing else."""
    release = helm.template(MINIMAL, *shop.values)
    env = mounting.mount(release, tmp_path / "root")
    secret = Path(env["SEG_SECRETS_DIR"]) / "SEG_DELIVERY__WEBSITE_ID"
    assert secret.read_text() == WEBSITE_ID

    typed = filled(command.partition(" -- ")[2], tmp_path)
    done = shell(typed, env)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_status_is_where_the_pages_say() -> None:
    """The part after the API server's proxy is a path that is answered with 200."""
    paths = {command.partition("/proxy")[2] for command in shown() if kind(command) == "status"}
    clock = FakeClock()
    server = HealthServer("127.0.0.1", 0, Health(1.0, clock), Metrics(clock))
    try:
        assert paths
        for path in paths:
            with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                assert json.load(answer)["ok"] is False  # and yet it is shown
    finally:
        server.close()


@of("log")
def test_logs_are_searched_by_what_they_hold(command: str, tmp_path: Path) -> None:
    """The rest of the pipe finds the warning in the program's own lines."""
    code = (
        "import sys\n"
        "from consumer.core.timing import SystemClock\n"
        "from consumer.observe import logs\n"
        "logs.configure(level='info', layout='json', stream=sys.stdout, clock=SystemClock())\n"
        "log = logs.get()\n"
        "log.info('started')\n"
        "log.warning('waiting', reason='outage')\n"
    )
    fake = tmp_path / "kubectl"
    fake.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, '-c', code])}\n")
    fake.chmod(0o755)

    done = shell(f"PATH={tmp_path}:$PATH; {command}", {"PYTHONPATH": str(ROOT)})

    assert done.returncode == 0, done.stderr
    assert '"event":"waiting"' in done.stdout
    assert "grep" not in command or "started" not in done.stdout


@of("completion")
def test_the_shell_learns_our_commands(command: str, tmp_path: Path) -> None:
    """One command, typed twice, and a shell that starts afterwards completes the program."""
    typed = command.replace("[SHELL]", "bash")
    env = {"HOME": str(tmp_path), "SHELL": "/bin/bash"}

    assert shell(f"{typed} && {typed}", env).returncode == 0

    done = shell("bash -ic 'complete -p seg-consumer'", env)
    assert "seg-consumer" in done.stdout, done.stderr
    assert len((tmp_path / ".bashrc").read_text(encoding="utf-8").splitlines()) == 1


@of("make")
def test_make_knows_its_targets(command: str) -> None:
    """What a page calls by name is there; running all of them is what they are for."""
    assert shell(command.replace("make ", "make --dry-run "), {}).returncode == 0


@of("docker")
def test_docker_s_commands_name_what_there_is(command: str) -> None:
    """Arguments, secrets, files and services are those of our files: no engine is here."""
    words = shlex.split(command.replace('"$(git rev-parse HEAD)"', "HEAD"))
    text = (ROOT / "Dockerfile").read_text("utf-8")
    for word, value in pairwise(words):
        if word == "--build-arg":
            assert f"ARG {value.partition('=')[0]}" in text
        if word == "--secret":
            assert f"--mount=type=secret,{value.partition(',')[0]}" in text
        if word == "-f":
            services = yaml.safe_load((ROOT / value).read_text("utf-8"))["services"]
            assert words[words.index(value) + 1] in {"up", "run"}
            assert words[-1] in services or words[-1].startswith(("--", "up"))
    assert words[1] != "build" or words[-1] == "."
    assert dockerfile.stages(ROOT / "Dockerfile")


@of("buildah")
def test_buildah_is_told_what_the_image_s_test_tells_it(command: str) -> None:
    """`make image-test` builds with these options."""
    source = Path(engine.__file__).read_text("utf-8")

    assert [word for word in command.split()[1:] if f'"{word}"' not in source] == []


@of("install")
def test_releases_are_installed_as_the_pages_write(
    command: str, helm: Helm, tmp_path: Path
) -> None:
    """Helm takes them, or says all that is missing where the page says that it does."""
    deploy = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    example = re.search(r"```yaml\n# my-values\.yaml\n(.*?)```", deploy, re.DOTALL)
    assert example is not None
    (tmp_path / "my-values.yaml").write_text(example[1])
    words = [str(CHART) if it == "./deploy/helm" else it for it in shlex.split(command)[1:]]
    if "--values" in words:
        words[words.index("--values") + 1] = str(tmp_path / "my-values.yaml")

    done = helm.run(*words, "--dry-run=client")

    if "--set" in words or "--values" in words:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1
    for name in (
        "image.repository",
        "settings.kafka.bootstrap_servers",
        "settings.kafka.topics",
        "SEG_DELIVERY__WEBSITE_ID",
        "scaling.partitions",
    ):
        assert name in done.stderr


@pytest.mark.broker
@pytest.mark.real
@of("kafka")
def test_kafka_s_own_tool_takes_what_the_pages_say(command: str, real_kafka: Kafka) -> None:
    """The script only starts this class, which comes with Kafka's tools."""
    broker, topic = Real(real_kafka), f"test-{secrets.token_hex(4)}"
    broker.create_topic(topic, 1)
    commit(broker, f"{GROUP}-{topic}", topic, 0, 0)
    line = command.replace("BROKER", broker.bootstrap).replace("TOPIC", topic)
    words = line.replace(f"--group {GROUP}", "--group GROUP").replace("GROUP", f"{GROUP}-{topic}")
    tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

    done = subprocess.run(
        [*java_command(detached=False), tool, *words.split()[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert topic in done.stdout
