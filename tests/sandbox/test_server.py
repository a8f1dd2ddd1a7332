"""Start and stop, inside a program and as one."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from consumer.core.errors import SettingsError, StartError
from consumer.sandbox import Options, Sandbox, read_journal
from tests.machines.limits import ipv6_here
from tests.sandbox.client import WEBSITE_ID, Client, page

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from consumer.sandbox import Options, serve
options = Options(website_id=sys.argv[1], journal=Path(sys.argv[2]))
serve(options, lambda url: print(url, flush=True))
print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program(tmp_path: Path, number: signal.Signals) -> None:
    """It tells its address, serves until a signal comes, and ends in good order."""
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-c", PROGRAM, WEBSITE_ID, str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with closing(Client(url)) as client:
            assert client.post(page("m-1")).status == 200
            process.send_signal(number)
            rest, _ = process.communicate(timeout=10)

    assert (process.returncode, rest) == (0, "stopped\n")
    assert [line.message_id for line in read_journal(journal)] == ["m-1"]


def test_killed(tmp_path: Path) -> None:
    """What was answered before a kill is on file."""
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-c", PROGRAM, WEBSITE_ID, str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with closing(Client(process.stdout.readline().strip())) as client:
            answered = [client.post(page(f"m-{number}")).status for number in range(100)]
            process.kill()

    assert answered == [200] * 100
    assert len(list(read_journal(journal))) == 100


def test_stop_frees_the_port() -> None:
    """After the end the port is free at once, though clients were connected."""
    with Sandbox.start(Options(website_id=WEBSITE_ID)) as first:
        port = int(first.url.rsplit(":", 1)[1].strip("/"))
        client = Client(first.url)
        client.post(page("m-1"))
    client.close()

    with (
        Sandbox.start(Options(website_id=WEBSITE_ID, port=port)) as second,
        closing(Client(second.url)) as client,
    ):
        assert first.url == second.url
        assert client.post(page("m-1")).status == 200


def test_stop_twice() -> None:
    """A second stop does nothing."""
    with Sandbox.start(Options(website_id=WEBSITE_ID)) as sandbox:
        sandbox.stop()


def test_port_taken(sandbox: Sandbox) -> None:
    """A port that is taken is an error at the start."""
    port = int(sandbox.url.rsplit(":", 1)[1].strip("/"))

    with pytest.raises(StartError, match=r"the sandbox cannot start: .*address already in use"):
        Sandbox.start(Options(website_id=WEBSITE_ID, port=port))


def test_ipv6() -> None:
    """The other loopback address is served as well, and its URL is well-formed."""
    if not ipv6_here():
        pytest.skip("this machine has no IPv6")
    with (
        Sandbox.start(Options(website_id=WEBSITE_ID, host="::1")) as sandbox,
        closing(Client(sandbox.url)) as client,
    ):
        assert sandbox.url.startswith("http://[::1]:")
        assert client.post(page("m-1")).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "shop.example"])  # noqa: S104
def test_loopback_only(host: str) -> None:
    """Other machines are served only when that is asked for."""
    with pytest.raises(SettingsError, match="host: expected a loopback address"):
        Options(website_id=WEBSITE_ID, host=host)

    assert host == Options(website_id=WEBSITE_ID, host=host, allow_remote=True).host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_loopback(host: str) -> None:
    """Every name of this machine for itself will do."""
    assert Options(website_id=WEBSITE_ID, host=host).host == host


def test_options() -> None:
    """Every wrong option is told at once, and the Website Id is in none of the texts."""
    with pytest.raises(SettingsError) as wrong:
        Options(website_id="a:b", port=70_000, path="x", keep=0, max_request_bytes=0)

    assert wrong.value.problems == (
        "website_id: expected an id without a colon",
        "port: expected 0 to 65535, got 70000",
        "path: expected one that begins with / but not with /_sandbox/",
        "keep: expected at least 1 call, got 0",
        "max_request_bytes: expected at least 1, got 0",
    )
