"""A real Kafka that outlives the command: `python -m tests.kafka_real up|down|status`."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
from pathlib import Path
from typing import Final, TypedDict

import click

from tests.kafka_real.artifacts import CACHE, KafkaUnavailableError
from tests.kafka_real.cluster import RealKafka

_FOLDER: Final = click.option(
    "--folder",
    type=click.Path(path_type=Path, resolve_path=True),
    default=CACHE / "up",
    help="Where its data, logs and state are.",
)


class _State(TypedDict):
    bootstrap: str
    pids: list[int]


@click.group()
def main() -> None:
    """Keep a real Kafka running on this machine."""


@main.command()
@_FOLDER
@click.option("--brokers", type=click.IntRange(1), default=1, show_default=True)
def up(folder: Path, brokers: int) -> None:
    """Start it, empty, unless it runs; print its bootstrap servers."""
    state = _read(folder)
    if state is None:
        state = _start(folder, brokers)
    elif len(state["pids"]) != brokers:
        running = len(state["pids"])
        raise click.ClickException(
            f"a Kafka of {running} brokers, not {brokers}, runs: end it first"
        )
    click.echo(state["bootstrap"])


@main.command()
@_FOLDER
def down(folder: Path) -> None:
    """Kill it and remove its data."""
    if state := _read(folder):
        for pid in state["pids"]:
            _kill(pid)
    shutil.rmtree(folder, ignore_errors=True)


@main.command()
@_FOLDER
def status(folder: Path) -> None:
    """Print its bootstrap servers, or fail if it does not run."""
    state = _read(folder)
    if state is None:
        raise click.ClickException("no Kafka runs here")
    click.echo(state["bootstrap"])


def _start(folder: Path, brokers: int) -> _State:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        kafka = RealKafka(brokers, folder=folder, detached=True)
    except KafkaUnavailableError as error:
        raise click.ClickException(str(error)) from None
    kafka.up()
    state: _State = {"bootstrap": kafka.bootstrap, "pids": list(kafka.pids.values())}
    (folder / "state.json").write_text(json.dumps(state))
    return state


def _read(folder: Path) -> _State | None:
    """Return what runs in *folder*; None where no broker of it is alive."""
    try:
        state: _State = json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return None
    state["pids"] = [pid for pid in state["pids"] if _is_broker(pid, folder)]
    return state if state["pids"] else None


def _kill(pid: int) -> None:
    """End a broker, and return when it writes no more: its data are about to be removed."""
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [])
    os.close(process)


def _is_broker(pid: int, folder: Path) -> bool:
    """Tell a broker of *folder* from a stranger that got its number."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return False
    return str(folder) in command


if __name__ == "__main__":
    main()
