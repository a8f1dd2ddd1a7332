"""`make soak`: minutes to hours of traffic, kills, rebalances and outages; then the figures."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import TYPE_CHECKING

import click
import orjson

from tests.kafka.member import (
    OF_THE_CLASSIC_PROTOCOL,
    PROTOCOLS,
    WEBSITE_ID,
    environment,
)
from tests.soak.brokers import KINDS, brokers
from tests.soak.members import YIELDING, Members
from tests.soak.seg import SegFaults
from tests.soak.soak import PARTITIONS, SESSION_S, USUAL_SESSION_S, Scenery, Soak

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "soak"
KILL_EVERY = 20 / SESSION_S
"""In sessions: between two kills the group gets over the first."""
MUST_BE_NONE = ("lost", "out_of_order", "left_behind", "uncommitted", "failures")


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="How long trouble is made.")
@click.option("--seed", type=int, help="Of everything random; a fresh one without it.")
@click.option("--members", "size", default=3, show_default=True, help="Consumers in the group.")
@click.option("--kill-every", type=float, help="Seconds between kills; 3.3 sessions without it.")
@click.option("--mode", type=click.Choice(["single", "batch"]), default="single")
@click.option("--protocol", type=click.Choice(list(PROTOCOLS)), default="cooperative-sticky")
@click.option("--brokers", "kind", type=click.Choice(list(KINDS)), default="embedded")
@click.option("--usual-session", is_flag=True, help="45 s, as users have it, not 6.")
@click.option("--rate", default=math.inf, help="Records a second; what the members bear else.")
def main(  # noqa: PLR0913 - one an option
    *,
    seconds: float,
    seed: int | None,
    size: int,
    kill_every: float | None,
    kind: str,
    usual_session: bool,
    rate: float,
    **how: str,
) -> None:
    """Run the consumer under fire and count what was lost, out of order or sent twice."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else the processes would outlive it
    seed = randbelow(10**6) if seed is None else seed
    random = Random(seed)  # noqa: S311 - seeded, so that a soak can be run again
    folder = Path(tempfile.mkdtemp(prefix="seg-consumer-soak-"))
    click.echo(f"seed {seed}; logs and data are in {folder}", err=True)
    with (
        _scenery(folder, kind, random, usual_session=usual_session, **how) as scenery,
        closing(Members(os.environ | scenery.env, folder)) as members,
    ):
        for _ in range(size):
            members.start()
        kill_every_s = KILL_EVERY * scenery.session_s if kill_every is None else kill_every
        soak = Soak(scenery, members, random, kill_every_s=kill_every_s, rate=rate)
        soak.run(seconds)
        figures = soak.end()
    click.echo(orjson.dumps({"seed": seed, **figures}, option=orjson.OPT_INDENT_2))
    if any(figures[name] for name in MUST_BE_NONE):
        raise SystemExit(1)
    shutil.rmtree(folder)


@contextmanager
def _scenery(
    folder: Path, kind: str, random: Random, *, usual_session: bool, mode: str, protocol: str
) -> Iterator[Scenery]:
    """Start the brokers and Seg."""
    journal = folder / "journal"
    session_s = USUAL_SESSION_S if usual_session else SESSION_S
    with (
        brokers(kind, folder, TOPIC, random, session_s) as (broker, faults),
        _sandbox(journal) as url,
    ):
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        env = environment(broker, TOPIC, **PROTOCOLS[protocol] | _variables(url, mode))
        if usual_session:
            env |= {"SEG_KAFKA__CONFIG": _with_the_usual_session(env["SEG_KAFKA__CONFIG"])}
        yield Scenery(TOPIC, broker, faults, SegFaults(url), journal, env, session_s)


def _with_the_usual_session(config: str) -> str:
    own = orjson.loads(config)
    return orjson.dumps(
        {it: value for it, value in own.items() if it not in OF_THE_CLASSIC_PROTOCOL}
    ).decode()


@contextmanager
def _sandbox(journal: Path) -> Iterator[str]:
    """Start a Seg, and give its address."""
    own = ["--port", "0", "--website-id", WEBSITE_ID, "--keep", "100", "--arrivals", str(journal)]
    with subprocess.Popen(
        [*YIELDING, sys.executable, "-m", "consumer", "sandbox", *own],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process.stdout.readline().split()[-1] if process.stdout is not None else ""
        finally:
            process.terminate()


def _variables(url: str, mode: str) -> dict[str, str]:
    return {
        "SEG_KAFKA__GROUP_ID": TOPIC,
        "SEG_KAFKA__DRAIN_TIMEOUT_S": "5",
        "SEG_DELIVERY__ENDPOINT": url,
        "SEG_DELIVERY__MODE": mode,
        "SEG_DELIVERY__TIMEOUT_S": "5",
        "SEG_DELIVERY__RETRY_BASE_S": "0.2",
        "SEG_DELIVERY__RETRY_MAX_S": "2",
        "SEG_DELIVERY__PROBE_INTERVAL_S": "1",
        # Calls that fail one time in five must not look as if they failed alone.
        "SEG_DELIVERY__MAX_ATTEMPTS": "50",
        "SEG_HTTP__HOST": "127.0.0.1",
        "SEG_HTTP__PORT": "0",
        "SEG_LOG__FORMAT": "json",
    }


if __name__ == "__main__":
    main()
