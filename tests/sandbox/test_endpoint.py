"""What the endpoint answers to whom, what counts as a double, and what is counted."""

from __future__ import annotations

from contextlib import closing

import orjson
import pytest

from consumer.sandbox import Options, Sandbox
from consumer.sandbox.store import Known
from tests.sandbox.client import HEADERS, WEBSITE_ID, Client, basic, page, track


class TestKey:
    """Who is let in."""

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Basic",
            "Basic !!!",
            basic(WEBSITE_ID),
            basic(f"{WEBSITE_ID}:").replace("Basic", "Bearer"),
        ],
    )
    def test_missing_or_malformed(
        self, sandbox: Sandbox, client: Client, authorization: str
    ) -> None:
        """Without a key in the right form, and be it the colon that is missing, comes 401."""
        reply = client.post(page("m-1"), Authorization=authorization)

        assert reply.status == 401
        assert "expected Basic" in reply.message
        assert sandbox.summary()["accepted"] == 0

    @pytest.mark.parametrize("credentials", ["another-id:", f"{WEBSITE_ID}:password:", ":"])
    def test_another(self, client: Client, credentials: str) -> None:
        """Another Website Id, or a password behind it, is answered 403."""
        assert client.post(page("m-1"), Authorization=basic(credentials)).status == 403

    def test_scheme_in_any_case(self, client: Client) -> None:
        """The scheme's name may be written in any case, as RFC 9110 says."""
        authorization = basic(f"{WEBSITE_ID}:").replace("Basic", "bAsIc")

        assert client.post(page("m-1"), Authorization=authorization).status == 200

    @pytest.mark.parametrize("method", ["HEAD", "POST"])
    @pytest.mark.parametrize(
        ("authorization", "status"),
        [(HEADERS["Authorization"], 200), ("", 401), (basic("another-id:"), 403)],
    )
    def test_question(
        self, sandbox: Sandbox, client: Client, method: str, authorization: str, status: int
    ) -> None:
        """A HEAD or an empty POST asks after the key, meets no fault and is not counted."""
        before = sandbox.summary()

        reply = client.ask(method, "/", b"", {"Authorization": authorization})

        assert status == reply.status
        assert {**before, "now_s": 0} == {**sandbox.summary(), "now_s": 0}


class TestForm:
    """Which requests are taken."""

    def test_accepted(self, sandbox: Sandbox, client: Client) -> None:
        """A good call is answered 200 and kept as it was sent."""
        reply = client.post(page("m-1", more={"a": [1]}), Idempotency_Key="k-1")

        assert (reply.status, reply.body) == (200, b'{"accepted":1,"doubles":0}')
        kept = sandbox.calls()[0]
        assert page("m-1", more={"a": [1]}) == kept.call
        assert (
            kept.line.sequence,
            kept.line.type,
            kept.line.message_id,
            kept.line.idempotency_key,
        ) == (1, "page", "m-1", "k-1")

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonp"])
    def test_media_type(self, client: Client, content_type: str) -> None:
        """Another media type than JSON is answered 415."""
        assert client.post(page("m-1"), Content_Type=content_type).status == 415

    def test_media_type_with_parameter(self, client: Client) -> None:
        """A parameter behind the media type does no harm."""
        content_type = "Application/JSON; charset=utf-8"

        assert client.post(page("m-1"), Content_Type=content_type).status == 200

    @pytest.mark.parametrize(
        "body", [b"{", b'"text"', b"null", b"[]", b"7", b"\xff", b'{"a":NaN}', b"[" * 10_000]
    )
    def test_no_calls(self, client: Client, body: bytes) -> None:
        """A body that is no JSON object and no array of at least one is answered 400."""
        reply = client.ask("POST", "/", body, HEADERS)

        assert reply.status == 400
        assert reply.message == "the body: expected a JSON object or an array of objects"

    def test_too_large(self, client: Client) -> None:
        """A request over 512 KiB is answered 413, and the connection goes on."""
        bare = len(orjson.dumps(page("m-1", filler="")))
        largest = page("m-1", filler="x" * (512 * 1024 - bare))
        larger = page("m-2", filler="x" * (512 * 1024 - bare + 1))

        statuses = [client.post(call).status for call in (larger, largest, larger)]

        assert statuses == [413, 200, 413]

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
    def test_method(self, client: Client, method: str) -> None:
        """Another method is answered 405, and the answer says which is allowed."""
        reply = client.ask(method, "/", b"{}", HEADERS)

        assert (reply.status, reply.headers["Allow"]) == (405, "POST, HEAD")

    def test_another_path(self) -> None:
        """The endpoint is where it was put, and nowhere else."""
        options = Options(website_id=WEBSITE_ID, path="/v1/calls")
        with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
            statuses = [
                client.ask("POST", path, orjson.dumps(page(path)), HEADERS).status
                for path in ("/v1/calls", "/v1/calls?a=b", "/", "/v1/calls/", "/v1")
            ]

            assert statuses == [200, 200, 404, 404, 404]
            assert client.get("/v1/calls").status == 405

    def test_bad_call(self, client: Client) -> None:
        """A type that Seg does not know is answered 501; an event of another name, 400."""
        assert client.post(page("m-1", type="group")).status == 501
        assert client.post(track("Viewed Product")).status == 400

    def test_bad_call_in_batch(self, sandbox: Sandbox, client: Client) -> None:
        """One call that is refused refuses its whole batch; the text says which it is."""
        reply = client.post([page("m-1"), track("OrderPlaced", Revenue="25")])

        assert reply.status == 400
        assert reply.message == "[1].properties.Revenue: expected a number, got a string"
        assert sandbox.summary()["accepted"] == 0


class TestDoubles:
    """A call is accepted once, however often it comes."""

    def test_known_key(self, sandbox: Sandbox, client: Client) -> None:
        """A second request with the same Idempotency-Key is answered 200 and accepts nothing."""
        client.post(page("m-1"), Idempotency_Key="k-1")

        reply = client.post([page("m-2"), page("m-3")], Idempotency_Key="k-1")

        assert (reply.status, reply.body) == (200, b'{"accepted":0,"doubles":2}')
        assert sandbox.summary()["doubles_by"] == {"idempotency_key": 2}
        assert [kept.line.message_id for kept in sandbox.calls()] == ["m-1"]

    def test_known_message_id(self, sandbox: Sandbox, client: Client) -> None:
        """In a batch under a new key, the calls that are known are left out, also its own."""
        client.post(page("m-1"), Idempotency_Key="m-1")

        reply = client.post(
            [page("m-1"), page("m-2"), page("m-2"), page("m-3")], Idempotency_Key="k-2"
        )

        assert reply.body == b'{"accepted":2,"doubles":2}'
        assert sandbox.summary()["doubles_by"] == {"message_id": 2}
        assert [kept.line.message_id for kept in sandbox.calls()] == ["m-1", "m-2", "m-3"]

    def test_refused_key(self, sandbox: Sandbox, client: Client) -> None:
        """The key of a request that was refused is not known: corrected, it is accepted."""
        client.post(page("m-1", type="group"), Idempotency_Key="k-1")
        client.post(page("m-1"), Idempotency_Key="k-1")

        assert (sandbox.summary()["accepted"], sandbox.summary()["doubles"]) == (1, 0)

    def test_without_any(self, sandbox: Sandbox, client: Client) -> None:
        """Calls without key and messageId are all different."""
        call = track("RangeView", Categories=["Games"])
        client.post(call)
        client.post(call)

        assert sandbox.summary()["accepted"] == 2


def test_summary(sandbox: Sandbox, client: Client) -> None:
    """The counters add up over types, events and answers."""
    batch = [page("m-1", event="x"), track("RangeView"), track("RangeView"), track("ProductView")]
    client.post([*batch])
    client.post(page("m-1"))
    client.post(page("m-2"), Authorization="")
    client.post(page("m-3"), Content_Type="text/plain")

    assert {**sandbox.summary(), "now_s": 0} == {
        "requests": 4,
        "waiting": 0,
        "accepted": 4,
        "doubles": 1,
        "doubles_by": {"message_id": 1},
        "by_type": {"page": 1, "track": 3},
        "by_event": {"RangeView": 2, "ProductView": 1},
        "by_status": {"200": 2, "401": 1, "415": 1},
        "unanswered": {},
        "sequence": 4,
        "now_s": 0,
    }


def test_keeps_the_newest() -> None:
    """Of many calls the newest stay in memory; the counters count all."""
    options = Options(website_id=WEBSITE_ID, keep=3)
    with Sandbox.start(options) as sandbox, closing(Client(sandbox.url)) as client:
        client.post([page(f"m-{number}") for number in range(1, 8)])

        assert [kept.line.sequence for kept in sandbox.calls()] == [5, 6, 7]
        assert [kept.line.sequence for kept in sandbox.calls(after=5)] == [6, 7]
        assert [kept.line.sequence for kept in sandbox.calls(after=5, limit=1)] == [6]
        assert sandbox.calls(after=7) == []
        assert sandbox.summary()["accepted"] == 7


def test_bounded_memory() -> None:
    """However many keys there were, the newest are known and the oldest forgotten."""
    known = Known(sure=100)
    for number in range(1000):
        known.add(str(number))

    remembered = [number for number in range(1000) if str(number) in known]

    assert remembered == list(range(1000 - len(remembered), 1000))
    assert 100 <= len(remembered) <= 200
