"""What the page is told: every call with its answer, and the last minute."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, cast

import orjson
import pytest

from consumer.core.errors import ConsumerError
from consumer.sandbox import Fate, Fault, Happening, Options, Sandbox, Trouble
from consumer.sandbox import feed as feed_module
from consumer.sandbox.faults import Faults
from consumer.sandbox.feed import Feed, Ring, Second
from tests.fakes import FakeClock
from tests.sandbox.client import WEBSITE_ID, Client, page

if TYPE_CHECKING:
    from consumer.core.model import Object


def happened(client: Client, *names: str) -> list[list[object]]:
    """Return these facts of each happening, oldest first."""
    told = orjson.loads(client.get("/_sandbox/feed").body)["feed"]
    return [[it[name] for name in names] for it in told]


class TestHappenings:
    """GET feed."""

    def test_each_answer(self, sandbox: Sandbox, client: Client) -> None:
        """An accepted call, a double, a refused one with Seg's reason, its body and its user."""
        sandbox.faults([])
        bad: Object = {"type": "page", "userId": "u-2"}
        for call in (page("m-1", userId="u-1"), page("m-1", userId="u-1"), bad):
            client.post(call)

        assert happened(client, "number", "fate", "status", "user", "why") == [
            [1, "accepted", 200, "u-1", None],
            [2, "double", 200, "u-1", None],
            [3, "refused", 400, "u-2", "timestamp: required, but it is missing"],
        ]
        assert happened(client, "call")[2] == [bad]

    def test_batch(self, client: Client) -> None:
        """Each call of a batch happens for itself, with the batch's answer."""
        client.post([page("m-1"), page("m-2"), page("m-1")])
        client.post([page("m-3"), {"type": "page"}], Idempotency_Key="b-2")

        assert happened(client, "fate", "message_id", "key") == [
            ["accepted", "m-1", None],
            ["accepted", "m-2", None],
            ["double", "m-1", None],
            ["refused", "m-3", "b-2"],
            ["refused", None, "b-2"],
        ]

    def test_no_call(self, client: Client) -> None:
        """What is no JSON is shown as it came, its beginning at least."""
        headers = {"Content-Type": "application/json"}
        client.ask("POST", client.path, b"\xff{" + b"x" * 5_000, headers)

        [[fate, call, text]] = happened(client, "fate", "call", "text")
        assert (fate, call) == ("refused", None)
        assert text == "\ufffd{" + "x" * 1_998

    @pytest.mark.parametrize("accepted", [False, True])
    def test_fault(self, sandbox: Sandbox, client: Client, *, accepted: bool) -> None:
        """A fault's answer is told as the client saw it, and whether Seg has the call anyhow."""
        sandbox.faults([Fault(status=503, accepted=accepted), Fault(trouble=Trouble.RESET)])
        client.post(page("m-1"))
        sandbox.faults([Fault(trouble=Trouble.RESET, accepted=accepted)])
        with pytest.raises(ConnectionResetError):
            client.post(page("m-2"))
        client.close()

        assert happened(client, "fate", "status", "why", "taken") == [
            ["refused", 503, "the sandbox was told to answer so", accepted],
            ["unanswered", None, "reset", accepted],
        ]

    def test_false_success(self, sandbox: Sandbox, client: Client) -> None:
        """A 200 that a fault invents is no accepted call."""
        sandbox.faults([Fault(status=200)])
        client.post(page("m-1"))

        assert happened(client, "fate", "status", "taken") == [["refused", 200, False]]

    def test_after_limit_and_reset(self, client: Client) -> None:
        """It is read in parts; after a reset the old numbers are gone and do not come again."""
        client.post([page(f"m-{number}") for number in range(5)])
        part = orjson.loads(client.get("/_sandbox/feed?after=2&limit=2").body)
        assert [it["number"] for it in part["feed"]] == [3, 4]
        assert (part["first"], part["newest"]) == (1, 5)

        client.admin("reset", {})
        client.post(page("m-9"))

        part = orjson.loads(client.get("/_sandbox/feed").body)
        assert [(it["number"], it["message_id"]) for it in part["feed"]] == [(6, "m-9")]
        assert (part["first"], part["newest"]) == (6, 6)


class TestMemory:
    """What is kept is bounded."""

    def test_by_number(self) -> None:
        """Of many the newest stay."""
        ring: Ring[int] = Ring(3)
        for number in range(10):
            ring.append(number, 0.0, 1)

        assert [it.what for it in ring.after(0, 100)] == [7, 8, 9]
        assert [it.number for it in ring.after(9, 100)] == [10]
        assert (ring.first, ring.newest) == (8, 10)

    def test_by_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of large ones fewer stay, of the largest one."""
        monkeypatch.setattr(feed_module, "KEEP_BYTES", 100)
        ring: Ring[int] = Ring(50)
        for number in range(10):
            ring.append(number, 0.0, 30)
        assert [it.what for it in ring.after(0, 100)] == [7, 8, 9]

        ring.append(99, 0.0, 1_000)
        assert [it.what for it in ring.after(0, 100)] == [99]

    def test_large_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the calls for programs nor those for the page outgrow the bound."""
        monkeypatch.setattr(feed_module, "KEEP_BYTES", 10_000)
        options = Options(website_id=WEBSITE_ID)
        with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
            for number in range(10):
                client.post(page(f"m-{number}", properties={"text": "x" * 3_000}))

            assert [kept.line.sequence for kept in sandbox.calls()] == [8, 9, 10]
            assert [number for [number] in happened(client, "number")] == [8, 9, 10]


class TestMinute:
    """The last minute."""

    def test_by_class(self) -> None:
        """Each second counts its answers by class; what was never sent counts nowhere."""
        clock = FakeClock()
        feed = Feed(100, clock)
        for status in (200, 202, 301, 404, 500):
            feed.add([Happening(Fate.REFUSED, {}, status=status)], 2)
        feed.add([Happening(Fate.IGNORED, {}), Happening(Fate.DEAD_LETTER, {}, status=400)], 2)
        clock.advance(1)
        feed.add([Happening(Fate.UNANSWERED, {}, "reset")], 2)

        first, second = feed.minute()
        assert first == Second(0, ok=2, refused=2, failed=1)
        assert second == Second(1, unanswered=1)

    def test_no_longer(self) -> None:
        """After a minute a second is gone."""
        clock = FakeClock()
        feed = Feed(100, clock)
        for _ in range(100):
            feed.add([Happening(Fate.ACCEPTED, {}, status=200)], 2)
            clock.advance(1)

        assert len(feed.minute()) == 60
        clock.advance(100)
        assert feed.minute() == []

    def test_switches(self, client: Client) -> None:
        """It tells when which rules came in force."""
        rule: Object = {"status": 503}
        client.admin("faults", [rule])
        client.post(page("m-1"))
        client.admin("faults", [])

        minute = orjson.loads(client.get("/_sandbox/minute").body)
        assert [switch["rules"] for switch in minute["switches"]] == [[rule], []]
        assert [(second["ok"], second["failed"]) for second in minute["seconds"]] == [(0, 1)]

    def test_start_is_no_switch(self) -> None:
        """The rules of the start are no switch, and old switches are let go of."""
        faults = Faults([Fault(status=500)], 0, FakeClock())
        assert list(faults.switches) == []
        for _ in range(100):
            faults.replace([])

        assert len(faults.switches) == 60


class Events:
    """An upstream with one event."""

    example = '{"type": "page"}'

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, text: str) -> int:
        """Take *text*, unless it is bad."""
        if text == "bad":
            raise ConsumerError("event 1: expected a JSON object")
        self.sent.append(text)
        return 1

    def event(self, message_id: str) -> Object | None:
        """Know one event."""
        return {"event": {"type": "page"}} if message_id == "m 1&é" else None

    def key(self, message_id: str) -> str | None:
        """Know a key for each."""
        return f"key of {message_id}"


class TestUpstream:
    """The Segment events, where somebody has them."""

    def test_alone(self, client: Client) -> None:
        """A sandbox on its own says that it knows none, and writes none."""
        client.post(page("m-1"))

        assert orjson.loads(client.get("/_sandbox/about").body)["example"] is None
        assert client.get("/_sandbox/event?message_id=m-1").status == 404
        reply = client.admin("events", {"text": "{}"})
        assert (reply.status, reply.message) == (404, "there is no topic here to write events to")
        assert happened(client, "record_key") == [[None]]

    def test_known(self, sandbox: Sandbox, client: Client) -> None:
        """The events are found by their id, written, and refused with the reason."""
        events = Events()
        sandbox.upstream(events)
        client.post(page("m-1"))

        reply = client.get("/_sandbox/event?message_id=m%201%26%C3%A9")
        assert orjson.loads(reply.body) == {"event": {"type": "page"}}
        assert client.get("/_sandbox/event?message_id=m-2").status == 404
        assert client.get("/_sandbox/event").status == 404
        assert orjson.loads(client.admin("events", {"text": "x"}).body) == {"sent": 1}
        assert events.sent == ["x"]
        assert client.admin("events", {"text": "bad"}).message == "event 1: expected a JSON object"
        assert client.admin("events", ["x"]).message == "text: expected a string"
        assert happened(client, "record_key") == [["key of m-1"]]

    def test_told(self, sandbox: Sandbox, client: Client) -> None:
        """What never came here is told by who knows, and stands among the calls."""
        client.post(page("m-1"))
        sandbox.tell(Happening(Fate.IGNORED, {"type": "group", "userId": "u-1"}, "unsupported"), 9)

        assert happened(client, "fate", "user", "why", "status")[1:] == [
            ["ignored", "u-1", "unsupported", None]
        ]
        assert sandbox.summary()["requests"] == 1

    def test_website_id(self, client: Client) -> None:
        """The settings to copy name the Website Id where it is the documentation's example."""
        assert orjson.loads(client.get("/_sandbox/about").body)["website_id"] is None
        options = Options(website_id=WEBSITE_ID, is_example=True, path="/v1")
        with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as other:
            about = cast("Object", orjson.loads(other.get("/_sandbox/about").body))

        assert about == {"path": "/v1", "website_id": WEBSITE_ID, "example": None}

    def test_other_sites(self, sandbox: Sandbox, client: Client) -> None:
        """A form on another site cannot write events."""
        events = Events()
        sandbox.upstream(events)
        headers = {"Content-Type": "text/plain"}

        assert client.ask("POST", "/_sandbox/events", b'{"text":""}', headers).status == 415
        assert events.sent == []
