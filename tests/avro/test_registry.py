"""A schema registry, spoken to over HTTP: what it says, and what is only wrong with it.

Here it is asked as commands do, which wait; `test_lookups` asks as the loop does.
"""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from consumer.avro.conversation import Access
from consumer.avro.framing import GlobalId
from consumer.avro.registry import Registry
from consumer.avro.rest import MAX_ANSWER_BYTES
from consumer.core.errors import DeadLetterReason, PoisonError, StartError, UnavailableError
from consumer.core.timing import SystemClock
from tests.avro.registry_stub import RegistryStub, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.avro.framing import RegistryId

GUID = UUID("89791762-2336-4186-9674-299b90a802e2")
CLOSED = "http://127.0.0.1:1"
SECRET = "s3cret/+: é"
TOKEN = "s3cret/+~="


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


@pytest.fixture(name="registry")
def _registry(stub: RegistryStub) -> Registry:
    return Registry(Access(url=stub.url), SystemClock())


def unavailable(registry: Registry, schema_id: int = 1) -> str:
    """Return the text of the UnavailableError that asking for *schema_id* raises."""
    with pytest.raises(UnavailableError) as caught:
        registry.schema(schema_id)
    assert caught.value.dependency == "schema_registry"
    return caught.value.detail


def poison(registry: Registry, schema_id: int) -> DeadLetterReason:
    """Return the reason of the PoisonError that asking for *schema_id* raises."""
    with pytest.raises(PoisonError) as caught:
        registry.schema(schema_id)
    return caught.value.reason


class TestSchemas:
    """What the registry has."""

    def test_known(self, stub: RegistryStub, registry: Registry) -> None:
        """A schema comes by its id."""
        schema_id = stub.add('"int"')

        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests == [f"GET /schemas/ids/{schema_id}"]

    def test_said_to_be_avro(self, stub: RegistryStub, registry: Registry) -> None:
        """A registry may say AVRO or leave it out."""
        assert registry.schema(stub.add('"int"', kind="AVRO")) == ('"int"',)

    @pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
    def test_not_avro(self, stub: RegistryStub, registry: Registry, kind: str) -> None:
        """A schema of another kind is unusable."""
        assert poison(registry, stub.add("{}", kind=kind)) is DeadLetterReason.UNUSABLE_SCHEMA

    def test_references(self, stub: RegistryStub, registry: Registry) -> None:
        """Schemas come after those that they refer to, each once, also from a deleted subject."""
        stub.add('"a"', subject="x/a b")
        stub.deleted.add("x/a b")
        to_a = {"name": "A", "subject": "x/a b", "version": 1}
        stub.add('"b"', subject="b", references=[to_a])
        to_b = {"name": "B", "subject": "b", "version": 1}
        schema_id = stub.add('"c"', references=[to_a, to_b])

        assert registry.schema(schema_id) == ('"a"', '"b"', '"c"')
        assert "GET /subjects/x%2Fa%20b/versions/1?deleted=true" in stub.requests

    def test_references_in_a_circle(self, stub: RegistryStub, registry: Registry) -> None:
        """Schemas that refer to one another end the search, not the program."""
        to_a = {"name": "A", "subject": "a", "version": 1}
        schema_id = stub.add('"a"', subject="a", references=[to_a])

        assert registry.schema(schema_id)[-1] == '"a"'
        assert len(stub.requests) == 2

    def test_too_many_references(self, stub: RegistryStub, registry: Registry) -> None:
        """A schema that refers to more others than any writer's is unusable."""
        for number in range(101):
            stub.add(f'"{number}"', subject=f"s{number}")
        references = [{"name": "", "subject": f"s{number}", "version": 1} for number in range(101)]
        schema_id = stub.add('"all"', references=references)

        assert poison(registry, schema_id) is DeadLetterReason.UNUSABLE_SCHEMA

    def test_odd_references(self, stub: RegistryStub, registry: Registry) -> None:
        """A reference without a subject is unusable."""
        schema_id = stub.add('"a"', references=[{"name": "A"}])

        assert poison(registry, schema_id) is DeadLetterReason.UNUSABLE_SCHEMA


class TestOtherIds:
    """What else a schema is known by."""

    def test_a_guid(self, stub: RegistryStub, registry: Registry) -> None:
        """The GUID of a schema is Confluent's."""
        stub.guids[str(GUID)] = stub.add('"int"')

        assert registry.schema(GUID) == ('"int"',)
        assert stub.requests == [f"GET /schemas/guids/{GUID}"]

    @pytest.mark.parametrize("api", ["ccompat/v7", "ccompat/v6/", "registry/v3"])
    def test_a_global_id(self, stub: RegistryStub, api: str) -> None:
        """Apicurio's own API, beside Confluent's or alone, has the schema with all below it."""
        stub.global_ids[9] = stub.add('["null", "int"]')
        registry = Registry(Access(url=f"{stub.url}/apis/{api}"), SystemClock())

        [text] = registry.schema(GlobalId(9))

        assert json.loads(text) == ["null", "int"]
        assert stub.requests == ["GET /apis/registry/v2/ids/globalIds/9?dereference=true"]

    @pytest.mark.parametrize("schema_id", [GUID, GlobalId(9)])
    def test_an_unknown_one(self, stub: RegistryStub, schema_id: RegistryId) -> None:
        """It is poison, and the text says which."""
        stub.path = "/apis/ccompat/v7"
        registry = Registry(Access(url=stub.url + stub.path), SystemClock())
        with pytest.raises(PoisonError, match=r"unknown_schema.*(GUID 89|global id 9)"):
            registry.schema(schema_id)

    def test_a_registry_without_such_ids(self, stub: RegistryStub, registry: Registry) -> None:
        """A 404 that does not come of Apicurio says nothing of the id."""
        stub.body = b"not here"
        stub.status = 404
        with pytest.raises(UnavailableError):
            registry.schema(GlobalId(9))


class TestAddress:
    """What the registry's URL may look like."""

    @pytest.mark.parametrize("path", ["/", "/api", "/api/", "/contexts/:.shop:", "/a/b/c/"])
    def test_a_path(self, stub: RegistryStub, path: str) -> None:
        """A path, a context of Confluent's, and a slash at the end make no difference."""
        stub.path = path.rstrip("/")
        schema_id = stub.add('"int"')
        registry = Registry(Access(url=stub.url + path), SystemClock())

        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests == [f"GET {stub.path}/schemas/ids/{schema_id}"]

    def test_several(self, stub: RegistryStub) -> None:
        """The next is asked when one fails, and then from the first request on."""
        first, second = (stub.add(kind) for kind in ('"int"', '"long"'))
        access = Access(url=CLOSED, others=(CLOSED, stub.url))
        registry = Registry(access, SystemClock())

        assert registry.schema(first) == ('"int"',)
        assert registry.schema(second) == ('"long"',)
        assert len(stub.requests) == 2

    def test_none_of_several(self) -> None:
        """What is told is of the last that was asked; each was asked once."""
        registry = Registry(Access(url=CLOSED, others=("http://127.0.0.1:2",)), SystemClock())

        assert "127.0.0.1:2" in unavailable(registry)

    def test_what_one_does_not_know_the_others_are_not_asked(self, stub: RegistryStub) -> None:
        """Several addresses are of one registry: its word is its word."""
        with running(RegistryStub()) as other:
            registry = Registry(Access(url=stub.url, others=(other.url,)), SystemClock())

            assert poison(registry, 7) is DeadLetterReason.UNKNOWN_SCHEMA
            assert other.requests == []


class TestUnknown:
    """What the registry has not is poison."""

    def test_unknown_id(self, registry: Registry) -> None:
        """An id that nobody has registered."""
        assert poison(registry, 100_001) is DeadLetterReason.UNKNOWN_SCHEMA

    @pytest.mark.parametrize("schema_id", [2**31, 2**32 - 1])
    def test_id_that_none_can_have(
        self, stub: RegistryStub, registry: Registry, schema_id: int
    ) -> None:
        """The framing has room for ids that no registry gives; it is not asked for them."""
        assert poison(registry, schema_id) is DeadLetterReason.UNKNOWN_SCHEMA
        assert stub.requests == []

    @pytest.mark.parametrize(("subject", "version"), [("none", 1), ("events-value", 9)])
    def test_unknown_reference(
        self, stub: RegistryStub, registry: Registry, subject: str, version: int
    ) -> None:
        """A schema is unknown as long as one that it refers to is."""
        stub.add('"int"')
        reference = {"name": "A", "subject": subject, "version": version}
        schema_id = stub.add('"a"', references=[reference])

        assert poison(registry, schema_id) is DeadLetterReason.UNKNOWN_SCHEMA


class TestUnavailable:
    """What is wrong with the registry, or with the way to it, is no record's fault."""

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (401, "SEG_SCHEMA_REGISTRY__USERNAME"),
            (403, "SEG_SCHEMA_REGISTRY__USERNAME"),
            (302, "redirects with status 302, which is not followed: see SEG_SCHEMA_REGISTRY__URL"),
            (408, "busy"),
            (429, "busy"),
            (500, "status 500 and no schema: see its log"),
            (503, "out of order, with status 503"),
            (400, "status 400 and no schema: see SEG_SCHEMA_REGISTRY__URL"),
        ],
    )
    def test_status(
        self, stub: RegistryStub, registry: Registry, status: int, expected: str
    ) -> None:
        """A status that says nothing of the schema leaves it open."""
        stub.status = status

        assert expected in unavailable(registry)
        assert len(stub.requests) == 1

    def test_recovery(self, stub: RegistryStub, registry: Registry) -> None:
        """Once the registry is back the schema comes."""
        schema_id = stub.add('"int"')
        stub.status = 500
        unavailable(registry, schema_id)
        stub.status = None

        assert registry.schema(schema_id) == ('"int"',)

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"schema": 7}'])
    def test_garbage(self, stub: RegistryStub, registry: Registry, body: bytes) -> None:
        """An answer that no registry gives means that the address is another's."""
        stub.body = body

        assert "SEG_SCHEMA_REGISTRY__URL" in unavailable(registry)

    def test_404_of_another(self, stub: RegistryStub) -> None:
        """A 404 without a registry's error code is a wrong path, not an unknown id."""
        registry = Registry(Access(url=f"{stub.url}/api"), SystemClock())

        assert "status 404 and no schema: see SEG_SCHEMA_REGISTRY__URL" in unavailable(registry)

    def test_too_long_an_answer(self, stub: RegistryStub, registry: Registry) -> None:
        """An answer above a mebibyte is not taken, also where it begins well."""
        stub.status = 200
        stub.body = b'{"schema": "text"}' + b" " * MAX_ANSWER_BYTES

        assert "status 200 and no schema" in unavailable(registry)

    def test_nobody_listens(self) -> None:
        """A refused connection names the address and the setting."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        detail = unavailable(Registry(Access(url=f"http://127.0.0.1:{port}"), SystemClock()))

        assert f"http://127.0.0.1:{port} does not answer" in detail
        assert "SEG_SCHEMA_REGISTRY__URL" in detail

    def test_slow(self, stub: RegistryStub) -> None:
        """An answer that does not come in time is none."""
        stub.delay_s = 2.0
        registry = Registry(Access(url=stub.url, timeout_s=0.3), SystemClock())

        assert "timed out" in unavailable(registry)

    def test_dripping(self, stub: RegistryStub) -> None:
        """The time is for the whole of an answer, not for each byte."""
        schema_id = stub.add('"int"')
        stub.drips.add(f"/schemas/ids/{schema_id}")
        registry = Registry(Access(url=stub.url, timeout_s=0.3), SystemClock())

        assert "timed out" in unavailable(registry, schema_id)

    def test_all_references_share_the_time(self, stub: RegistryStub) -> None:
        """However many requests a look-up takes, it takes no longer than it may."""
        references = []
        for number in range(5):
            stub.add(f'"{number}"', subject=f"s{number}")
            references.append({"name": "", "subject": f"s{number}", "version": 1})
        schema_id = stub.add('"all"', references=references)
        stub.delay_s = 0.2
        registry = Registry(Access(url=stub.url, timeout_s=0.5), SystemClock())

        assert "time" in unavailable(registry, schema_id)
        assert len(stub.requests) <= 3

    def test_missing_certificate(self, stub: RegistryStub, tmp_path: Path) -> None:
        """A file of TLS that is not there is a setting's fault."""
        url = stub.url.replace("http:", "https:")
        access = Access(url=url, ca_file=str(tmp_path / "none.pem"))

        assert "SEG_SCHEMA_REGISTRY__CA_FILE" in unavailable(Registry(access, SystemClock()))


class TestAccess:
    """How the registry lets us in, and at which address."""

    @pytest.mark.parametrize(
        "access",
        [
            Access(url="", user="user", password=SECRET),
            Access(url="", token=TOKEN),
        ],
        ids=["basic", "bearer"],
    )
    def test_credentials(self, stub: RegistryStub, access: Access) -> None:
        """A user with a password, or a token, open a registry that is closed without."""
        stub.password = access.token or SECRET
        schema_id = stub.add('"int"')
        closed = Registry(Access(url=stub.url), SystemClock())

        assert "refuses us with status 401" in unavailable(closed, schema_id)
        opened = Registry(replace(access, url=stub.url), SystemClock())
        assert opened.schema(schema_id) == ('"int"',)

    def test_secrets_are_not_shown(self) -> None:
        """The repr has the address and no secret."""
        access = Access(url="http://registry:8081", user="u", password="p4ss", token="t0ken")

        assert repr(access) == "Access(http://registry:8081)"


class TestProxy:
    """The registry is reached by the rules that count for Seg."""

    REGISTRY = "http://registry.example:8081"

    def test_by_setting(self, stub: RegistryStub) -> None:
        """Requests go to the proxy of the settings, with the whole address."""
        schema_id = stub.add('"int"')
        registry = Registry(Access(url=self.REGISTRY, proxy=stub.url), SystemClock())

        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests == [f"GET {self.REGISTRY}/schemas/ids/{schema_id}"]

    def test_by_environment(self, stub: RegistryStub, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a setting the environment's proxy is used."""
        monkeypatch.setenv("http_proxy", stub.url)
        monkeypatch.setenv("no_proxy", "")

        schema_id = stub.add('"int"')

        registry = Registry(Access(url=self.REGISTRY), SystemClock())
        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests == [f"GET {self.REGISTRY}/schemas/ids/{schema_id}"]

    def test_not_for_this_machine(
        self, stub: RegistryStub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is reached directly goes by no proxy."""
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        schema_id = stub.add('"int"')

        registry = Registry(Access(url=stub.url, direct=True), SystemClock())
        assert registry.schema(schema_id) == ('"int"',)

    def test_that_does_not_let_us_through(self, stub: RegistryStub) -> None:
        """A tunnel that the proxy refuses is the proxy's fault, and its setting is named."""
        access = Access(url="https://registry.example", proxy=stub.url)

        assert "SEG_SCHEMA_REGISTRY__PROXY" in unavailable(Registry(access, SystemClock()))

    def test_that_asks_who_we_are(self, stub: RegistryStub) -> None:
        """407 is the proxy's word, not the registry's."""
        stub.status = 407

        assert "proxy" in unavailable(Registry(Access(url=stub.url), SystemClock()))


class TestRegister:
    """`produce` registers its schema."""

    def test_register(self, stub: RegistryStub, registry: Registry) -> None:
        """A schema gets an id, and the same id the next time."""
        schema_id = registry.register("shop/events-value", '"int"')

        assert registry.register("shop/events-value", '"int"') == schema_id
        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests[0] == "POST /subjects/shop%2Fevents-value/versions"

    def test_incompatible(self, stub: RegistryStub, registry: Registry) -> None:
        """A schema that the registry refuses stops the command with the registry's words."""
        stub.incompatible = True

        with pytest.raises(StartError, match=r"events-value with status 409: .*incompatible"):
            registry.register("events-value", '"int"')

    def test_registry_is_down(self, stub: RegistryStub, registry: Registry) -> None:
        """A registry that is out of order has not refused."""
        stub.status = 503

        with pytest.raises(UnavailableError):
            registry.register("events-value", '"int"')
