"""A schema registry, spoken to over HTTP: what it says, and what is only wrong with it."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from consumer.avro.registry import Registry
from consumer.avro.rest import MAX_ANSWER_BYTES, Access
from consumer.core.errors import DeadLetterReason, PoisonError, StartError, UnavailableError
from tests.avro.registry_stub import RegistryStub, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cret/+: é"


class HandClock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic_s(self) -> float:
        """Return the seconds that the test has set."""
        return self.now_s

    def wall_s(self) -> float:
        """Return the seconds that the test has set."""
        return self.now_s


@pytest.fixture(name="stub")
def _stub() -> Iterator[RegistryStub]:
    with running(RegistryStub()) as stub:
        yield stub


@pytest.fixture(name="clock")
def _clock() -> HandClock:
    return HandClock()


@pytest.fixture(name="registry")
def _registry(stub: RegistryStub, clock: HandClock) -> Registry:
    return Registry(Access(urls=(stub.url,)), clock)


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
    """What the registry has is kept for good."""

    def test_known(self, stub: RegistryStub, registry: Registry) -> None:
        """A schema is asked for once."""
        schema_id = stub.add('"int"')

        assert registry.schema(schema_id) == ('"int"',)
        assert registry.schema(schema_id) == ('"int"',)
        assert stub.requests == [f"GET /schemas/ids/{schema_id}"]
        assert registry.problem is None

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


class TestUnknown:
    """What the registry has not is poison, for a minute."""

    def test_unknown_id(self, stub: RegistryStub, registry: Registry, clock: HandClock) -> None:
        """An unknown id is asked for again after a minute, and is known from then on."""
        assert poison(registry, 100_001) is DeadLetterReason.UNKNOWN_SCHEMA
        clock.now_s += 59.9
        assert poison(registry, 100_001) is DeadLetterReason.UNKNOWN_SCHEMA
        assert len(stub.requests) == 1
        assert registry.problem is None

        stub.add('"int"')
        clock.now_s += 0.2
        assert registry.schema(100_001) == ('"int"',)

    @pytest.mark.parametrize(("subject", "version"), [("none", 1), ("events-value", 9)])
    def test_unknown_reference(
        self, stub: RegistryStub, registry: Registry, subject: str, version: int
    ) -> None:
        """A schema is unknown as long as one that it refers to is."""
        stub.add('"int"')
        reference = {"name": "A", "subject": subject, "version": version}
        schema_id = stub.add('"a"', references=[reference])

        assert poison(registry, schema_id) is DeadLetterReason.UNKNOWN_SCHEMA

    def test_many_unknown_ids(self, registry: Registry) -> None:
        """However many unknown ids there are, only the last thousand are remembered."""
        for schema_id in range(1_010):
            registry._remember_unknown(schema_id)

        registry._remember_unknown(500)
        registry._remember_unknown(1_010)

        remembered = [*range(11, 500), *range(501, 1_010), 500, 1_010]
        assert list(registry._unknown_until_s) == remembered


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
            (500, "out of order, with status 500"),
            (503, "out of order, with status 503"),
            (400, "status 400 and no schema"),
        ],
    )
    def test_status(
        self, stub: RegistryStub, registry: Registry, status: int, expected: str
    ) -> None:
        """A status that says nothing of the schema leaves it open; readiness has the text."""
        stub.status = status
        detail = unavailable(registry)

        assert expected in detail
        assert registry.problem == detail
        assert len(stub.requests) == 1

    def test_recovery(self, stub: RegistryStub, registry: Registry) -> None:
        """Once the registry is back the schema comes, and the problem is gone."""
        schema_id = stub.add('"int"')
        stub.status = 500
        unavailable(registry, schema_id)
        stub.status = None

        assert registry.schema(schema_id) == ('"int"',)
        assert registry.problem is None

    @pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"{}", b'{"schema": 7}'])
    def test_garbage(self, stub: RegistryStub, registry: Registry, body: bytes) -> None:
        """An answer that no registry gives means that the address is another's."""
        stub.body = body

        assert "SEG_SCHEMA_REGISTRY__URL" in unavailable(registry)

    def test_404_of_another(self, stub: RegistryStub) -> None:
        """A 404 without a registry's error code is a wrong path, not an unknown id."""
        registry = Registry(Access(urls=(f"{stub.url}/api",)), HandClock())

        assert "does not answer as a registry does" in unavailable(registry)

    def test_too_long_an_answer(self, stub: RegistryStub, registry: Registry) -> None:
        """An answer above a mebibyte is not taken, also where it begins well."""
        stub.status = 200
        stub.body = b'{"schema": "text"}' + b" " * MAX_ANSWER_BYTES

        assert "does not answer as a registry does" in unavailable(registry)

    def test_nobody_listens(self) -> None:
        """A refused connection names the address and the setting."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        detail = unavailable(Registry(Access(urls=(f"http://127.0.0.1:{port}",)), HandClock()))

        assert f"http://127.0.0.1:{port} does not answer" in detail
        assert "SEG_SCHEMA_REGISTRY__URL" in detail

    def test_slow(self, stub: RegistryStub, clock: HandClock) -> None:
        """An answer that does not come in time is none."""
        stub.delay_s = 1.0
        registry = Registry(Access(urls=(stub.url,), timeout_s=0.3), clock)

        assert "ReadTimeoutError" in unavailable(registry)

    def test_missing_certificate(self, stub: RegistryStub, tmp_path: Path) -> None:
        """A file of TLS that is not there is a setting's fault."""
        url = stub.url.replace("http:", "https:")
        access = Access(urls=(url,), ca_file=str(tmp_path / "none.pem"))

        assert "does not answer" in unavailable(Registry(access, HandClock()))


class TestAccess:
    """How the registry lets us in, and at which address."""

    @pytest.mark.parametrize(
        "access",
        [
            Access(urls=(), user="user", password=SECRET),
            Access(urls=(), token=SECRET),
        ],
        ids=["basic", "bearer"],
    )
    def test_credentials(self, stub: RegistryStub, access: Access) -> None:
        """A user with a password, or a token, open a registry that is closed without."""
        stub.password = SECRET
        schema_id = stub.add('"int"')
        closed = Registry(Access(urls=(stub.url,)), HandClock())

        assert "refuses us with status 401" in unavailable(closed, schema_id)
        opened = Registry(replace(access, urls=(stub.url,)), HandClock())
        assert opened.schema(schema_id) == ('"int"',)

    def test_credentials_in_the_url(self, stub: RegistryStub) -> None:
        """A user and a password may stand in the address, and are never shown."""
        stub.password = "s3cret/"
        schema_id = stub.add('"int"')
        access = Access(urls=(stub.url.replace("//", "//user:s3cret%2F@"),))
        registry = Registry(access, HandClock())

        assert registry.schema(schema_id) == ('"int"',)
        stub.status = 500
        assert "s3cret" not in unavailable(registry)
        assert "s3cret" not in repr(access)
        assert stub.url in repr(access)

    def test_secrets_are_not_shown(self) -> None:
        """The repr has the addresses and no secret."""
        access = Access(urls=("http://registry:8081",), user="u", password="p4ss", token="t0ken")

        assert repr(access) == "Access(http://registry:8081)"

    def test_fail_over(self, stub: RegistryStub) -> None:
        """Where the first address does not answer the next one is asked."""
        schema_id = stub.add('"int"')
        with running(RegistryStub()) as broken:
            broken.status = 500
            registry = Registry(Access(urls=(broken.url, stub.url + "/")), HandClock())

            assert registry.schema(schema_id) == ('"int"',)
        assert len(broken.requests) == 1
        assert registry.problem is None


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
