"""`seg-consumer demo --page`: it stays up, and knows the events behind the calls."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.core.timing import SystemClock
from consumer.demo.topic import Topic
from tests.sandbox.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.model import Object

pytestmark = pytest.mark.broker
WITHIN_S = 60.0
LOOK_S = 0.1


@pytest.fixture(scope="module", name="client")
def _client() -> Iterator[Client]:
    command = [sys.executable, "-m", "consumer", "demo", "--page"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        with closing(Client(line.split()[4])) as client:
            yield client
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def happened(client: Client, fate: str, number: int) -> list[Object]:
    """Wait until *number* calls or events have met *fate*, and return them."""
    clock = SystemClock()
    end_s = clock.monotonic_s() + WITHIN_S
    while True:
        feed = orjson.loads(client.get("/_sandbox/feed?limit=10000").body)["feed"]
        found = [it for it in feed if it["fate"] == fate]
        if len(found) >= number:
            return found
        assert clock.monotonic_s() < end_s, f"{len(found)} of {number}: {fate}"
        time.sleep(LOOK_S)  # noqa: TID251 - it happens in another process


def test_ignored_with_reason(client: Client) -> None:
    """Events that Seg never sees are told with the reason and their body."""
    ignored = happened(client, "ignored", 6)

    reasons = {str(it["why"]).partition(":")[0] for it in ignored}
    assert {"unmapped_event", "unsupported_type", "tombstone", "integration_disabled"} <= reasons
    assert "group" in {it["call"]["type"] for it in ignored if isinstance(it["call"], dict)}


def test_dead_letters_with_reason(client: Client) -> None:
    """Dead letters are told with reason, detail and what they were; each once."""
    letters = happened(client, "dead_letter", 8)

    by_reason = {str(it["why"]).partition(":")[0]: it for it in letters}
    rejected = by_reason["rejected_by_seg"]
    assert (rejected["status"], rejected["message_id"]) == (400, "sample-rejected-by-seg")
    assert str(by_reason["bad_avro"]["text"]).startswith("truncated Avro: c3 01 ")
    assert len(str(by_reason["too_large"]["text"])) < 1_000
    assert len({str(it["why"]) for it in letters}) == len(letters)


def test_event_of_a_call(client: Client) -> None:
    """A call's event is known, with what made which key, and the record's key."""
    happened(client, "accepted", 18)

    known = orjson.loads(client.get("/_sandbox/event?message_id=sample-viewed-product").body)

    assert known["event"]["event"] == "Viewed Product"
    assert known["call"]["event"] == "ProductView"
    made = {it["key"]: (it["sources"], it["row"]) for it in known["made"]}
    assert made["properties.Name"] == (["properties.name"], "properties.Name")


def test_send(client: Client) -> None:
    """What is sent from the page goes through Kafka and the consumer to Seg."""
    text = '{"type": "page", "userId": "p-1"}\n\n{"type": "page", "userId": "p-2"}\n'

    assert orjson.loads(client.admin("events", {"text": text}).body) == {"sent": 2}
    assert orjson.loads(client.admin("events", {"text": Topic.example}).body) == {"sent": 1}

    accepted = happened(client, "accepted", 21)
    assert {"p-1", "p-2", "u-42"} <= {it["user"] for it in accepted}
    assert {it["record_key"] for it in accepted if it["user"] == "p-1"} == {"p-1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a Segment call as JSON, got nothing"),
        ("[]", "expected a Segment call as JSON, got nothing"),
        ('{"type": "page"}\nx', "event 2: expected a JSON object, got text that is none: "),
        ("[{}, 7]", "event 1: "),
        ('[{"type": "page"}, 7]', "event 2: expected a JSON object, got "),
    ],
)
def test_bad_input(client: Client, text: str, message: str) -> None:
    """What is no Segment call says which and why, and nothing is written."""
    reply = client.admin("events", {"text": text})

    assert reply.status == 400
    assert reply.message.startswith(message)


def test_not_with_json() -> None:
    """It is for people: it has no JSON to print."""
    command = [sys.executable, "-m", "consumer", "demo", "--page", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "expected --page or --json, got both" in done.stderr
