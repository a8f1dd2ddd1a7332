"""Confluent's parallel-consumer: becomes the Java program beside this file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.kafka_real.artifacts import CACHE, class_path, program

FOLDER = Path(__file__).parent


def jars() -> str:
    """Return its Java class path; the first call fetches the jars.

    Raises:
        KafkaUnavailableError: java or Maven is missing, or Maven could not fetch a jar.
    """
    return class_path(CACHE, FOLDER / "parallel.xml")


if __name__ == "__main__":
    java = program("java")
    os.execv(java, [java, "-cp", jars(), str(FOLDER / "ParallelPeer.java"), sys.argv[1]])  # noqa: S606
