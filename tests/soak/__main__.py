"""`make soak`: minutes to hours of traffic, kills, rebalances and outages; then the figures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console

from consumer.demo import WEBSITE_ID
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.letters import Wanted, read_letters
from consumer.settings import Settings, load
from tests.soak.members import Members
from tests.soak.traffic import USERS, Traffic
from tests.soak.trouble import Trouble
from tests.soak.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC = "soak"
PARTITIONS = 24
BACKLOG_MAX = 80_000
"""The embedded broker keeps 5 MiB a partition: no more may wait than that holds."""
BURST = 1_000
DRAIN_S = 300.0


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="How long trouble is made.")
@click.option("--seed", type=int, help="Of everything random; a fresh one without it.")
@click.option("--members", "size", default=3, show_default=True, help="Consumers in the group.")
@click.option("--kill-every", default=20.0, show_default=True, help="Seconds between kills.")
@click.option("--mode", type=click.Choice(["single", "batch"]), default="single")
@click.option(
    "--protocol",
    type=click.Choice(["cooperative-sticky", "range", "consumer"]),
    default="cooperative-sticky",
)
def main(
    *, seconds: float, seed: int | None, size: int, kill_every: float, mode: str, protocol: str
) -> None:
    """Run the consumer under fire and count what was lost, out of order or sent twice."""
    seed = randbelow(10**6) if seed is None else seed
    random = Random(seed)  # noqa: S311 - seeded, so that a soak can be run again
    console = Console(stderr=True)
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker(3) as broker:
        folder = Path(name)
        broker.create_topic(TOPIC, PARTITIONS)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        with _sandbox(folder / "journal") as sandbox, (folder / "log").open("wb") as log:
            url = sandbox.stdout.readline().split()[-1] if sandbox.stdout is not None else ""
            env = _environment(broker.bootstrap, url, mode, protocol)
            settings = load(env=env)
            members = Members(os.environ | env, log)
            for _ in range(size):
                members.start()
            traffic = Traffic(settings.kafka, TOPIC, random)
            verdict = Verdict(folder / "journal", USERS)
            now_s = time.monotonic()
            trouble = Trouble(
                url, broker, members, random=random, kill_every_s=kill_every, now_s=now_s
            )
            _run(seconds, traffic, verdict, trouble, members, console)
            result = _end(settings, traffic, verdict, trouble, members)
            sandbox.terminate()
        if result["lost"] or result["out_of_order"] or result["failures"]:
            kept = Path(tempfile.mkdtemp(prefix="seg-consumer-soak-"))
            (kept / "log").write_bytes((folder / "log").read_bytes())
            console.print(f"the members' log is in {kept}")
    click.echo(orjson.dumps({"seed": seed, **result}, option=orjson.OPT_INDENT_2))
    if result["lost"] or result["out_of_order"] or result["failures"]:
        raise SystemExit(1)


def _run(
    seconds: float,
    traffic: Traffic,
    verdict: Verdict,
    trouble: Trouble,
    members: Members,
    console: Console,
) -> None:
    end_s = time.monotonic() + seconds
    told_s = 0.0
    while (now_s := time.monotonic()) < end_s:
        if traffic.deliverable - verdict.arrived < BACKLOG_MAX:
            traffic.write(BURST)
        else:
            time.sleep(0.05)
        verdict.follow()
        trouble.tick(now_s)
        members.measure()
        if now_s - told_s > 10:
            told_s = now_s
            console.print(
                f"{end_s - now_s:4.0f} s left: {traffic.written:,} written, "
                f"{verdict.arrived:,} arrived, {verdict.out_of_order} out of order, "
                f"{sum(trouble.made.values())} troubles"
            )


def _end(
    settings: Settings,
    traffic: Traffic,
    verdict: Verdict,
    trouble: Trouble,
    members: Members,
) -> dict[str, object]:
    """Heal everything, wait until all has arrived, and count."""
    trouble.heal()
    traffic.close()
    deadline_s = time.monotonic() + DRAIN_S
    while verdict.lost(traffic) and time.monotonic() < deadline_s:
        time.sleep(0.2)
        verdict.follow()
    time.sleep(2.0)
    while len(members):
        members.stop(0)
    verdict.follow()
    letters = read_letters(settings.kafka, f"{TOPIC}.dead-letter", Wanted())
    dead = {(letter.source, letter.source_offset) for letter in letters}
    counters = trouble.summary()
    verdict.close()
    return {
        "written": traffic.written,
        "to_arrive": traffic.deliverable,
        "arrived": verdict.arrived,
        "lost": verdict.lost(traffic) + traffic.poison - len(dead),
        "out_of_order": verdict.out_of_order,
        "doubles": counters["doubles"],
        "doubles_share": round(counters["doubles"] / max(1, verdict.arrived), 6),
        "dead_lettered": len(dead),
        "troubles": dict(trouble.made),
        "peak_mb": round(members.peak_mb),
        "failures": members.failures,
    }


def _sandbox(journal: Path) -> subprocess.Popen[str]:
    command = ["sandbox", "--port", "0", "--keep", "100", "--journal", str(journal)]
    return subprocess.Popen(
        [sys.executable, "-m", "consumer", *command], stdout=subprocess.PIPE, text=True
    )


def _environment(bootstrap: str, url: str, mode: str, protocol: str) -> dict[str, str]:
    config: Mapping[str, str | int | float | bool] = CONFIG
    group = {"SEG_KAFKA__ASSIGNMENT_STRATEGY": protocol}
    if protocol == "consumer":
        classic = ("session.timeout.ms", "heartbeat.interval.ms")
        config = {key: value for key, value in CONFIG.items() if key not in classic}
        group = {"SEG_KAFKA__GROUP_PROTOCOL": protocol}
    return group | {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "SEG_KAFKA__TOPICS": TOPIC,
        "SEG_KAFKA__GROUP_ID": "soak",
        "SEG_KAFKA__CONFIG": orjson.dumps(config).decode(),
        "SEG_KAFKA__DRAIN_TIMEOUT_S": "5",
        "SEG_DELIVERY__ENDPOINT": url,
        "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
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
