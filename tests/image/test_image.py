"""The image for real: built by buildah, run by runc with a read-only root and no rights at all.

`make image-test` runs it; it takes some minutes, and a minute once the base is made.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from statistics import median
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from consumer.cli import COMMANDS
from consumer.core.timing import SystemClock
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from tests.image import engine
from tests.image.engine import TAG, Image

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20
COMPILERS = re.compile(r"(.*-)?(cc|gcc|cpp|as|ld|mypyc)(-\d+)?")
LIMIT_S = 60.0
BY_TERM = 143
WEBSITE_ID = "abc8fb18-7559-4324-9921-a4b5015b4a1c"
PACKAGED = "/opt/seg-consumer/lib/python3.11/site-packages/consumer/schemas/segment_event.avsc"
SETTINGS = {
    "SEG_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "SEG_KAFKA__TOPICS": "events",
    "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
    "SEG_DELIVERY__ENDPOINT": "http://127.0.0.1:1",
}

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("SEG_TEST_IMAGE") != "1", reason="`make image-test` builds the image"
    ),
    pytest.mark.timeout(1200),
]


@pytest.fixture(name="image", scope="module")
def _image() -> Iterator[Image]:
    """Build the image and lay it out."""
    if (reason := engine.missing()) is not None:
        pytest.skip(reason)
    engine.build(TAG, "--no-cache")
    with engine.laid_out() as image:
        yield image


def shell(image: Image, script: str) -> str:
    """Return what *script* prints where the program would run."""
    bare = image._replace(config=image.config | {"Entrypoint": ["sh", "-c"]})
    return bare.run(script)[1]


def until(done: Callable[[], bool]) -> None:
    """Wait for *done*, else fail."""
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + LIMIT_S
    while not done():
        assert clock.monotonic_s() < deadline_s
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int, path: str) -> bool:
    """Tell whether *path* is answered with 200."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except URLError:
        return False


def test_it_runs_as_nobody_with_no_rights(image: Image) -> None:
    """User 65532 by number, no capability, a root that cannot be written, and /tmp that can."""
    script = "id -u; grep CapEff /proc/self/status; touch /opt/x 2>&1; touch /tmp/x && echo ok"
    text = shell(image, script)

    assert "65532\n" in text
    assert "CapEff:\t0000000000000000\n" in text
    assert "/opt/x': Read-only file system" in text
    assert text.endswith("ok\n")


ENDS = {
    "run": (2, "SEG_KAFKA__BOOTSTRAP_SERVERS"),
    "demo": (0, "delivered"),
    "translate": (0, ""),
    "config": (0, "SEG_KAFKA__TOPICS"),
    "doctor": (1, "127.0.0.1:1"),
    "produce": (1, "127.0.0.1:1"),
    f"schemas check {PACKAGED}": (0, ""),
    "dead-letters list": (1, "127.0.0.1:1"),
    "sandbox --help": (0, "Stand in for Seg"),
    "top --once 127.0.0.1:1": (1, "127.0.0.1:1"),
    "alive": (1, "nobody answers"),
    "completion bash": (1, "cannot be written"),
}
"""How each command ends where there is neither a broker nor Seg, and what it says."""


@pytest.mark.parametrize("words", ENDS)
def test_every_command_works(image: Image, words: str) -> None:
    """No command needs what the image left out, and none writes outside /tmp."""
    env = {} if words == "run" else SETTINGS
    code, text = image.run(*words.split(), env=env)

    assert (code, ENDS[words][1] in text, "Traceback" in text) == (ENDS[words][0], True, False), (
        text
    )


def test_no_command_is_left_out() -> None:
    """The table above names each."""
    assert {words.split()[0] for words in ENDS} == set(COMMANDS)


def test_health_check_is_that_of_the_program(image: Image, tmp_path: Path) -> None:
    """It finds the port in the file that SEG_CONFIG_FILE names; the program says it is alive."""
    port = free_port()
    tmp_path.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the start waits for its answer
        settings = {
            "kafka": {"bootstrap_servers": f"127.0.0.1:{silent.getsockname()[1]}", "topics": "a"},
            "delivery": {"website_id": WEBSITE_ID},
            "http": {"port": port},
        }
        (tmp_path / "settings.json.yaml").write_text(json.dumps(settings))
        env = {"SEG_CONFIG_FILE": "/files/settings.json.yaml"}
        process = image.start(name="health", env=env, files=tmp_path)
        until(lambda: answers(port, "/livez"))
        check = image.config["Healthcheck"]["Test"]
        alive = image.execute("health", *check[1:])
        engine.send("health", "TERM")
        code = ended(process)

    assert check[0] == "CMD"
    assert (alive[0], code) == (0, BY_TERM), alive


def ended(process: subprocess.Popen[str]) -> int:
    """Return the exit code of *process* once it has ended."""
    process.communicate(timeout=LIMIT_S)
    return process.returncode


def test_process_1_that_starts_obeys_term(image: Image) -> None:
    """A container that is stopped 0.3 s after its start does not wait for the kill."""
    process = image.start(name="early", env=SETTINGS)
    until(lambda: engine.running("early"))
    time.sleep(0.3)
    clock = SystemClock()
    told_s = clock.monotonic_s()
    engine.send("early", "TERM")

    assert ended(process) == BY_TERM
    assert clock.monotonic_s() - told_s < 5.0


@pytest.mark.broker
def test_process_1_that_consumes_drains_and_leaves(image: Image) -> None:
    """TERM ends a member of the group with exit code 0, after "stopping" and "stopped"."""
    port = free_port()
    with EmbeddedBroker() as broker:
        broker.create_topic("events", 1)
        env = SETTINGS | {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__CONFIG": json.dumps(CONFIG),
            "SEG_HTTP__PORT": str(port),
        }
        clock = SystemClock()
        start_s = clock.monotonic_s()
        process = image.start(name="member", env=env)
        until(lambda: answers(port, "/livez"))
        alive_s = clock.monotonic_s() - start_s
        until(lambda: answers(port, "/readyz"))
        ready_s = clock.monotonic_s() - start_s
        engine.send("member", "TERM")
        text, _ = process.communicate(timeout=LIMIT_S)

    print(f"\nalive after {alive_s:.1f} s, ready after {ready_s:.1f} s")  # noqa: T201 - for the docs
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert events[-3:] == ["stopping", "partitions_revoked", "stopped"]
    assert alive_s < 15.0


def test_it_is_small_and_has_layers_that_stay(image: Image) -> None:
    """Packages in one layer, the program in a small one; neither pip nor other programs."""
    sizes = engine.layer_sizes()

    print(f"\nlayers: {', '.join(f'{size / MIB:.1f} MiB' for size in sizes)}")  # noqa: T201
    assert len(sizes) == 4
    assert sizes[1] < MIB
    assert sizes[2] < 75 * MIB
    assert sizes[3] < 7 * MIB
    text = shell(image, "ls /opt/seg-consumer/bin; python -c 'import pip' || ls /usr/local/bin")
    assert "No module named 'pip'" in text
    assert set(re.findall(r"^(?!python)[\w.-]+$", text, re.MULTILINE)) == {"seg-consumer"}


def test_the_hot_modules_are_compiled(image: Image) -> None:
    """They load in the image, and `--version` says so."""
    assert image.run("--version")[1].endswith("(compiled)\n")


def test_no_compiler_is_left(image: Image) -> None:
    """What compiles stays in its stage: neither gcc nor its parts nor C's headers."""
    programs = {path.name for path in image.root.rglob("bin/*")}

    assert "python3" in programs
    assert {name for name in programs if COMPILERS.fullmatch(name)} == set()
    assert [*image.root.rglob("cc1"), *image.root.rglob("stdio.h")] == []


def test_pure_python_is_one_argument_away(image: Image) -> None:
    """`BUILD=pure` leaves the compiler's work out; the compiled build starts as soon as that."""
    engine.build(f"{TAG}-pure", "--build-arg", "BUILD=pure")
    took_s: dict[str, list[float]] = {"compiled": [], "pure": []}
    with engine.laid_out(f"{TAG}-pure") as pure:
        said = pure.run("--version")[1]
        for number in range(5):
            took_s["compiled"].append(seconds_to_alive(image, f"compiled-{number}"))
            took_s["pure"].append(seconds_to_alive(pure, f"pure-{number}"))

    medians_s = {name: median(each) for name, each in took_s.items()}
    print("\nalive after", *(f"{each:.2f} s {name}" for name, each in medians_s.items()))  # noqa: T201
    assert said.endswith("(pure)\n")
    assert medians_s["compiled"] < 2 * medians_s["pure"]


def seconds_to_alive(image: Image, name: str) -> float:
    """Return how long a container takes from its start to its first answer on `/livez`."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the start waits for its answer
        bootstrap = f"127.0.0.1:{silent.getsockname()[1]}"
        env = {"SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap, "SEG_HTTP__PORT": str(port)}
        clock = SystemClock()
        start_s = clock.monotonic_s()
        process = image.start(name=name, env=SETTINGS | env)
        until(lambda: answers(port, "/livez"))
        took_s = clock.monotonic_s() - start_s
        engine.send(name, "TERM")
        ended(process)
    return took_s


def test_two_builds_of_one_tree_are_the_same(image: Image) -> None:
    """Nothing of the clock, the machine or the order of a set gets into a layer."""
    first = image.config, engine.inspect(TAG)["rootfs"]
    engine.build(f"{TAG}-again", "--no-cache")

    assert engine.inspect(f"{TAG}-again")["rootfs"] == first[1]
