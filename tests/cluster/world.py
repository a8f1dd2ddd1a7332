"""What a release meets: Kafka, Seg behind TLS, names of services, and events that keep coming."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import time
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import TYPE_CHECKING
from zlib import crc32

from confluent_kafka.admin import AdminClient

from consumer.demo import WEBSITE_ID
from consumer.sandbox import Options
from consumer.sandbox.journal import read_journal
from consumer.sandbox.thread import Sandbox
from consumer.settings import load
from tests.chart import tools
from tests.cluster.prepare import BIN
from tests.kafka_real.cluster import RealKafka
from tests.security.authority import Authority
from tests.soak.traffic import USERS, Traffic
from tests.soak.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMESPACE = "seg-consumer-test"
LIMIT_S = 180.0
EVENTS_PER_S = 40
PARTITIONS = 4


class World:
    """A cluster by its *kubeconfig*, and on this machine all that its pods need."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self.kubeconfig = kubeconfig
        self._helm = tools.helm(os.environ.get("HELM_VERSION", tools.HELM_VERSIONS[0]))
        self._kubectl = BIN / "kubectl" if (BIN / "kubectl").exists() else Path("kubectl")
        self.is_helm_4 = self._helm.parent.name.startswith("helm-4")
        self.forced = ("--force-conflicts",) if self.is_helm_4 else ()
        """How an upgrade overrules who else has set the count."""
        self.address = address = self._address()
        self._end, self._open = Event(), ExitStack()
        authority = Authority(home / "seg")
        self.authority = authority.certificate
        seg = authority.issue("seg", hosts=f"subjectAltName=IP:{address}\n").together()
        kafka = RealKafka(folder=home)
        port = kafka._addresses[0].client
        plain = f"INTERNAL://127.0.0.1:{kafka._addresses[0].internal}"
        control = f"CONTROLLER://127.0.0.1:{kafka._addresses[0].controller}"
        kafka.bootstrap = f"{address}:{port}"
        kafka._properties = {
            "listeners": f"CLIENT://0.0.0.0:{port},{plain},{control}",
            "advertised.listeners": f"CLIENT://{address}:{port},{plain}",
        }
        self.kafka = self._open.enter_context(kafka)
        kafka.create_topic("events", PARTITIONS)
        self.journal = home / "journal"
        sandbox = Sandbox.start(Options(website_id=WEBSITE_ID, journal=self.journal))
        self._open.callback(sandbox.stop)
        plain_port = sandbox.url.split(":")[-1].strip("/")
        listen = f"OPENSSL-LISTEN:8443,bind={address},reuseaddr,fork,verify=0,cert={seg}"
        tls = subprocess.Popen(["socat", listen, f"TCP:127.0.0.1:{plain_port}"])
        self._open.callback(tls.wait)
        self._open.callback(tls.terminate)
        env = {"SEG_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap, "SEG_KAFKA__TOPICS": "events"}
        settings = load(env=env | {"SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID}).kafka
        self.traffic = Traffic(settings, "events", Random(1))  # noqa: S311 - chance, no secret
        self._writer = Thread(target=self._write)
        self._writer.start()

    def _address(self) -> str:
        """Return this machine's address as pods see it: that from which it reaches their node."""
        internal = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
        node = self.do("kubectl", "get", "nodes", "-o", internal).split()[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
            route.connect((node, 9))  # sends nothing
            return str(route.getsockname()[0])

    def close(self) -> None:
        """End what was started here."""
        self._end.set()
        self._writer.join()
        self._open.close()

    def _write(self) -> None:
        while not self._end.wait(4 / EVENTS_PER_S):
            self.traffic.write(4)

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run `helm …` or `kubectl …` in the namespace, whatever comes of it."""
        program = {"helm": self._helm, "kubectl": self._kubectl}[words[0]]
        command = [str(program), f"--kubeconfig={self.kubeconfig}", f"--namespace={NAMESPACE}"]
        command += words[1:]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def do(self, *words: str, text: str = "") -> str:
        """Run it and return what it prints.

        Raises:
            AssertionError: it failed; the text is its own.
        """
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        assert "would violate PodSecurity" not in done.stderr
        return done.stdout

    @contextmanager
    def silence(self, what: str, at_most_s: float) -> Iterator[None]:
        """Measure the longest time in which Seg got nothing of one partition, until all go on."""
        start_s = time.monotonic()
        yield
        end_s = time.monotonic()
        until(lambda: all(times[-1] > end_s for times in self._arrivals(start_s)))
        gaps = [b - a for times in self._arrivals(start_s) for a, b in pairwise(times)]
        print(f"{what}: {end_s - start_s:.0f} s, the longest silence {max(gaps):.1f} s")  # noqa: T201
        assert max(gaps) < at_most_s

    def _arrivals(self, since_s: float) -> list[list[float]]:
        """Return the times of each partition's calls; librdkafka divides keys by their CRC."""
        times = [[since_s] for _ in range(PARTITIONS)]
        for line in read_journal(self.journal):
            if line.arrived_s > since_s:
                times[crc32(str(line.user).encode()) % PARTITIONS].append(line.arrived_s)
        return times

    def verdict(self) -> Verdict:
        """Stop writing, wait for all of it, and return what arrived."""
        self._end.set()
        self._writer.join()
        self.traffic.close()
        verdict = Verdict(self.journal, USERS)

        def all_there() -> bool:
            verdict.follow()
            return verdict.arrived == self.traffic.deliverable

        until(all_there)
        verdict.close()
        return verdict

    def members(self) -> int:
        """Return how many members the group has."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        group = admin.describe_consumer_groups(["seg-consumer"])["seg-consumer"].result(LIMIT_S)
        return len(group.members)

    def answer_names(self) -> None:
        """Serve DNS: the addresses of ready pods behind a headless service, and no other name."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((self.address, 53))
        Thread(target=self._serve_names, args=(server,), daemon=True).start()

    def _serve_names(self, server: socket.socket) -> None:
        while True:
            query, client = server.recvfrom(512)
            name = re.sub(rb"[\x00-\x1f]", b".", query[13:]).split(b".\x00")[0].decode("latin-1")
            end = query.index(b"\0", 12) + 5
            found = re.match(rf"([\w-]+)\.{NAMESPACE}\.svc\.cluster\.local", name)
            ready = "{.items[*].endpoints[?(@.conditions.ready==true)].addresses[*]}"
            pods = ""
            if found and query[end - 3] == 1:  # A, not AAAA
                label = f"kubernetes.io/service-name={found[1]}"
                words = ("get", "endpointslices", "-l", label, "-o", f"jsonpath={ready}")
                pods = self.run("kubectl", *words).stdout
            records = [socket.inet_aton(pod) for pod in pods.split()]
            head = query[:2] + struct.pack(
                "!5H", 0x8180 if records else 0x8183, 1, len(records), 0, 0
            )
            body = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + record for record in records)
            server.sendto(head + query[12:end] + body, client)


def until(done: Callable[[], bool]) -> None:
    """Wait for *done*, else fail."""
    deadline_s = time.monotonic() + LIMIT_S
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
