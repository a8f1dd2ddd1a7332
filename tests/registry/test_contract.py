"""What the program needs of a registry, on the stand-in and on a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import urllib3

from consumer.avro.conversation import Access
from consumer.avro.encoder import Encoder
from consumer.avro.framing import GlobalId
from consumer.avro.registry import Registry
from consumer.core.errors import DeadLetterReason, PoisonError, StartError
from consumer.core.timing import SystemClock
from tests.registry.backends import Real

if TYPE_CHECKING:
    from tests.registry.apicurio import Apicurio
    from tests.registry.backends import Backend

# The limit is the test's: the first start of the registry may have to fetch it.
pytestmark = pytest.mark.timeout(60, func_only=True)

UNKNOWN_ID = 2_000_000_000


@pytest.fixture(name="registry")
def _registry(backend: Backend) -> Registry:
    return Registry(Access(url=backend.url), SystemClock())


def record(name: str, /, **fields: object) -> str:
    """Return the schema of a record with *fields*, types by name."""
    parts = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "t", "fields": parts})


def poison(registry: Registry, schema_id: int) -> DeadLetterReason:
    """Return the reason of the PoisonError that asking for *schema_id* raises."""
    with pytest.raises(PoisonError) as caught:
        registry.schema(schema_id)
    return caught.value.reason


def test_what_is_registered_is_found(registry: Registry, subject: str) -> None:
    """Our own schema goes in and comes out by its id as the same schema."""
    schema = Encoder().schema

    schema_id = registry.register(subject, schema)
    [found] = registry.schema(schema_id)

    assert json.loads(found) == json.loads(schema)


def test_the_same_schema_has_the_same_id(registry: Registry, subject: str) -> None:
    """To register twice changes nothing."""
    schema = record("Same", type="string", subject={"type": "string", "doc": subject})

    assert registry.register(subject, schema) == registry.register(subject, schema)


def test_the_newest_of_a_subject(registry: Registry, subject: str) -> None:
    """The last one registered is the latest; a subject that nobody knows has none."""
    before = registry.latest(subject)
    for kind in ("int", "long"):
        registry.register(subject, record("Newest", type="string", version=kind))
    [newest] = registry.latest(subject) or ()

    assert before is None
    assert json.loads(newest)["fields"][1] == {"name": "version", "type": "long"}


@pytest.mark.real
def test_a_global_id_is_a_versions_and_not_its_contents(apicurio: Apicurio, subject: str) -> None:
    """The same content under two subjects is one id of Confluent's and two of Apicurio's own."""
    registry = Registry(Access(url=apicurio.url), SystemClock())
    base = record("Base", type="string")
    real = Real(apicurio.url)
    first = real.add(base, subject=f"{subject}-1", references=[])
    second = real.add(base, subject=f"{subject}-2", references=[])
    reference: dict[str, object] = {"name": "t.Base", "subject": f"{subject}-1", "version": 1}
    real.add('["null", "t.Base"]', subject=f"{subject}-3", references=[reference])
    number = _global_id(apicurio, f"{subject}-3")

    [union] = registry.schema(GlobalId(number))
    [before] = registry.schema(GlobalId(number - 1))

    assert first == second
    assert json.loads(union)[1]["name"] == "Base"
    assert json.loads(before) == json.loads(base)
    with pytest.raises(PoisonError, match="unknown_schema"):
        registry.schema(GlobalId(UNKNOWN_ID))


def _global_id(apicurio: Apicurio, subject: str) -> int:
    """Return the global id of the newest version of *subject*, as Apicurio's own API tells it."""
    base = apicurio.url.replace("ccompat/v7", "registry/v2")
    path = f"{base}/groups/default/artifacts/{quote(subject, safe='')}/meta"
    told = urllib3.request("GET", path, retries=False).json()
    return int(told["globalId"])


def test_an_unknown_id_is_poison(registry: Registry) -> None:
    """The registry says that it has no such schema: it is no outage."""
    assert poison(registry, UNKNOWN_ID) is DeadLetterReason.UNKNOWN_SCHEMA


def test_a_schema_of_another_kind_is_poison(
    registry: Registry, backend: Backend, subject: str
) -> None:
    """JSON Schema lies in the same registry, and no event of ours is written with it."""
    schema = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
    schema_id = backend.add(schema, subject=subject, kind="JSON", references=[])

    assert poison(registry, schema_id) is DeadLetterReason.UNUSABLE_SCHEMA


def test_references_come_before_who_refers_to_them(
    registry: Registry, backend: Backend, subject: str
) -> None:
    """A schema made of others is read with all of them, whatever their depth."""
    parts = [
        record("City", name="string"),
        record("Address", city="t.City"),
        record("Call", type="string", traits="t.Address"),
    ]
    references: list[dict[str, object]] = []
    schema_id = 0
    for number, (schema, name) in enumerate(zip(parts, ["t.City", "t.Address", ""], strict=True)):
        place = f"{subject}-{number}"
        schema_id = backend.add(schema, subject=place, references=references)
        references = [{"name": name, "subject": place, "version": 1}]

    found = registry.schema(schema_id)

    assert [json.loads(text)["name"] for text in found] == ["City", "Address", "Call"]


def test_what_the_registry_refuses_is_told(
    registry: Registry, backend: Backend, subject: str
) -> None:
    """An incompatible schema is the operator's affair: the text holds the registry's own words."""
    registry.register(subject, record("Strict", type="string", one="int"))
    backend.refuse_incompatible(subject)

    with pytest.raises(StartError, match=f"the subject {subject} with status 409: .*ncompatible"):
        registry.register(subject, record("Strict", type="string", other="int"))
