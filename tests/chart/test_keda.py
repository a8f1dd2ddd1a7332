"""KEDA reads the same values as the pods, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chart.generate import CHART
from tests.chart.trees import dig

if TYPE_CHECKING:
    from tests.chart.rendering import Helm, Objects
    from tests.chart.trees import Tree


def trigger(release: Objects) -> Tree:
    """Return the Kafka trigger."""
    return dig(release.one("ScaledObject"), "spec", "triggers", 0)


def parameters(release: Objects) -> dict[str, tuple[str, str]]:
    """Return where each parameter of the TriggerAuthentication comes from: (object, key)."""
    spec = release.one("TriggerAuthentication")["spec"]
    refs = [ref for kind in spec for ref in dig(spec, kind)]
    return {str(ref["parameter"]): (str(ref["name"]), str(ref["key"])) for ref in refs}


def test_metadata_is_text_in_keda_s_words(releases: dict[str, Objects]) -> None:
    """All metadata is text; SASL and TLS have KEDA's names; the topic is named where it is one."""
    assert trigger(releases["keda"])["metadata"] == {
        "bootstrapServers": "b-1.example:9093,b-2.example:9094",
        "consumerGroup": "seg-consumer",
        "topic": "segment-events",
        "lagThreshold": "1000000",
        "activationLagThreshold": "10",
        "offsetResetPolicy": "earliest",
        "allowIdleConsumers": "true",
        "excludePersistentLag": "true",
        "version": "2.8.0",
        "sasl": "scram_sha512",
        "tls": "enable",
    }


def test_a_pattern_is_no_topic(releases: dict[str, Objects]) -> None:
    """With a pattern the lag is that of the whole group; a broker without a port has Kafka's."""
    metadata = trigger(releases["keda-oauth"])["metadata"]

    assert "topic" not in metadata
    assert metadata["bootstrapServers"] == "b-1.example:9092"
    assert metadata["sasl"] == "oauthbearer"


def test_credentials_are_those_of_the_pods(releases: dict[str, Objects]) -> None:
    """What is secret comes from the pods' Secrets, what is not from the release's ConfigMap."""
    assert parameters(releases["keda"]) == {
        "ca": ("kafka-cluster-ca-cert", "ca.crt"),
        "password": ("kafka-user", "password"),
        "username": ("my-seg-consumer", "SEG_KAFKA__SASL_USERNAME"),
    }
    settings = releases["keda"].one("ConfigMap")["data"]
    assert settings["SEG_KAFKA__SASL_USERNAME"] == "seg-consumer"


def test_tokens_and_mutual_tls(releases: dict[str, Objects]) -> None:
    """OAUTHBEARER's client, mutual TLS and the key's password reach KEDA, too."""
    assert parameters(releases["keda-oauth"]) == {
        "ca": ("trust", "ca.crt"),
        "cert": ("kafka-client", "tls.crt"),
        "key": ("kafka-client", "tls.key"),
        "keyPassword": ("kafka-user", "password"),
        "username": ("kafka-user", "id"),
        "password": ("kafka-user", "password"),
        "oauthTokenEndpointUri": ("my-seg-consumer", "SEG_KAFKA__OAUTHBEARER_TOKEN_ENDPOINT_URL"),
        "scopes": ("my-seg-consumer", "SEG_KAFKA__OAUTHBEARER_SCOPE"),
    }


def test_only_keda_reads_a_config_map(releases: dict[str, Objects]) -> None:
    """It holds what KEDA takes one by one, and there is none where it takes nothing so."""
    assert releases["keda"].one("ConfigMap")["data"] == {"SEG_KAFKA__SASL_USERNAME": "seg-consumer"}
    assert releases["keda-own-authentication"].of("ConfigMap") == []
    assert releases["minimal"].of("ConfigMap") == []


def test_static_members_are_scaled_as_what_they_are(helm: Helm) -> None:
    """With static membership the target is a StatefulSet."""
    release = helm.template(
        CHART / "ci" / "keda-values.yaml", "--set", "staticMembership.enabled=true"
    )

    assert dig(release.one("ScaledObject"), "spec", "scaleTargetRef", "kind") == "StatefulSet"


def test_own_authentication_replaces_ours(releases: dict[str, Objects]) -> None:
    """With `authenticationRef` no TriggerAuthentication is made."""
    release = releases["keda-own-authentication"]

    assert trigger(release)["authenticationRef"] == {
        "name": "kafka",
        "kind": "ClusterTriggerAuthentication",
    }
    assert release.of("TriggerAuthentication") == []


def test_cached_lag_where_stuck_lag_is_left_out(releases: dict[str, Objects]) -> None:
    """`excludePersistentLag` compares two looks: they must be KEDA's own, not the HPA's."""
    assert trigger(releases["keda"])["useCachedMetrics"] is True
    assert "useCachedMetrics" not in trigger(releases["keda-oauth"])


def test_scaling_in_is_slow(releases: dict[str, Objects]) -> None:
    """Each step is a rebalance: one pod a minute, after five calm minutes; KEDA and HPA alike."""
    keda = dig(releases["keda"].one("ScaledObject"), "spec", "advanced")
    hpa = releases["hpa"].one("HorizontalPodAutoscaler")["spec"]

    down = dig(hpa, "behavior", "scaleDown")
    assert dig(keda, "horizontalPodAutoscalerConfig", "behavior", "scaleDown") == down
    assert down["stabilizationWindowSeconds"] == 300
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


def test_hpa_takes_metrics_of_one_s_own(releases: dict[str, Objects]) -> None:
    """CPU is only what there is without an adapter."""
    cpu = dig(releases["hpa"].one("HorizontalPodAutoscaler"), "spec", "metrics", 0)
    own = dig(releases["hpa-metrics"].one("HorizontalPodAutoscaler"), "spec", "metrics", 0)

    assert cpu["resource"]["name"] == "cpu"
    assert own["type"] == "External"
