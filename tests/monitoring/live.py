"""The real service under a real Prometheus: two members, traffic of all kinds, and some trouble.

Every few seconds something else goes wrong, so that each figure of the dashboard moves once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import KafkaError

from consumer.avro.encoder import Encoder
from consumer.demo import WEBSITE_ID
from consumer.demo.samples import FAULTS, SAMPLE, samples
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.sandbox import Fault, Options, Sandbox
from consumer.settings import load
from tests.avro.registry_stub import RegistryStub, running
from tests.monitoring.prometheus import SCRAPE_S, free_port, page, wait_for
from tests.monitoring.prometheus import running as prometheus_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.monitoring.prometheus import Prometheus

TOPIC = "segment-events"
TURN_S = 0.1
BACKLOG = 600
"""Six seconds' work for one member, as it may send a hundred requests a second here."""
NO_TOPIC = KafkaError.UNKNOWN_TOPIC_OR_PART


class Member:
    """One process of the service; `start` it when it is wanted."""

    def __init__(self, folder: Path, pod: str, settings: dict[str, str]) -> None:
        port = free_port()
        self.pod = pod
        self.address = f"127.0.0.1:{port}"
        self._env = {**os.environ, **settings, "SEG_HTTP__PORT": str(port)}
        self._log = folder / f"{pod}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it; its log is a file, for whoever wonders."""
        command = [sys.executable, "-m", "consumer", "run"]
        with self._log.open("wb") as stderr:
            self._process = subprocess.Popen(command, env=self._env, stderr=stderr)

    def page(self, name: str) -> bytes:
        """Return its page *name*.

        Raises:
            OSError: it does not answer, or says no.
        """
        return page(f"http://{self.address}/{name}")

    def stop(self) -> None:
        """Let it drain, commit and leave, if it runs; kill it if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scraped_service(folder: Path) -> Iterator[tuple[Prometheus, Member]]:
    """Run everything; give Prometheus, and a member that still runs, when the show is over."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        broker.create_topic(TOPIC, 4)
        broker.create_topic(f"{TOPIC}.dead-letter", 1)
        sandbox = stack.enter_context(Sandbox.start(Options(website_id=WEBSITE_ID, faults=FAULTS)))
        registry = stack.enter_context(running(RegistryStub()))
        settings = settings_of(broker.bootstrap, sandbox.url, registry.url)
        first, second = (Member(folder, pod, settings) for pod in ("a", "b"))
        others = stack.enter_context(_kubernetes())
        pods = {member.pod: member.address for member in (first, second)}
        prometheus = stack.enter_context(prometheus_running(folder, pods, others))
        stack.callback(first.stop)
        stack.callback(second.stop)
        # Prometheus takes its time before it scrapes at all.
        wait_for(lambda: prometheus.values('up{job="kubernetes"} == 1'))
        _show(
            broker, sandbox, registry, TopicProducer(load(env=settings).kafka, TOPIC), first, second
        )
        yield prometheus, first


def settings_of(
    bootstrap: str, endpoint: str, registry: str, *, topic: str = TOPIC
) -> dict[str, str]:
    """Return the settings of a member, whose group is named after its topic."""
    return {
        "SEG_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "SEG_KAFKA__TOPICS": topic,
        "SEG_KAFKA__GROUP_ID": topic,
        "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
        "SEG_SCHEMA_REGISTRY__URL": registry,
        "SEG_DELIVERY__ENDPOINT": endpoint,
        "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
        "SEG_DELIVERY__MAX_REQUESTS_PER_SECOND": "100",
        "SEG_DELIVERY__RETRY_BUDGET_S": "2",
        "SEG_DELIVERY__RETRY_BASE_S": "0.05",
        "SEG_DELIVERY__RETRY_MAX_S": "0.5",
        "SEG_DELIVERY__PROBE_INTERVAL_S": "1",
        "SEG_HTTP__HOST": "127.0.0.1",
        "SEG_LOG__FORMAT": "json",
    }


def _show(
    broker: EmbeddedBroker,
    sandbox: Sandbox,
    registry: RegistryStub,
    producer: TopicProducer,
    first: Member,
    second: Member,
) -> None:
    """Work a backlog off, then send a little of everything while one thing after another fails."""
    good = [sample.record for sample in samples(enumerate(SAMPLE.read_bytes().splitlines()))]
    page = Encoder()({"type": "page", "messageId": "m", "anonymousId": "a"})
    unknown_schema = Outgoing(b"k", b"\0\0\0\0\7" + page[10:])
    trouble: dict[int, Callable[[], object]] = {
        10: second.start,
        50: lambda: setattr(registry, "status", 503),
        51: lambda: producer.put(unknown_schema),
        85: lambda: setattr(registry, "status", None),
        95: lambda: broker.call("push_errors", "OffsetCommit", *[NO_TOPIC] * 3),
        105: lambda: sandbox.faults([*FAULTS, Fault(status=401, count=4)]),
        125: lambda: broker.call("set_down"),
        135: lambda: broker.call("set_up"),
        160: second.stop,
    }
    producer.put(Outgoing(b"k", page[:-2]))  # poison, which is kept back while it is alone
    first.start()
    wait_for(lambda: first.page("readyz"))
    threading.Event().wait(3 * SCRAPE_S)
    for number in range(BACKLOG):
        producer.put(good[number % len(good)]._replace(key=b"%d" % number))
    for turn in range(200):
        trouble.get(turn, lambda: None)()
        for number in (2 * turn, 2 * turn + 1):
            producer.put(good[number % len(good)]._replace(key=b"%d" % (turn % 40)))
        threading.Event().wait(TURN_S)
    producer.close()
    threading.Event().wait(3 * SCRAPE_S)


@contextmanager
def _kubernetes() -> Iterator[str]:
    """Show the figures of Kubernetes and KEDA that no cluster is here to show."""
    text = Path(__file__).with_name("kubernetes.prom").read_text(encoding="utf-8")

    class Handler(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            Handler.asked += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.replace("COUNT", str(Handler.asked)).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
