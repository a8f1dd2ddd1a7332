"""A real schema registry with Confluent's API: Apicurio Registry, in memory, on loopback.

The newest that runs on Java 17 (3.1 and later need 21) and that Maven has whole. Maven fetches it
once, 110 MB, into `.cache/apicurio`; what it fetched must have the SHA-256 that stands here.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import urllib3

from consumer.core.timing import SystemClock
from tests.kafka_real.artifacts import KafkaUnavailableError, program
from tests.kafka_real.broker import free_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.authority import Identity

VERSION: Final = "3.0.9"
SHA256: Final = "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43"
CACHE: Final = Path(__file__).parents[2] / ".cache" / "apicurio"
API: Final = "/apis/ccompat/v7"

_ARTIFACT: Final = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
# Later versions of `get` ask for a parent that the artifact names and Maven does not have.
_GOAL: Final = "org.apache.maven.plugins:maven-dependency-plugin:2.8:get"
_FETCH_LIMIT_S: Final = 600.0
_READY_LIMIT_S: Final = 60.0
_JAVA_OPTIONS: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Apicurio(NamedTuple):
    """A registry that runs: its API in plain text and by TLS."""

    url: str
    tls_url: str


@contextmanager
def running(identity: Identity, folder: Path) -> Iterator[Apicurio]:
    """Run one that shows *identity*; its log lies in *folder*.

    Raises:
        KafkaUnavailableError: this machine has no Java or Maven, or cannot fetch it.
        RuntimeError: it was not ready in time.
    """
    home = _home()
    place = free_addresses(1)[0]
    options = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": place.client,
        "quarkus.http.ssl-port": place.internal,
        "quarkus.http.ssl.certificate.files": identity.certificate,
        "quarkus.http.ssl.certificate.key-files": identity.key,
        "quarkus.log.level": "WARN",
    }
    properties = [f"-D{name}={value}" for name, value in options.items()]
    jar = home / f"apicurio-registry-app-{VERSION}-runner.jar"
    # The kernel kills it when the thread that started it ends, in any way.
    command = [program("setpriv"), "--pdeathsig", "KILL", "--", program("java"), *_JAVA_OPTIONS]
    log = folder / "apicurio.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *properties, "-jar", str(jar)], stdout=out, stderr=out, cwd=folder
        )
    it = Apicurio(
        f"http://127.0.0.1:{place.client}{API}", f"https://127.0.0.1:{place.internal}{API}"
    )
    try:
        _wait_ready(it, process, log)
        yield it
    finally:
        process.kill()
        process.wait()


def _wait_ready(it: Apicurio, process: subprocess.Popen[bytes], log: Path) -> None:
    clock = SystemClock()
    deadline_s = clock.monotonic_s() + _READY_LIMIT_S
    while not _answers(it.url):
        if process.poll() is not None or clock.monotonic_s() > deadline_s:
            raise RuntimeError(f"the registry was not ready: {log.read_text()[-2000:]}")
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", f"{url}/subjects", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _home() -> Path:
    """Return the folder of the program; the first call fetches it, all at once."""
    home = CACHE / VERSION
    if not home.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            unpacked = Path(scratch) / "home"
            _fetch(Path(scratch) / "app.tar.gz", unpacked)
            try:
                unpacked.rename(home)
            except OSError:
                if not home.is_dir():  # else another process was faster
                    raise
    return home


def _fetch(archive: Path, unpacked: Path) -> None:
    command = [program("mvn"), "--batch-mode", "--quiet", "--strict-checksums", _GOAL]
    options = ["-Dtransitive=false", f"-Dartifact={_ARTIFACT}", f"-Ddest={archive}"]
    try:
        subprocess.run(
            [*command, *options],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_FETCH_LIMIT_S,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise KafkaUnavailableError(
            f"Maven could not fetch the schema registry: {type(error).__name__}"
        ) from None
    with archive.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != SHA256:
        raise RuntimeError(f"the schema registry that Maven fetched has the SHA-256 {digest}")
    with tarfile.open(archive) as content:
        # CPython 3.11.2 has no filters yet.
        content.extraction_filter = getattr(tarfile, "data_filter", None)
        content.extractall(unpacked)  # noqa: S202 - it is known by its hash
