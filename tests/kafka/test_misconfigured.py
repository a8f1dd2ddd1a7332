"""A setting at fault harms nobody, over any number of restarts: the real program, both brokers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.avro.encoder import Encoder
from consumer.avro.framing import SINGLE_OBJECT_BYTES, confluent
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.read import read_topic
from consumer.sandbox import Sandbox
from tests.avro.registry_stub import RegistryStub, running
from tests.avro.samples import CANONICAL_TEXT
from tests.kafka.member import settings_for
from tests.kafka.program import Program, eventually, total
from tests.kafka.scene import Scene, options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.core.model import Object
    from tests.kafka.brokers import Broker

pytest_plugins = ["tests.kafka_real.fixtures"]

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120, func_only=True)]

EVENTS = 300
"""Three times what begins a storm."""
_encode = Encoder()


@pytest.fixture
def scene(broker: Broker, topic: str, tmp_path: Path) -> Iterator[Scene]:
    """Give a topic and a Seg that takes everything."""
    with Sandbox.start(options(tmp_path, faults=())) as sandbox:
        scene = Scene(broker, topic, tmp_path, sandbox)
        yield scene
        scene.close()


def call(number: int) -> Object:
    """Return one event."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": f"u-{number % 30}",
        "messageId": f"m-{number}",
        "properties": {"id": "507f"},
    }


def write(scene: Scene, values: list[bytes]) -> None:
    """Write *values* to the topic of *scene*."""
    producer = TopicProducer(settings_for(scene.broker, scene.topic).kafka, scene.topic)
    for number, value in enumerate(values):
        producer.put(Outgoing(b"u-%d" % (number % 30), value))
    producer.close()


def letters(scene: Scene) -> int:
    """Return how many dead letters there are."""
    kafka = settings_for(scene.broker, scene.topic).kafka
    return len(list(read_topic(kafka, f"{scene.topic}.dead-letter")))


def run_in_vain(scene: Scene, **variables: str) -> dict[str, object]:
    """Run the program until it says that it waits; return what `/readyz` says, and stop it."""
    program: Program = scene.start(**variables)
    eventually(lambda: bool(program.lines("waiting")) and not program.ready()[0])
    _, facts = program.ready()
    reason = facts["waits_for"]
    assert program.scrape()[f'seg_consumer_breaker_open{{reason="{reason}"}}'] == 1
    assert program.stop() == 0
    return facts


def test_events_wait_for_a_registry_that_was_not_set(scene: Scene) -> None:
    """Three starts leave no letter and commit nothing; with the registry all are delivered."""
    with running(RegistryStub()) as registry:
        framing = confluent(registry.add(CANONICAL_TEXT))
        write(scene, [framing + _encode(call(it))[SINGLE_OBJECT_BYTES:] for it in range(EVENTS)])

        said = [run_in_vain(scene) for _ in range(3)]
        left = letters(scene)
        program = scene.start(SEG_SCHEMA_REGISTRY__URL=registry.url)
        eventually(lambda: scene.accepted == EVENTS)
        eventually(lambda: total(program.scrape(), "records_in_flight") == 0)
        ready, _ = program.ready()

    assert {it["waits_for"] for it in said} == {"misconfigured"}
    assert all("set SEG_SCHEMA_REGISTRY__URL" in str(it["detail"]) for it in said)
    assert left == 0
    assert ready
    assert letters(scene) == 0


def test_json_is_no_dead_letter(scene: Scene) -> None:
    """Where Avro is expected; one letter each start would be one too many."""
    write(scene, [orjson.dumps(call(it)) for it in range(EVENTS)])

    said = [run_in_vain(scene) for _ in range(2)]

    assert {it["waits_for"] for it in said} == {"misconfigured"}
    assert all("what looks like JSON text" in str(it["detail"]) for it in said)
    assert letters(scene) == 0


def test_a_storm_leaves_no_letter_in_any_run(scene: Scene) -> None:
    """Datums cut short, nine of ten: neither the first start nor the third puts any aside."""
    good = [_encode(call(it)) for it in range(2 * EVENTS)]
    write(scene, [value if n % 10 == 9 else value[:-3] for n, value in enumerate(good * 3)])

    said = [run_in_vain(scene, SEG_ORDERING__MAX_WAITING="5000") for _ in range(3)]

    assert {it["waits_for"] for it in said} == {"dead_letter_storm"}
    assert letters(scene) == 0


def test_a_stray_record_in_a_good_topic_is_one_letter(scene: Scene) -> None:
    """With its place in the log; the events around it are delivered."""
    values = [_encode(call(it)) for it in range(20)]
    write(scene, [*values[:10], b'{"type":"track"}', *values[10:]])

    program = scene.start()
    eventually(lambda: total(program.scrape(), "records_dead_lettered_total") == 1)
    eventually(lambda: scene.accepted == len(values))

    [line] = program.lines("record_dead_lettered")
    assert line["topic"] == scene.topic
    assert isinstance(line["partition"], int)
    assert isinstance(line["offset"], int)
    assert letters(scene) == 1
