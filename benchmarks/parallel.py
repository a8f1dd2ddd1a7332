"""Ours against the nearest there is outside Python: Confluent's parallel-consumer with Vert.x.

It is given a topic of finished bodies, with the keys and the partitions of the events that ours
reads: it neither decodes nor translates. Figures are of the second half of the events, when its
code is compiled and both have found how much may be under way at once. Each is alone on one core,
for it would use all there are; what else runs has the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.contenders import BATCH, OURS, Contender
from benchmarks.cores import only, split
from benchmarks.figures import CPU, RATE, WARM
from benchmarks.load import SCHEMA_IDS, Load, records
from benchmarks.peers.parallel import jars
from benchmarks.sink import SinkProcess
from benchmarks.stage import ContenderError, Topic, kafka_settings
from consumer.avro.decoder import Decoder
from consumer.avro.schemas import folder
from consumer.core.model import Ignored
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.translate import Translator
from tests.avro.samples import Registered
from tests.kafka_real.artifacts import KafkaUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.figures import Figures
    from benchmarks.stage import Stage
    from benchmarks.versus import Rounds, Run

PEER: Final = Contender("benchmarks.peers.parallel")
LATENCIES_MS: Final = (0, 20, 100)
CHECKED: Final = Load(2_000, unmapped=0.0)
"""Whose bodies are compared."""


def parallel(run: Run, events: int, rounds: int) -> Rounds:
    """Let both handle a backlog, in both modes, where Seg takes no time and where it does.

    Raises:
        ContenderError: it cannot be had here, or what it sends is not what ours sends.
    """
    try:
        jars()
    except KafkaUnavailableError as error:
        raise ContenderError(str(error)) from None
    own, others = split()
    with only(others, run.stage.broker.pids):
        return _measured(run, events, rounds, own)


def _measured(run: Run, events: int, rounds: int, own: set[int]) -> Rounds:
    stage, load = run.stage, Load(events, unmapped=0.0)
    with stage.topic(CHECKED) as ours, stage.topic(None) as theirs:
        _fill(theirs, CHECKED)
        _check(stage, ours, theirs)
    with stage.topic(load) as ours, stage.topic(None) as theirs:
        _fill(theirs, load)
        field: dict[str, Callable[[], Figures]] = {}
        for latency_ms in LATENCIES_MS:
            for batch, mode in ((1, "single"), (BATCH, f"batches of {BATCH}")):
                for name, contender, topic in (
                    ("ours", OURS, ours),
                    ("parallel-consumer", PEER, theirs),
                ):
                    field[f"{name}, {mode}, {latency_ms} ms"] = _job(
                        stage, topic, contender._replace(batch=batch), events, latency_ms, own
                    )
        return run.in_turn(rounds, field)


def _job(
    stage: Stage, topic: Topic, contender: Contender, events: int, latency_ms: int, own: set[int]
) -> Callable[[], Figures]:
    def run() -> Figures:
        with SinkProcess(latency_ms=latency_ms) as sink, only(own):
            figures = stage.run_on(topic, contender, events, sink)
        return figures | {it: figures.get(WARM + it, figures[it]) for it in (RATE, CPU)}

    return run


def _check(stage: Stage, ours: Topic, theirs: Topic) -> None:
    """Let both send the same events in both modes: the four have sent the same calls."""
    digests = set()
    for contender, topic in ((OURS, ours), (PEER, theirs)):
        for batch in (1, BATCH):
            with SinkProcess(digest=True) as sink:
                stage.run_on(topic, contender._replace(batch=batch), CHECKED.events, sink)
                digests.add(sink.counts()["digest"])
    if len(digests) != 1:
        raise ContenderError("parallel-consumer has not sent what ours has sent")


def _fill(topic: Topic, load: Load) -> None:
    producer = TopicProducer(kafka_settings(topic), topic.name)
    for record in _bodies(load):
        producer.put(record)
    producer.close()


def _bodies(load: Load) -> Iterator[Outgoing]:
    texts = {number: ((folder() / name).read_text(),) for name, number in SCHEMA_IDS.items()}
    decode = Decoder(registry=Registered(texts), writer_schema=None, schemas=folder())
    translate = Translator()
    for record in records(load):
        call = translate(decode(record.value or b""), None)
        if isinstance(call, Ignored):
            raise TypeError("an event that goes nowhere")
        yield Outgoing(record.key, call.body)
