"""The doctor: what it says of a healthy place, and of each thing that can be wrong in one."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeAlias

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from consumer.avro.encoder import Encoder
from consumer.avro.framing import SINGLE_OBJECT_BYTES, confluent
from consumer.cli import cli
from consumer.core.timing import SystemClock
from consumer.doctor import Check, Name, State, diagnose
from consumer.kafka.embedded import CONFIG, EmbeddedBroker
from consumer.kafka.produce import Outgoing, TopicProducer
from consumer.kafka.rights import Group, strategy_problem
from consumer.sandbox import Options, Sandbox
from consumer.settings import load
from tests.avro.registry_stub import RegistryStub, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from consumer.core.model import Object

WEBSITE_ID = "0d9b1c54-3b39-4d25-9c5e-5d2f6ad3e0f7"
CALL = '{"type": "record", "name": "Call", "fields": [{"name": "type", "type": "string"}]}'

LOSSY = """{"type": "record", "name": "Lossy", "fields": [
    {"name": "type", "type": "string"}, {"name": "event", "type": "string"},
    {"name": "userId", "type": "string"}, {"name": "messageId", "type": "boolean"},
    {"name": "shop", "type": "string"}]}"""
Written: TypeAlias = "Callable[..., dict[Name, Check]]"
_encode = Encoder()

pytestmark = pytest.mark.broker


@pytest.fixture(name="env", scope="module")
def _env() -> Iterator[dict[str, str]]:
    """Give the settings of a place where all is well; `broken` changes some."""
    options = Options(website_id=WEBSITE_ID)
    with EmbeddedBroker() as broker, Sandbox.start(options) as sandbox:
        broker.create_topic("events", 3)
        broker.create_topic("events.dead-letter", 1)
        yield {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "events",
            "SEG_KAFKA__CONFIG": orjson.dumps(CONFIG).decode(),
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
        }
        assert sandbox.summary()["accepted"] == 0


@pytest.fixture(name="lossy", scope="module")
def _lossy() -> Iterator[dict[str, str]]:
    """Give a place where retention took two of the records that were not read."""
    with EmbeddedBroker() as broker, Sandbox.start(Options(website_id=WEBSITE_ID)) as sandbox:
        broker.create_topic("events", 1)
        broker.create_topic("events.dead-letter", 1)
        env = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "events",
            "SEG_DELIVERY__ENDPOINT": sandbox.url,
            "SEG_DELIVERY__WEBSITE_ID": WEBSITE_ID,
        }
        producer = TopicProducer(load(env=env).kafka, "events")
        for _ in range(5):
            producer.put(Outgoing(None, b"value"))
            producer.close()  # a batch of its own: the embedded broker deletes whole ones
        for group, offset in {"behind": 1, "beyond": 9, "fine": 4}.items():
            commit(broker.bootstrap, group, offset)
        broker.call("delete_records", "events", 0, 3)
        yield env


@pytest.fixture(name="written")
def _written(env: dict[str, str]) -> Iterator[Written]:
    """Give a function that writes values, and letters, and returns what the doctor then says."""
    with EmbeddedBroker() as broker:
        broker.create_topic("sampled", 1)
        broker.create_topic("sampled.dead-letter", 1)
        place = {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
            "SEG_KAFKA__TOPICS": "sampled",
        }

        def write(
            values: Sequence[bytes], letters: Sequence[bytes] = (), **variables: str
        ) -> dict[Name, Check]:
            kafka = load(env=env | place).kafka
            for topic, these in {"sampled": values, "sampled.dead-letter": letters}.items():
                producer = TopicProducer(kafka, topic)
                for value in these:
                    producer.put(Outgoing(b"key", value))
                producer.close()
            return checks(env | place, **variables)

        yield write


def event(name: str) -> Object:
    """Return a track event."""
    return {"type": "track", "event": name, "userId": "u-1", "properties": {"id": "507f"}}


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


def checks(env: dict[str, str], **variables: str) -> dict[Name, Check]:
    """Return what the doctor says of *env* with *variables* in place of some."""
    found = diagnose(load(env=env | variables), SystemClock())
    return {check.name: check for check in found}


@contextmanager
def answering(status: int, date: str = "") -> Iterator[str]:
    """Serve *status* to everything; give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(status)
            if date:
                self.send_header("Date", date)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class TestHealthy:
    """A place where the program could run."""

    def test_every_check_has_its_place_and_none_fails(self, env: dict[str, str]) -> None:
        """All checks are there, in their order; what the settings leave out is skipped."""
        found = diagnose(load(env=env), SystemClock())

        assert [check.name for check in found] == list(Name)
        assert {check.name for check in found if check.state is State.SKIPPED} == {
            Name.TLS,
            Name.LOGIN,
            Name.REGISTRY,
            Name.RECORDS,  # nothing is written yet
            Name.CLOCK,  # the sandbox tells no time
        }
        assert {check.state for check in found} == {State.OK, State.SKIPPED}

    def test_it_says_what_there_is(self, env: dict[str, str]) -> None:
        """Partitions, where reading starts, and where letters go."""
        found = checks(env)

        assert found[Name.TOPICS].text == "events (3 partitions)"
        assert found[Name.OFFSETS].text == (
            "a start reads 0 records from the earliest on in 3 partitions without a committed"
            " offset"
        )
        assert found[Name.DEAD_LETTERS].text == "events.dead-letter can be written"

    def test_the_schema_of_each_topic_is_read(
        self, env: dict[str, str], stub: RegistryStub
    ) -> None:
        """The registry answers and the newest schema of the topic's subject is fine."""
        stub.add(CALL, subject="events-value")

        found = checks(env, SEG_SCHEMA_REGISTRY__URL=stub.url)

        assert found[Name.REGISTRY].state is State.OK
        assert found[Name.SCHEMAS] == Check(Name.SCHEMAS, State.OK, "events-value can be read")


class TestKafka:
    """What can be wrong with Kafka."""

    def test_nobody_there(self, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        """The brokers fail, what needs them is skipped, Seg is asked all the same."""
        monkeypatch.setattr("consumer.doctor.kafka.PATIENCE_S", 0.5)
        found = checks(env, SEG_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")

        assert found[Name.BROKERS].state is State.FAILED
        assert "SEG_KAFKA__BOOTSTRAP_SERVERS (127.0.0.1:1)" in found[Name.BROKERS].text
        assert found[Name.TOPICS].state is State.SKIPPED
        assert found[Name.KEY].state is State.OK

    def test_no_such_topic(self, env: dict[str, str]) -> None:
        """The topic is named with its setting."""
        found = checks(env, SEG_KAFKA__TOPICS="evnets")

        assert found[Name.TOPICS].state is State.FAILED
        assert found[Name.TOPICS].text == "the topic evnets does not exist: check SEG_KAFKA__TOPICS"

    def test_a_pattern_that_matches_nothing(self, env: dict[str, str]) -> None:
        """The program would deliver nothing, and the pattern is shown."""
        found = checks(env, SEG_KAFKA__TOPICS="^nothing-.*")

        assert found[Name.TOPICS].state is State.FAILED
        assert "no topic matches ^nothing-.*: check SEG_KAFKA__TOPICS" in found[Name.TOPICS].text

    def test_a_dead_letter_topic_that_is_missing(self, env: dict[str, str]) -> None:
        """It is made at the start, or has to be there."""
        letter_topic = {"SEG_DEAD_LETTER__TOPIC": "letters"}

        made = checks(env, **letter_topic)[Name.DEAD_LETTERS]
        missed = checks(env, **letter_topic, SEG_DEAD_LETTER__CREATE="false")[Name.DEAD_LETTERS]

        assert made == Check(Name.DEAD_LETTERS, State.OK, "letters is made at the start")
        assert missed.state is State.FAILED
        assert "SEG_DEAD_LETTER__CREATE" in missed.text

    def test_nothing_committed_where_the_operator_wants_to_be_asked(
        self, env: dict[str, str]
    ) -> None:
        """The program would stop, and so the check fails."""
        found = checks(env, SEG_KAFKA__AUTO_OFFSET_RESET="error")

        assert found[Name.OFFSETS].state is State.FAILED
        assert "SEG_KAFKA__AUTO_OFFSET_RESET" in found[Name.OFFSETS].text


class TestOffsets:
    """The group's place against what the log still has."""

    def test_what_was_deleted_before_it_was_read(self, lossy: dict[str, str]) -> None:
        """The number of lost records, and both ways out."""
        offsets = checks(lossy, SEG_KAFKA__GROUP_ID="behind")[Name.OFFSETS]

        assert offsets.state is State.FAILED
        assert "events/0: 2 records were deleted before they were read" in offsets.text
        assert "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE" in offsets.text
        assert "retention.ms" in offsets.text

    def test_an_operator_who_has_decided(self, lossy: dict[str, str]) -> None:
        """The loss is a warning where the program goes on by itself."""
        offsets = checks(
            lossy,
            SEG_KAFKA__GROUP_ID="behind",
            SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE="earliest",
        )[Name.OFFSETS]

        assert offsets.state is State.WARNING
        assert "goes on at the earliest" in offsets.text

    def test_a_log_that_is_another_one(self, lossy: dict[str, str]) -> None:
        """An offset beyond the end means that the topic was made anew."""
        offsets = checks(lossy, SEG_KAFKA__GROUP_ID="beyond")[Name.OFFSETS]

        assert offsets.state is State.FAILED
        assert "events/0: the log ends at 5, before the committed 9" in offsets.text

    def test_what_waits(self, lossy: dict[str, str]) -> None:
        """A group within the log is told how much it is behind."""
        offsets = checks(lossy, SEG_KAFKA__GROUP_ID="fine")[Name.OFFSETS]

        text = "a start reads 1 record from the committed offsets on"
        assert offsets == Check(Name.OFFSETS, State.OK, text)

    @pytest.mark.parametrize(("start", "number"), [("earliest", 2), ("latest", 0)])
    def test_where_a_new_group_begins(self, lossy: dict[str, str], start: str, number: int) -> None:
        """At the end there is nothing to read yet."""
        offsets = checks(lossy, SEG_KAFKA__GROUP_ID="new", SEG_KAFKA__AUTO_OFFSET_RESET=start)[
            Name.OFFSETS
        ]

        assert offsets.text == (
            f"a start reads {number} records from the {start} on in 1 partition without a committed"
            " offset"
        )


class TestRecords:
    """What the newest records are; nothing is committed by the look."""

    def test_events_that_can_be_delivered(self, written: Written) -> None:
        """The ten newest of each partition; some are of no interest to Seg."""
        good, unmapped = _encode(event("Product Viewed")), _encode(event("Nobody's Event"))

        check = written([good] * 30 + [unmapped] * 2)[Name.RECORDS]

        assert check.state is State.OK
        assert check.text == ("sampled: 8 of 10 can be delivered, 2 of 10 ignored (unmapped_event)")

    def test_json(self, written: Written) -> None:
        """What it is, and what to do."""
        check = written([orjson.dumps(event("Product Viewed"))] * 3)[Name.RECORDS]

        assert check.state is State.FAILED
        assert check.text.startswith("sampled: 3 of 3 cannot be read (unknown_framing: expected ")
        assert "what looks like JSON text; see SEG_KAFKA__TOPICS" in check.text

    def test_a_registry_that_is_not_set(self, written: Written) -> None:
        """The id and the setting are named."""
        datum = _encode(event("Product Viewed"))[SINGLE_OBJECT_BYTES:]

        check = written([confluent(7) + datum])[Name.RECORDS]

        assert check.state is State.FAILED
        assert "id 7 is a schema registry's, and the settings name none" in check.text
        assert "set SEG_SCHEMA_REGISTRY__URL" in check.text

    def test_the_registrys_schemas_are_told(self, written: Written, stub: RegistryStub) -> None:
        """Each that was met, with the fields that go missing."""
        schema_id = stub.add(LOSSY, subject="another")
        values = [confluent(schema_id) + b"\x0atrack\x1cProduct Viewed\x06u-1\x02\x06abc"]

        check = written(values, SEG_SCHEMA_REGISTRY__URL=stub.url)[Name.RECORDS]

        assert check.state is State.OK
        assert f"schema id {schema_id} can be read (messageId left out (" in check.text

    def test_one_bad_record_among_good_ones(self, written: Written) -> None:
        """The program runs; somebody should look."""
        good = _encode(event("Product Viewed"))

        check = written([good, good[:-3], good])[Name.RECORDS]

        assert check.state is State.WARNING
        assert "2 of 3 can be delivered, 1 of 3 cannot be read (bad_avro: " in check.text

    def test_nobody_joins_and_nothing_is_committed(self, written: Written) -> None:
        """A second look says the same of where a start begins."""
        values = [_encode(event("Product Viewed"))]

        first, second = written(values), written([])

        assert first[Name.OFFSETS] == second[Name.OFFSETS]
        assert "1 record from the earliest on in 1 partition" in second[Name.OFFSETS].text

    def test_letters_that_are_there(self, written: Written) -> None:
        """How many, and the command that says why."""
        check = written([], letters=[b"x", b"y"])[Name.DEAD_LETTERS]

        assert check == Check(
            Name.DEAD_LETTERS,
            State.WARNING,
            "sampled.dead-letter holds 2 letters: seg-consumer dead-letters list tells why",
        )


class TestStrategy:
    """A group that others are in; a real Kafka tells the same in `tests/kafka`."""

    OTHERS = Group(None, members=2, assignor="range")

    def test_another_strategy_is_refused(self) -> None:
        """With both ways out."""
        problem = strategy_problem("g", self.OTHERS, "cooperative-sticky")

        assert problem == (
            "the members of the group g divide partitions by range, and"
            " SEG_KAFKA__ASSIGNMENT_STRATEGY is cooperative-sticky: set it to range, or take"
            " another SEG_KAFKA__GROUP_ID"
        )

    @pytest.mark.parametrize(
        "group", [OTHERS, OTHERS._replace(members=0), OTHERS._replace(assignor=""), Group(None)]
    )
    def test_the_same_one_or_none_is_fine(self, group: Group) -> None:
        """An empty group takes any."""
        strategy = "range" if group.members else "roundrobin"

        assert strategy_problem("g", group, strategy) is None


class TestRegistry:
    """What can be wrong with schemas."""

    def test_a_registry_that_is_away(self, env: dict[str, str], stub: RegistryStub) -> None:
        """Its setting is named, and the schemas are skipped."""
        stub.status = 503

        found = checks(env, SEG_SCHEMA_REGISTRY__URL=stub.url)

        assert found[Name.REGISTRY].state is State.FAILED
        assert "status 503" in found[Name.REGISTRY].text
        assert found[Name.SCHEMAS].state is State.SKIPPED

    def test_a_schema_that_cannot_be_read(self, env: dict[str, str], stub: RegistryStub) -> None:
        """The subject and the field are named."""
        stub.add(CALL.replace('"string"', '"long"'), subject="events-value")

        schemas = checks(env, SEG_SCHEMA_REGISTRY__URL=stub.url)[Name.SCHEMAS]

        assert schemas.state is State.FAILED
        assert "events-value cannot be read: type (expected enum, " in schemas.text

    def test_a_subject_of_another_name(self, env: dict[str, str], stub: RegistryStub) -> None:
        """No schema under the usual name is no failure: producers may name it otherwise."""
        found = checks(env, SEG_SCHEMA_REGISTRY__URL=stub.url)

        assert found[Name.SCHEMAS].state is State.OK
        assert "events-value has no schema" in found[Name.SCHEMAS].text


class TestSeg:
    """What can be wrong with Seg."""

    def test_a_wrong_key(self, env: dict[str, str]) -> None:
        """The endpoint is fine and the key is not; its value is not shown."""
        wrong = WEBSITE_ID.replace("0d9b", "ffff")

        found = checks(env, SEG_DELIVERY__WEBSITE_ID=wrong)

        assert found[Name.ENDPOINT].state is State.OK
        assert found[Name.KEY].state is State.FAILED
        assert "check SEG_DELIVERY__WEBSITE_ID" in found[Name.KEY].text
        assert wrong not in found[Name.KEY].text

    @pytest.mark.parametrize(
        ("status", "endpoint", "key"),
        [
            (204, State.OK, State.OK),
            (405, State.OK, State.WARNING),
            (404, State.FAILED, State.SKIPPED),
            (301, State.FAILED, State.SKIPPED),
            (503, State.FAILED, State.SKIPPED),
        ],
    )
    def test_what_an_answer_means(
        self, env: dict[str, str], status: int, endpoint: State, key: State
    ) -> None:
        """A server that takes no HEAD is there all the same; one that is elsewhere is not."""
        with answering(status) as url:
            found = checks(env, SEG_DELIVERY__ENDPOINT=url)

        assert (found[Name.ENDPOINT].state, found[Name.KEY].state) == (endpoint, key)

    def test_nobody_there(self, env: dict[str, str]) -> None:
        """The endpoint is named with the reason."""
        found = checks(env, SEG_DELIVERY__ENDPOINT="http://127.0.0.1:1/")

        assert found[Name.ENDPOINT].state is State.FAILED
        assert "Failed to connect" in found[Name.ENDPOINT].text
        assert found[Name.CLOCK].state is State.SKIPPED

    def test_a_clock_that_is_wrong(self, env: dict[str, str]) -> None:
        """The date of Seg's answer shows it."""
        with answering(200, "Mon, 23 Nov 2015 10:00:00 GMT") as url:
            clock = checks(env, SEG_DELIVERY__ENDPOINT=url)[Name.CLOCK]

        assert clock.state is State.WARNING
        assert "ahead of Seg's: set it" in clock.text


class TestCommand:
    """What a person and a program see."""

    def test_json_and_exit_code(self, env: dict[str, str]) -> None:
        """One object with every check; 0 where nothing failed."""
        done = CliRunner(env=env).invoke(cli, ["doctor", "--json"])

        told = orjson.loads(done.stdout)
        assert done.exit_code == 0
        assert told["ok"] is True
        assert [check["name"] for check in told["checks"]] == list(Name)

    def test_what_failed_is_in_the_exit_code(self, env: dict[str, str]) -> None:
        """1, and the terminal shows the row."""
        sick = env | {"SEG_KAFKA__TOPICS": "evnets", "COLUMNS": "200"}

        done = CliRunner(env=sick).invoke(cli, ["doctor"])

        assert done.exit_code == 1
        assert "failed   topics" in done.stdout

    def test_wrong_settings_are_checks_that_fail(self) -> None:
        """Each is told like all else, and nothing that was not asked is listed."""
        env = {"SEG_KAFKA__TOPICS": "events", "SEG_DELIVERY__WEBSITE_ID": "?"}

        done = CliRunner(env=env).invoke(cli, ["doctor", "--json"])

        found = orjson.loads(done.stdout)["checks"]
        assert done.exit_code == 1
        assert {(check["name"], check["state"]) for check in found} == {("settings", "failed")}
        assert [check["text"].partition(":")[0] for check in found] == [
            "SEG_KAFKA__BOOTSTRAP_SERVERS",
            "SEG_DELIVERY__WEBSITE_ID",
        ]


def commit(bootstrap: str, group: str, offset: int) -> None:
    """Commit *offset* of the one partition for *group*."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    consumer.commit(offsets=[TopicPartition("events", 0, offset)], asynchronous=False)
    consumer.close()
