"""deploy/compose.yaml, as far as it can be proved without a container engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from consumer.cli import COMMANDS
from consumer.demo import WEBSITE_ID
from consumer.settings import load
from tests.chart.tools import ROOT
from tests.chart.trees import dig

if TYPE_CHECKING:
    from tests.chart.checking import Checkers
    from tests.chart.trees import Tree

FILE = ROOT / "deploy" / "compose.yaml"
TEXT = FILE.read_text("utf-8")
COMPOSE: Tree = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
SETTINGS = {name: str(value) for name, value in SERVICES["consumer"]["environment"].items()}
OURS = ("consumer", "sandbox", "produce")


def test_file_follows_the_specification(checkers: Checkers) -> None:
    """The Compose Specification knows every key and every value."""
    # Merge keys are YAML's own: the checker sees what they make, as Docker does.
    assert checkers.problems("compose", yaml.safe_dump(COMPOSE)) == []


def test_checker_is_strict(checkers: Checkers) -> None:
    """A misspelt key and an unknown condition are found: the test above can fail."""
    for good, bad in (("stop_grace_period", "stop_grace"), ("service_healthy", "service_well")):
        broken = yaml.safe_dump(yaml.safe_load(TEXT.replace(good, bad)))
        assert len(checkers.problems("compose", broken)) == 1


def test_consumer_s_settings_are_right() -> None:
    """The program takes the environment of the service, and finds the sandbox's id in it."""
    settings = load(env=SETTINGS)

    assert settings.delivery.website_id.get_secret_value() == WEBSITE_ID


def test_calls_stay_within_the_sandbox_s_network() -> None:
    """Seg's stand-in is 127.0.0.1 for the consumer: the two share a network."""
    port = SETTINGS["SEG_DELIVERY__ENDPOINT"].rsplit(":", 1)[1]

    assert SERVICES["consumer"]["network_mode"] == "service:sandbox"
    assert f"127.0.0.1:{port}:{port}" in SERVICES["sandbox"]["ports"]
    assert "consumer" in dig(SERVICES["sandbox"], "networks", "default", "aliases")


def test_commands_are_the_program_s() -> None:
    """Each service of our image starts a command that there is."""
    commands = [SERVICES[name].get("command", ["run"]) for name in OURS]

    assert {str(words[0]) for words in commands} <= set(COMMANDS)


def test_topic_is_the_one_that_is_read() -> None:
    """The topic that is made is the one of the settings."""
    arguments = SERVICES["topics"]["command"]

    assert f"--topic={SETTINGS['SEG_KAFKA__TOPICS']}" in arguments


def test_nothing_listens_beyond_this_machine() -> None:
    """Every published port is bound to the loopback address."""
    ports = [str(port) for each in SERVICES.values() for port in each.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_images_are_pinned() -> None:
    """Every foreign image has a registry and a version."""
    images = [str(each["image"]) for name, each in SERVICES.items() if name not in OURS]

    assert [
        each for each in images if not each.startswith("docker.io/") or each[-1].isalpha()
    ] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_mounted_files_are_there(name: str) -> None:
    """Every file that a service mounts exists."""
    mounts = [str(each) for each in SERVICES[name].get("volumes", [])]

    for each in mounts:
        assert (FILE.parent / each.split(":")[0]).exists()
        assert each.endswith(":ro")


def test_grace_outlasts_the_drain() -> None:
    """Docker waits longer than the program drains."""
    grace_s = int(str(SERVICES["consumer"]["stop_grace_period"]).removesuffix("s"))

    assert grace_s > load(env=SETTINGS).kafka.drain_timeout_s


def test_prometheus_scrapes_the_consumer() -> None:
    """The target is the consumer's alias and port, and the rules are the chart's."""
    config = yaml.safe_load((FILE.parent / "compose" / "prometheus.yaml").read_text("utf-8"))
    target = config["scrape_configs"][0]["static_configs"][0]["targets"]

    assert target == [f"consumer:{load(env=SETTINGS).http.port}"]
    assert "./helm/rules:/etc/prometheus/rules:ro" in SERVICES["prometheus"]["volumes"]
