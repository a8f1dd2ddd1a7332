"""Wrong values are refused before anything is installed, each with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chart.generate import CHART
from tests.chart.rendering import CASES, MINIMAL, Helm
from tests.chart.trees import Tree

KEDA = CHART / "ci" / "keda-values.yaml"
HPA = CHART / "ci" / "hpa-values.yaml"
SECRET = "SEG_DELIVERY__WEBSITE_ID"


class Wrong(NamedTuple):
    """Values that are wrong on top of *base*, and what the refusal says."""

    values: Tree
    says: str
    base: Path = MINIMAL


def kafka(**settings: object) -> Tree:
    """Return values with *settings* of the section kafka."""
    return {"settings": {"kafka": settings}}


def keda(**metadata: str) -> Tree:
    """Return values with *metadata* of the Kafka trigger."""
    return {"scaling": {"keda": {"metadata": {**metadata}}}}


BY_SENTENCE = {
    "no brokers": Wrong(
        kafka(bootstrap_servers=None),
        "settings.kafka.bootstrap_servers: expected the brokers to ask first; it is not set",
    ),
    "no topics": Wrong(
        kafka(topics=None), "settings.kafka.topics: expected the topics to read; it is not set"
    ),
    "no Website Id": Wrong(
        {"secrets": {"existingSecret": ""}},
        "secrets: expected a place of SEG_DELIVERY__WEBSITE_ID, the key of every request: name a "
        "Secret in secrets.existingSecret or secrets.keys",
    ),
    "no image": Wrong(
        {"image": {"repository": ""}},
        "image.repository: expected where the image is that you have built and pushed, such as "
        "registry.example/seg-consumer; it is not set",
    ),
    "no partitions": Wrong(
        {"scaling": {"partitions": None}},
        "scaling.partitions: expected how many partitions the group reads, over all its topics; "
        "it is not set",
    ),
    "replicas above partitions": Wrong(
        {"scaling": {"replicas": 13}},
        "scaling.replicas: expected at most scaling.partitions (12), got 13: a further pod would "
        "own nothing",
    ),
    "KEDA above partitions": Wrong(
        {"scaling": {"maxReplicas": 25}},
        "scaling.maxReplicas: expected at most scaling.partitions (24), got 25: a further pod "
        "would own nothing",
        KEDA,
    ),
    "HPA above partitions": Wrong(
        {"scaling": {"maxReplicas": 13}},
        "scaling.maxReplicas: expected at most scaling.partitions (12), got 13: a further pod "
        "would own nothing",
        HPA,
    ),
    "least above most": Wrong(
        {"scaling": {"minReplicas": 5}},
        "scaling.minReplicas: expected at most scaling.maxReplicas (4), got 5",
        HPA,
    ),
    "HPA down to none": Wrong(
        {"scaling": {"minReplicas": 0}},
        "scaling.minReplicas: expected at least 1 where scaling.mode is hpa, got 0: without a pod "
        "there is no CPU to measure",
        HPA,
    ),
    "grace below drain": Wrong(
        {"terminationGracePeriodSeconds": 49},
        "terminationGracePeriodSeconds: expected at least 50 (settings.kafka.drain_timeout_s and "
        "15 s), got 49: a pod would be killed while it drains",
    ),
    "drain above the poll interval": Wrong(
        kafka(drain_timeout_s=30, max_poll_interval_s=30),
        "settings.kafka.drain_timeout_s: expected less than settings.kafka.max_poll_interval_s "
        "(30), got 30: the group would take the partitions away",
    ),
    "drain above liveness": Wrong(
        kafka(drain_timeout_s=60),
        "settings.http.liveness_timeout_s: expected more than settings.kafka.drain_timeout_s "
        "(60), got 60: a pod that drains would be restarted",
    ),
    "one instance id for all": Wrong(
        kafka(group_instance_id="a"),
        "settings.kafka.group_instance_id: expected not to be set, for all pods would have the "
        "same; staticMembership.enabled gives each its own",
    ),
    "secrets in clear by accident": Wrong(
        {"secrets": {"values": {SECRET: "x"}}},
        "secrets.values: expected to be empty, for secrets.create is false; values in clear are "
        "for trying out",
    ),
    "two places": Wrong(
        {"secrets": {"keys": {"SEG_KAFKA__TOPICS": {"name": "seg", "key": "topics"}}}},
        "settings.kafka.topics: expected one place for it, got two: secrets has "
        "SEG_KAFKA__TOPICS as well",
    ),
    "two places of a secret": Wrong(
        {
            "secrets": {
                "create": True,
                "values": {SECRET: "x"},
                "keys": {SECRET: {"name": "seg", "key": "id"}},
            }
        },
        f"secrets.values.{SECRET}: expected one place for it, got two: secrets.keys has it as well",
    ),
    "idle consumers and a limit": Wrong(
        keda(limitToPartitionsWithLag="true"),
        "scaling.keda.metadata.limitToPartitionsWithLag: expected not together with "
        'allowIdleConsumers; set that to "false"',
        KEDA,
    ),
    "even and a limit": Wrong(
        keda(
            allowIdleConsumers="false",
            limitToPartitionsWithLag="true",
            ensureEvenDistributionOfPartitions="true",
        ),
        "scaling.keda.metadata.limitToPartitionsWithLag: expected not together with "
        "ensureEvenDistributionOfPartitions",
        KEDA,
    ),
    "even over two topics": Wrong(
        {**keda(ensureEvenDistributionOfPartitions="true"), **kafka(topics=["a", "b"])},
        "scaling.keda.metadata.ensureEvenDistributionOfPartitions: expected one topic in "
        "settings.kafka.topics, and no pattern",
        KEDA,
    ),
    "little metadata for a pattern": Wrong(
        {**keda(fullMetadata="false"), **kafka(topics=["^a"])},
        'scaling.keda.metadata.fullMetadata: expected "true" unless settings.kafka.topics is one '
        "topic, and no pattern",
        KEDA,
    ),
    "a certificate that KEDA cannot read": Wrong(
        kafka(ssl_ca_file="/etc/ssl/ca.crt"),
        "settings.kafka.ssl_ca_file: expected a file below /etc/seg-consumer/files that `files` "
        "mounts, for KEDA reads it too; or set scaling.keda.authenticationRef",
        KEDA,
    ),
    "KEDA without a password": Wrong(
        {
            **kafka(sasl_mechanism="PLAIN", security_protocol="SASL_SSL", sasl_username="a"),
            "secrets": {"existingSecret": "", "keys": {SECRET: {"name": "seg", "key": "id"}}},
            "scaling": {"mode": "keda"},
        },
        "secrets: expected a place of SEG_KAFKA__SASL_PASSWORD, for settings.kafka.sasl_mechanism "
        "is PLAIN",
    ),
    "brokers that KEDA cannot read": Wrong(
        {
            **kafka(bootstrap_servers=None),
            "secrets": {"keys": {"SEG_KAFKA__BOOTSTRAP_SERVERS": {"name": "seg", "key": "b"}}},
        },
        "settings.kafka.bootstrap_servers: expected to be set here where scaling.mode is keda: "
        "KEDA reads it from the ScaledObject",
        KEDA,
    ),
    "ports that nobody knows": Wrong(
        {
            **kafka(bootstrap_servers=None),
            "secrets": {"keys": {"SEG_KAFKA__BOOTSTRAP_SERVERS": {"name": "seg", "key": "b"}}},
        },
        "networkPolicy.kafka.ports: expected the brokers' ports, for "
        "settings.kafka.bootstrap_servers stands in a Secret; they are not set",
    ),
    "two budgets": Wrong(
        {"podDisruptionBudget": {"minAvailable": 1}},
        "podDisruptionBudget: expected either maxUnavailable or minAvailable; set the other to "
        "null",
    ),
    "a budget that blocks": Wrong(
        {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": None}},
        "podDisruptionBudget.minAvailable: expected less than scaling.replicas (1), got 1: no "
        "node could ever be drained",
    ),
    "two monitors": Wrong(
        {"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        "monitoring: expected either podMonitor or serviceMonitor, got both: every sample would "
        "be counted twice",
    ),
    "an alert that there is not": Wrong(
        {"monitoring": {"prometheusRule": {"disabled": ["SegConsumerLagg"]}}},
        "monitoring.prometheusRule.disabled: expected alerts of this chart, got SegConsumerLagg",
    ),
}

BY_SCHEMA = {
    "a misspelt value": Wrong({"replicas": 3}, "replicas"),
    "a misspelt setting": Wrong(kafka(topic="a"), "topic"),
    "a secret setting in clear": Wrong(kafka(sasl_password="x"), "sasl_password"),
    "text for a number": Wrong(kafka(drain_timeout_s="25 s"), "drain_timeout_s"),
    "a number out of range": Wrong(
        {"settings": {"dead_letter": {"storm_limit": 2}}}, "storm_limit"
    ),
    "an unknown choice": Wrong({"scaling": {"mode": "vpa"}}, "mode"),
    "an unknown level": Wrong({"settings": {"log": {"level": "loud"}}}, "level"),
    "any free port": Wrong({"settings": {"http": {"port": 0}}}, "port"),
    "part of a pod": Wrong({"scaling": {"replicas": 1.5}}, "replicas"),
    "an unknown variable": Wrong(
        {"secrets": {"keys": {"SEG_KAFKA__PASSWORD": {"name": "a", "key": "b"}}}},
        "SEG_KAFKA__PASSWORD",
    ),
    "a place without a key": Wrong({"secrets": {"keys": {SECRET: {"name": "a"}}}}, "key"),
    "a file from two places": Wrong({"files": {"ca": {"secret": "a", "configMap": "b"}}}, "ca"),
    "a misspelt metadatum": Wrong(keda(lagTreshold="5"), "lagTreshold", KEDA),
    "a flag that is no text": Wrong(
        {"scaling": {"keda": {"metadata": {"excludePersistentLag": True}}}},
        "excludePersistentLag",
        KEDA,
    ),
    "no lag at all": Wrong({"scaling": {"keda": {"lagThreshold": 0}}}, "lagThreshold", KEDA),
    "a long name": Wrong({"fullnameOverride": "a" * 53}, "fullnameOverride"),
    "a broken digest": Wrong({"image": {"digest": "sha256:1"}}, "digest"),
    "a label that is a number": Wrong({"podLabels": {"a": 1}}, "podLabels"),
}


@pytest.mark.parametrize("wrong", BY_SENTENCE.values(), ids=BY_SENTENCE)
def test_rule_between_values_has_its_sentence(helm: Helm, wrong: Wrong) -> None:
    """What a schema cannot say is refused in words: what was expected, what came, and why."""
    assert wrong.says in helm.refusal(wrong.values, wrong.base)


@pytest.mark.parametrize("wrong", BY_SCHEMA.values(), ids=BY_SCHEMA)
def test_schema_names_the_value(any_helm: Helm, wrong: Wrong) -> None:
    """What is no value, or no value of its kind, is refused by its name, by both helms."""
    text = any_helm.refusal(wrong.values, wrong.base)

    assert "values don't meet the specifications of the schema" in text
    assert wrong.says in text


def test_all_problems_are_told_at_once(any_helm: Helm) -> None:
    """One attempt shows everything that is wrong."""
    text = any_helm.refusal(
        {
            "scaling": {"replicas": 13},
            "terminationGracePeriodSeconds": 1,
            **kafka(bootstrap_servers=None),
        }
    )

    for name in ("scaling.replicas", "terminationGracePeriodSeconds", "bootstrap_servers"):
        assert name in text


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_right_values_are_taken(helm: Helm, case: Path) -> None:
    """None of the rules refuses what is right."""
    helm.template(case)
