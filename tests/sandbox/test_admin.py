"""The sandbox's own pages, for programs and for people."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson
import pytest

from consumer.sandbox import Fault, Match, Options, Sandbox, Trouble
from tests.sandbox.client import WEBSITE_ID, Client, page, track

if TYPE_CHECKING:
    from consumer.core.model import Object, Value

EVERYTHING: list[Value] = [
    {"status": 500, "share": 0.2, "match": {"type": "track", "email_prefix": "jane"}},
    {"trouble": "reset", "accepted": True, "count": 3},
    {"trouble": "slow_body", "delay_s": 0.5},
    {"status": 503, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"},
    {"status": 429, "retry_after": 7, "delay_s": 1},
    {"calls_per_s": 50},
]


def read(body: bytes) -> Object:
    """Return the object that *body* holds."""
    content: Object = orjson.loads(body)
    return content


class TestCalls:
    """GET calls."""

    def test_kept(self, client: Client) -> None:
        """The calls come oldest first, each with its number and what Seg got."""
        client.post(page("m-1", userId="u-1"))
        client.post(track("RangeView"), Idempotency_Key="k-2")

        reply = client.get("/_sandbox/calls")

        calls = orjson.loads(reply.body)["calls"]
        assert [
            (kept["sequence"], kept["type"], kept["user"], kept["idempotency_key"])
            for kept in calls
        ] == [(1, "page", "u-1", None), (2, "track", None, "k-2")]
        assert track("RangeView") == calls[1]["call"]

    def test_after_and_limit(self, client: Client) -> None:
        """One page after the other shows every call once."""
        client.post([page(f"m-{number}") for number in range(5)])

        pages = [client.get(f"/_sandbox/calls?after={after}&limit=2") for after in (0, 2, 4, 9)]

        assert [
            [kept["sequence"] for kept in orjson.loads(reply.body)["calls"]] for reply in pages
        ] == [[1, 2], [3, 4], [5], []]

    @pytest.mark.parametrize("query", ["after=-1", "limit=x", "after=1.5"])
    def test_bad_query(self, client: Client, query: str) -> None:
        """What is no whole number is answered 400."""
        assert client.get(f"/_sandbox/calls?{query}").status == 400


def test_summary(sandbox: Sandbox, client: Client) -> None:
    """GET summary shows what the program sees."""
    sandbox.faults([Fault(trouble=Trouble.RESET, count=1)])
    with pytest.raises(ConnectionResetError):
        client.post(page("m-1"))
    client.close()
    client.post(page("m-1"))

    shown = read(client.get("/_sandbox/summary").body)

    assert {**sandbox.summary(), "now_s": 0} == {**shown, "now_s": 0}
    assert shown["unanswered"] == {"reset": 1}


class TestFaults:
    """GET and POST faults."""

    def test_replaced(self, client: Client) -> None:
        """The rules that were sent are in force at once, and shown with how often each struck."""
        client.admin("faults", [{"status": 503, "count": 1}, {"status": 500, "share": 0}])

        statuses = [client.post(page(f"m-{number}")).status for number in range(2)]

        assert statuses == [503, 200]
        expected: Object = {
            "faults": [
                {"status": 503, "count": 1, "struck": 1},
                {"status": 500, "share": 0, "struck": 0},
            ]
        }
        assert expected == read(client.get("/_sandbox/faults").body)

    def test_every_key(self, client: Client) -> None:
        """Every rule can be said in JSON and is shown again in the same words."""
        reply = client.admin("faults", EVERYTHING)

        assert [{**rule, "struck": 0} for rule in EVERYTHING if isinstance(rule, dict)] == read(
            reply.body
        )["faults"]

    def test_same_as_in_process(self, sandbox: Sandbox, client: Client) -> None:
        """The same rules given by a program are shown in the same words."""
        sandbox.faults(
            [
                Fault(status=500, share=0.2, match=Match(type="track", email_prefix="jane")),
                Fault(trouble=Trouble.RESET, accepted=True, count=3),
            ]
        )

        shown = client.get("/_sandbox/faults").body
        assert client.admin("faults", EVERYTHING[:2]).body == shown

    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            ({}, "expected a list of fault rules, got an object"),
            ([7], "[0]: expected an object, got a number"),
            ([{}], "[0]: expected status, trouble, calls_per_s or delay_s, got none"),
            ([{"status": 500}, {"status": "500"}], "[1]: status: expected a whole number, got a"),
            ([{"status": True}], "[0]: status: expected a whole number, got a boolean"),
            ([{"status": 500, "share": "all"}], "[0]: share: expected a number, got a string"),
            ([{"delay_s": True}], "[0]: delay_s: expected a number, got a boolean"),
            ([{"status": 500, "accepted": 1}], "[0]: accepted: expected a boolean, got a number"),
            ([{"status": 500, "retry_after": 1.5}], "[0]: retry_after: expected a string"),
            ([{"trouble": "earthquake"}], "[0]: trouble: expected one of reset, hang"),
            ([{"status": 500, "colour": 1}], "[0]: colour: no such key in a fault rule"),
            ([{"status": 500, "match": {"user": ""}}], "[0]: user: no such key in a fault rule"),
            ([{"status": 500, "match": None}], "[0]: expected an object, got null"),
        ],
    )
    def test_bad_rules(self, client: Client, rules: Value, message: str) -> None:
        """Rules that make no sense are answered 400, and the old ones stay in force."""
        client.admin("faults", [{"status": 503}])

        reply = client.admin("faults", rules)

        assert reply.status == 400
        assert reply.message.startswith(message)
        assert client.post(page("m-1")).status == 503


def test_reset() -> None:
    """POST reset forgets calls, counters and keys, and brings back the faults of the start."""
    first = Fault(status=500, count=1)
    with Sandbox.start(Options(website_id=WEBSITE_ID, faults=(first,))) as sandbox:
        client = Client(sandbox.url)
        statuses = [client.post(page("m-1"), Idempotency_Key="m-1").status for _ in range(2)]
        client.admin("faults", [{"status": 503}])

        client.admin("reset", {})

        assert (
            sandbox.summary()["requests"],
            sandbox.summary()["accepted"],
            sandbox.calls(),
        ) == (0, 0, [])
        again = [client.post(page("m-1"), Idempotency_Key="m-1").status for _ in range(2)]
        assert [500, 200] == statuses == again
        assert [kept.line.sequence for kept in sandbox.calls()] == [2]
        client.close()


@pytest.mark.parametrize("path", ["faults", "reset"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_other_sites(client: Client, path: str, content_type: str) -> None:
    """What a form on another site can send changes nothing here."""
    reply = client.ask("POST", "/_sandbox/" + path, b"[]", {"Content-Type": content_type})

    assert reply.status == 415


@pytest.mark.parametrize("path", ["", "summary/", "nothing"])
def test_no_such_page(client: Client, path: str) -> None:
    """What is no page is answered 404."""
    assert client.get("/_sandbox/" + path).status == 404


class TestPage:
    """The page for people."""

    def test_served(self, client: Client) -> None:
        """GET / shows a page of HTML."""
        reply = client.get("/")

        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"<title>Seg, the sandbox</title>" in reply.body

    def test_self_contained(self, client: Client) -> None:
        """The page names no other host and no other file."""
        text = client.get("/").body.decode()

        assert re.findall(r"https?:|//\w+\.|\bsrc=|@import|url\(", text) == []

    def test_policy(self, client: Client) -> None:
        """The browser may run the script in the page and nothing else."""
        reply = client.get("/")

        [script] = re.findall("<script>(.*?)</script>", reply.body.decode(), re.DOTALL)
        digest = b64encode(sha256(script.encode()).digest()).decode()
        policy = reply.headers["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy
        assert f"script-src 'sha256-{digest}'" in policy
        assert "unsafe" not in reply.headers["Content-Security-Policy"]

    def test_escapes(self, client: Client) -> None:
        """No text gets onto the page but as text: the script never writes HTML."""
        text = client.get("/").body.decode()

        assert re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text) == []

    def test_not_the_key(self, client: Client) -> None:
        """Neither the page nor the pages behind it show the Website Id."""
        client.post(page("m-1"))
        client.post(page("m-2"), Authorization="Basic bm9ib2R5Og==")

        for path in ("/", "/_sandbox/calls", "/_sandbox/summary", "/_sandbox/faults"):
            assert WEBSITE_ID.encode() not in client.get(path).body
