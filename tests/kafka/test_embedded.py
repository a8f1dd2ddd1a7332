"""The embedded broker as a process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from consumer.core.errors import StartError
from consumer.kafka.embedded import EmbeddedBroker
from tests.kafka.brokers import LIMIT_S
from tests.kafka.program import ROOT

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

OWNER = (
    "import signal, sys\n"
    "from consumer.kafka.embedded import EmbeddedBroker\n"
    "with EmbeddedBroker() as broker:\n"
    "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "    print(broker.pid, flush=True)\n"
    "    for line in sys.stdin:\n"
    "        broker.create_topic(line.strip(), 1)\n"
    "        print('made', flush=True)\n"
)


@pytest.fixture(name="owner")
def _owner() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def test_it_ends_with_its_parent(owner: subprocess.Popen[str]) -> None:
    """Also where that is killed, and can tell nobody."""
    with owner:
        assert owner.stdout is not None
        broker = os.pidfd_open(int(owner.stdout.readline()))
        owner.kill()
        ended, _, _ = select.select([broker], [], [], LIMIT_S)
        os.close(broker)

    assert ended == [broker]


def test_it_outlives_the_ctrl_c_that_is_for_its_parent(owner: subprocess.Popen[str]) -> None:
    """A terminal sends it to both; the parent needs the broker for its last commit."""
    with owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        owner.stdout.readline()
        os.killpg(owner.pid, signal.SIGINT)
        owner.stdin.write("still-there\n")
        owner.stdin.flush()
        answer = owner.stdout.readline()
        owner.kill()

    assert answer == "made\n"


def test_a_call_that_it_refuses_is_a_sentence() -> None:
    """With its reason; the broker goes on."""
    with EmbeddedBroker() as broker:
        with pytest.raises(StartError, match=r"^the embedded broker did not obey set_down: Runtim"):
            broker.call("set_down", 7)
        with pytest.raises(StartError, match=r"^the embedded broker did not obey fly: Attribute"):
            broker.call("fly")
        broker.create_topic("events", 1)


def test_one_that_is_gone_is_a_sentence() -> None:
    """Whether it dies before the call or during it."""
    with EmbeddedBroker() as broker:
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(StartError, match=r"^the embedded broker (is gone|ended before it ans)"):
            broker.create_topic("events", 1)


def test_it_has_as_many_brokers_as_asked_for() -> None:
    """Each with an address of its own."""
    with EmbeddedBroker(brokers=3) as broker:
        assert len(set(broker.bootstrap.split(","))) == 3
