"""The commonest mistakes: what one sees, where to look, and how soon.

`docs/mistakes.md` is made of these rows and `test_mistakes` runs each against the real program.
In a sentence `…` stands for what differs from place to place; `{…}` in a variable's value for
something that the test has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Then = Literal["exit 2", "exit 1", "exit 1 after 30 s", "it waits and goes on by itself"]
WAITS: Final = "it waits and goes on by itself"


class Mistake(NamedTuple):
    """One row."""

    what: str
    says: str
    """The sentence, or as much of it as matters."""
    look_at: str
    """What the same line names: a setting, or an option."""
    then: Then
    variables: Mapping[str, str | None]
    """What is set differently from a place where all is well; None takes a variable away."""
    arguments: tuple[str, ...] = ("run",)


SETTINGS: Final = (
    Mistake(
        "the Website Id is not set",
        "SEG_DELIVERY__WEBSITE_ID: expected a UUID such as …; it is not set",
        "SEG_DELIVERY__WEBSITE_ID",
        "exit 2",
        {"SEG_DELIVERY__WEBSITE_ID": None},
    ),
    Mistake(
        "the Website Id is something else",
        "SEG_DELIVERY__WEBSITE_ID: expected a UUID such as …, got ***",
        "SEG_DELIVERY__WEBSITE_ID",
        "exit 2",
        {"SEG_DELIVERY__WEBSITE_ID": "my-shop"},
    ),
    Mistake(
        "a typo in a variable's name",
        "SEG_KAFKA__TOPIC: no such setting; did you mean SEG_KAFKA__TOPICS?",
        "SEG_KAFKA__TOPICS",
        "exit 2",
        {"SEG_KAFKA__TOPIC": "events"},
    ),
    Mistake(
        "a typo in the file of settings",
        "…typo.yaml: SEG_KAFKA__TOPCIS: no such setting; did you mean SEG_KAFKA__TOPICS?",
        "typo.yaml",
        "exit 2",
        {"SEG_CONFIG_FILE": "{folder}/typo.yaml"},
    ),
    Mistake(
        "the file is no YAML",
        "…syntax.yaml: expected YAML, got a syntax error in line 3",
        "syntax.yaml",
        "exit 2",
        {"SEG_CONFIG_FILE": "{folder}/syntax.yaml"},
    ),
    Mistake(
        "`--config` behind the command",
        "Error: --config goes before the command: seg-consumer --config ... run",
        "--config",
        "exit 2",
        {},
        ("run", "--config", "settings.yaml"),
    ),
    Mistake(
        "a number with its unit",
        "SEG_DELIVERY__TIMEOUT_S: expected a number from 0.01 to 300, got '30s'",
        "SEG_DELIVERY__TIMEOUT_S",
        "exit 2",
        {"SEG_DELIVERY__TIMEOUT_S": "30s"},
    ),
    Mistake(
        "a typo in a setting for librdkafka",
        'SEG_KAFKA__CONFIG: librdkafka refuses the settings: No such configuration property: "…"',
        "SEG_KAFKA__CONFIG",
        "exit 2",
        {"SEG_KAFKA__CONFIG": '{{"fetch.min.byte": 1}}'},
    ),
    Mistake(
        "no topic",
        "SEG_KAFKA__TOPICS: expected topic names, or patterns that begin with ^, …, got ''",
        "SEG_KAFKA__TOPICS",
        "exit 2",
        {"SEG_KAFKA__TOPICS": ""},
    ),
    Mistake(
        "`http://` before the brokers' address",
        "SEG_KAFKA__BOOTSTRAP_SERVERS: expected host:port, …, got 'http://kafka:9092'",
        "SEG_KAFKA__BOOTSTRAP_SERVERS",
        "exit 2",
        {"SEG_KAFKA__BOOTSTRAP_SERVERS": "http://kafka:9092"},
    ),
    Mistake(
        "Seg's endpoint without `https://`",
        "SEG_DELIVERY__ENDPOINT: expected an https URL without a user name …, got 'seg.example/x'",
        "SEG_DELIVERY__ENDPOINT",
        "exit 2",
        {"SEG_DELIVERY__ENDPOINT": "seg.example/x"},
    ),
    Mistake(
        "a folder where a file of authorities is meant",
        "SEG_DELIVERY__CA_FILE: expected the path of a file that can be read, got …",
        "SEG_DELIVERY__CA_FILE",
        "exit 2",
        {"SEG_DELIVERY__CA_FILE": "{folder}"},
    ),
    Mistake(
        "the port for metrics is taken",
        "SEG_HTTP__HOST and SEG_HTTP__PORT (…) cannot be listened on: Address already in use",
        "SEG_HTTP__PORT",
        "exit 1",
        {"SEG_HTTP__PORT": "{taken}"},
    ),
    Mistake(
        "a writer's schema of other events",
        "SEG_SCHEMAS__WRITER: …own.avsc: the writer's schema: expected a field `type` …",
        "SEG_SCHEMAS__WRITER",
        "exit 1",
        {"SEG_SCHEMAS__WRITER": "{folder}/own.avsc"},
    ),
)

KAFKA: Final = (
    Mistake(
        "no broker at that port",
        "no broker of SEG_KAFKA__BOOTSTRAP_SERVERS (…) answered …: Connection refused)",
        "SEG_KAFKA__BOOTSTRAP_SERVERS",
        "exit 1 after 30 s",
        {"SEG_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    ),
    Mistake(
        "a typo in a broker's name",
        "no broker of SEG_KAFKA__BOOTSTRAP_SERVERS (…) answered … does not resolve: …)",
        "SEG_KAFKA__BOOTSTRAP_SERVERS",
        "exit 1 after 30 s",
        {"SEG_KAFKA__BOOTSTRAP_SERVERS": "kafka.invalid:9092"},
    ),
    Mistake(
        "a web server's port for Kafka's",
        "an HTTP service answers at SEG_KAFKA__BOOTSTRAP_SERVERS (…), not Kafka: check the port",
        "SEG_KAFKA__BOOTSTRAP_SERVERS",
        "exit 1",
        {"SEG_KAFKA__BOOTSTRAP_SERVERS": "{web}"},
    ),
    Mistake(
        "TLS where the brokers have none",
        "the brokers of … do not take SSL: the brokers do not speak TLS there. Check …",
        "SEG_KAFKA__SECURITY_PROTOCOL",
        "exit 1",
        {"SEG_KAFKA__SECURITY_PROTOCOL": "SSL"},
    ),
    Mistake(
        "a wrong password for Kafka",
        "the login to Kafka fails: check SEG_KAFKA__SASL_USERNAME and SEG_KAFKA__SASL_PASSWORD …",
        "SEG_KAFKA__SASL_PASSWORD",
        "exit 1",
        {
            "SEG_KAFKA__BOOTSTRAP_SERVERS": "{login}",
            "SEG_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "SEG_KAFKA__SASL_MECHANISM": "PLAIN",
            "SEG_KAFKA__SASL_USERNAME": "shop",
            "SEG_KAFKA__SASL_PASSWORD": "wrong",
        },
    ),
    Mistake(
        "a typo in the topic's name",
        "the topic evnets does not exist: check SEG_KAFKA__TOPICS",
        "SEG_KAFKA__TOPICS",
        "exit 1",
        {"SEG_KAFKA__TOPICS": "evnets"},
    ),
    Mistake(
        "a pattern that no topic matches",
        "no_topic_matches ^shop-.*",
        "SEG_KAFKA__TOPICS",
        WAITS,
        {"SEG_KAFKA__TOPICS": "^shop-.*"},
    ),
    Mistake(
        "no topic for dead letters, and no leave to make it",
        "the dead-letter topic … does not exist: create it, or set SEG_DEAD_LETTER__CREATE to true",
        "SEG_DEAD_LETTER__CREATE",
        "exit 1",
        {"SEG_KAFKA__TOPICS": "bare", "SEG_DEAD_LETTER__CREATE": "false"},
    ),
    Mistake(
        "a new group that must not choose where it starts",
        "…: the group … has committed no offset. Set SEG_KAFKA__AUTO_OFFSET_RESET to …",
        "SEG_KAFKA__AUTO_OFFSET_RESET",
        "exit 1",
        {"SEG_KAFKA__AUTO_OFFSET_RESET": "error"},
    ),
    Mistake(
        "records that were deleted before they were read",
        "…: the offset to go on from is not in the log … Set SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE …",
        "SEG_KAFKA__ON_OFFSET_OUT_OF_RANGE",
        "exit 1",
        {"SEG_KAFKA__TOPICS": "expired", "SEG_KAFKA__GROUP_ID": "behind"},
    ),
)

EVENTS: Final = (
    Mistake(
        "JSON in the topic",
        "…, came what looks like JSON text; see SEG_KAFKA__TOPICS, or have Avro written",
        "SEG_KAFKA__TOPICS",
        WAITS,
        {"SEG_KAFKA__TOPICS": "json"},
    ),
    Mistake(
        "Confluent's framing and no schema registry",
        "…: id 7 is a schema registry's, and the settings name none: set SEG_SCHEMA_REGISTRY__URL",
        "SEG_SCHEMA_REGISTRY__URL",
        WAITS,
        {"SEG_KAFKA__TOPICS": "confluent"},
    ),
    Mistake(
        "no schema registry at that address",
        "the schema registry at … does not answer (…): see SEG_SCHEMA_REGISTRY__URL",
        "SEG_SCHEMA_REGISTRY__URL",
        WAITS,
        {"SEG_KAFKA__TOPICS": "confluent", "SEG_SCHEMA_REGISTRY__URL": "http://127.0.0.1:1"},
    ),
    Mistake(
        "something else at that address",
        "the schema registry answers with status 404 and no schema: see SEG_SCHEMA_REGISTRY__URL",
        "SEG_SCHEMA_REGISTRY__URL",
        WAITS,
        {"SEG_KAFKA__TOPICS": "confluent", "SEG_SCHEMA_REGISTRY__URL": "http://{web}"},
    ),
)

SEG: Final = (
    Mistake(
        "another shop's Website Id, or a revoked one",
        "waiting unauthorised Seg answered 403: …",
        "SEG_DELIVERY__WEBSITE_ID",
        WAITS,
        {"SEG_DELIVERY__WEBSITE_ID": "ffffffff-3b39-4d25-9c5e-5d2f6ad3e0f7"},
    ),
    Mistake(
        "a wrong path in the endpoint",
        "waiting misrouted Seg answered 404",
        "SEG_DELIVERY__ENDPOINT",
        WAITS,
        {"SEG_DELIVERY__ENDPOINT": "http://{web}/v2"},
    ),
    Mistake(
        "a typo in the endpoint's name",
        "seg_failing dns no answer: Could not resolve host: seg.invalid …",
        "SEG_DELIVERY__ENDPOINT",
        WAITS,
        {"SEG_DELIVERY__ENDPOINT": "https://seg.invalid/"},
    ),
    Mistake(
        "a firewall, or a port where nobody listens",
        "seg_failing refused no answer: Failed to connect to …",
        "SEG_DELIVERY__ENDPOINT",
        WAITS,
        {"SEG_DELIVERY__ENDPOINT": "https://127.0.0.1:1/"},
    ),
    Mistake(
        "a proxy that signs with its own certificate",
        "seg_failing tls no answer: SSL certificate …",
        "SEG_DELIVERY__CA_FILE",
        WAITS,
        {"SEG_DELIVERY__ENDPOINT": "https://{tls}/"},
    ),
)

MISTAKES: Final = (*SETTINGS, *KAFKA, *EVENTS, *SEG)


class Elsewhere(NamedTuple):
    """A mistake that the embedded broker cannot meet, or that is not `run`'s."""

    what: str
    says: str
    look_at: str
    test: str
    """The file and the name of its test."""


ELSEWHERE: Final = (
    Elsewhere(
        "no rights",
        "the topic … cannot be read: grant the principal READ and DESCRIBE on it, or check"
        " SEG_KAFKA__TOPICS",
        "SEG_KAFKA__TOPICS",
        "tests/security/test_rights.py::test_everything_that_is_missing_is_told_at_once",
    ),
    Elsewhere(
        "a group whose members use another strategy (`doctor`)",
        "the members of the group … divide partitions by range, and SEG_KAFKA__ASSIGNMENT_STRATEGY"
        " is cooperative-sticky: set it to range, or take another SEG_KAFKA__GROUP_ID",
        "SEG_KAFKA__ASSIGNMENT_STRATEGY",
        "tests/kafka/test_real_kafka_only.py::test_a_group_tells_who_is_in_it",
    ),
    Elsewhere(
        "two pods with one instance id: the older ends",
        "another member has the same SEG_KAFKA__GROUP_INSTANCE_ID: each pod needs its own",
        "SEG_KAFKA__GROUP_INSTANCE_ID",
        "tests/kafka/test_real_kafka_only.py::test_two_members_of_one_name_are_told_apart",
    ),
    Elsewhere(
        "the chart: more replicas than partitions",
        "scaling.replicas: expected at most scaling.partitions (12), got …: a further pod would"
        " own nothing",
        "scaling.replicas",
        "tests/chart/test_refusals.py::test_rule_between_values_has_its_sentence",
    ),
)
