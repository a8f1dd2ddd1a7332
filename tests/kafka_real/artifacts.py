"""The programs and jars that a real Apache Kafka needs.

Maven fetches the jars once, as the `pom.xml` beside this file pins them, into `.cache/kafka`; a
changed pom gets a folder of its own. Java and Maven are taken from the PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[2] / ".cache" / "kafka"
POM: Final = Path(__file__).with_name("pom.xml")

_MAVEN_LIMIT_S: Final = 600.0
"""45 MB over a slow line; Maven goes on where it was cut off."""


class KafkaUnavailableError(Exception):
    """No real Kafka can be had on this machine; the text is one line that says why."""


def program(name: str) -> str:
    """Return the path of the program *name*.

    Raises:
        KafkaUnavailableError: it is not on the PATH.
    """
    if path := shutil.which(name):
        return path
    raise KafkaUnavailableError(
        f"a real Kafka needs the program {name!r} on the PATH, or KAFKA_BOOTSTRAP_SERVERS set"
    )


def expected_here() -> bool:
    """Whether this is CI on a machine with Java and Maven, where Kafka has no excuse."""
    programs = [shutil.which("java"), shutil.which("mvn")]
    return os.environ.get("CI") == "true" and None not in programs


def class_path(cache: Path = CACHE, pom: Path = POM) -> str:
    """Return the Java class path of *pom*, the broker's; the first call in *cache* fetches it.

    Raises:
        KafkaUnavailableError: Maven is missing, or could not fetch a jar or confirm its checksum.
    """
    jars = cache / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not jars.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(jars, pom)
    return f"{jars}/*"


def _fetch(jars: Path, pom: Path) -> None:
    """Fill *jars* all at once, so that a fetch that was cut off leaves no half of it."""
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch:
        _run_maven(Path(scratch) / "jars", pom)
        try:
            (Path(scratch) / "jars").rename(jars)
        except OSError:
            if not jars.is_dir():  # else another process was faster, with the same jars
                raise


def _run_maven(folder: Path, pom: Path) -> None:
    command = [program("mvn"), "--batch-mode", "--quiet", "--strict-checksums", "--file", str(pom)]
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(
            [*command, *goal],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_MAVEN_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise KafkaUnavailableError(f"Maven took over {_MAVEN_LIMIT_S:.0f} s; try again") from None
    except subprocess.CalledProcessError as error:
        first = next((line for line in error.stdout.splitlines() if "ERROR" in line), "no reason")
        raise KafkaUnavailableError(f"Maven could not fetch the jars: {first}") from None
