"""When each alert fires and when it does not: promtool's own notation, one table.

`start+step x times` is a series of samples, one a minute (promtool's documentation, "Unit testing
for rules"); `_` is a gap. A series without a prefix is the service's and gets the labels of a pod
as `POD` has them.
"""

from __future__ import annotations

from typing import NamedTuple

POD = {"namespace": "shop", "job": "shop/seg-consumer", "pod": "a"}
JOB = {"namespace": "shop", "job": "shop/seg-consumer"}

LIVE = {"build_info": "1x420"}
NO_WAIT = {'breaker_open{reason="outage"}': "0x420"}
DELIVERED = 'calls_delivered_total{call="page"}'
DEAD = 'records_dead_lettered_total{reason="bad_avro"}'
TIMED = "append_to_ack_seconds_count"
ON_TIME = 'append_to_ack_seconds_bucket{le="60.0"}'
LAG = 'lag_records{topic="t",partition="0"}'
AGE = 'lag_seconds{topic="t",partition="0"}'
POSITION = 'position_offset{topic="t",partition="0"}'
REFUSED = 'commit_failures_total{code="REBALANCE_IN_PROGRESS"}'
LEFT_OUT = 'values_left_out_total{key="Price"}'
ASSIGNED = 'rebalances_total{event="assigned"}'
REGISTRY = 'dependency_failures_total{dependency="schema_registry"}'
HPA = '{namespace="shop",horizontalpodautoscaler="keda-hpa-seg-consumer"}'
REPLICAS = f"kube_horizontalpodautoscaler_status_current_replicas{HPA}"
REPLICAS_MAX = f"kube_horizontalpodautoscaler_spec_max_replicas{HPA}"


class Case(NamedTuple):
    """What Prometheus has seen at a moment, and whether the alert fires then."""

    alert: str
    severity: str
    about: str
    series: dict[str, str]
    at_minute: int
    labels: dict[str, str] | None
    """Of the alert that fires, its name and severity aside; None where it is silent."""
    sampled_min: int = 1
    """Minutes between two samples, and two looks; 4 make a long night short."""


def _open(reason: str, values: str) -> dict[str, str]:
    return {f'breaker_open{{reason="{reason}"}}': values}


CASES = [
    Case(
        "SegConsumerDeliveryBurn", "critical", "2 % of the calls die for an hour",
        LIVE | {DELIVERED: "0+588x80", DEAD: "0+12x80"}, 75, JOB,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "0.8 % die for more than half an hour",
        LIVE | {DELIVERED: "0+1190x60", DEAD: "0+10x60"}, 45, JOB,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "nothing is delivered and all dies",
        LIVE | {DEAD: "0+12x80"}, 75, JOB,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "one of a few calls dies at night",
        LIVE | {DELIVERED: "0+1x80", DEAD: "0x30 1x20 2x30"}, 75, None,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "it is over: none has died for half an hour",
        LIVE | {DELIVERED: "0+564x100", DEAD: "0+36x30 1080x60"}, 67, None,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "2 % die for six minutes of a good hour",
        LIVE | {DELIVERED: "0+588x90", DEAD: "0x60 12+12x5 72x20"}, 66, None,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "0.8 % die for half an hour of a good night",
        LIVE | {DELIVERED: "0+4760x100", DEAD: "0x75 40+40x24"}, 336, None, 4,
    ),
    Case(
        "SegConsumerDeliveryBurn", "critical", "no traffic at all",
        LIVE | {DELIVERED: "500x80", DEAD: "50x80"}, 75, None,
    ),
    Case(
        "SegConsumerDeliveryBurn", "warning", "0.4 % die for an hour",
        LIVE | {DELIVERED: "0+996x80", DEAD: "0+4x80"}, 60, JOB,
    ),
    Case(
        "SegConsumerDeliveryBurn", "warning", "0.2 % die for an hour",
        LIVE | {DELIVERED: "0+998x80", DEAD: "0+2x80"}, 60, JOB,
    ),
    Case(
        "SegConsumerDeliveryBurn", "warning", "it is over: none has died for seven hours",
        LIVE | {DELIVERED: "0+3800x140", DEAD: "0+200x15 3000x120"}, 480, None, 4,
    ),
    Case(
        "SegConsumerDeliveryBurn", "warning", "1.5 % die for half an hour of a good day",
        LIVE | {DELIVERED: "0+3940x140", DEAD: "0x118 60+60x6 420x20"}, 532, None, 4,
    ),
    Case(
        "SegConsumerDeliveryBurn", "warning", "0.05 % die: the objective allows it",
        LIVE | {DELIVERED: "0+9995x80", DEAD: "0+5x80"}, 70, None,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "a fifth of the calls is late for an hour",
        LIVE | {TIMED: "0+100x80", ON_TIME: "0+80x80"}, 75, JOB,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "8 % are late for more than half an hour",
        LIVE | {TIMED: "0+100x60", ON_TIME: "0+92x60"}, 45, JOB,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "each of a few calls is late at night",
        LIVE | {TIMED: "0x30 1x20 2x30", ON_TIME: "0x80"}, 75, None,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "a quarter is late for six minutes of a good hour",
        LIVE | {TIMED: "0+100x80", ON_TIME: "0+100x60 6075+75x5 6475+100x9"}, 66, None,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "8 % are late for half an hour of a good night",
        LIVE | {TIMED: "0+400x100", ON_TIME: "0+400x75 30368+368x24"}, 336, None, 4,
    ),
    Case(
        "SegConsumerFreshnessBurn", "critical", "a backlog was worked off and all is fresh again",
        LIVE | {TIMED: "0+100x100", ON_TIME: "0x20 0+100x80"}, 60, None,
    ),
    Case(
        "SegConsumerFreshnessBurn", "warning", "4 % are late for an hour",
        LIVE | {TIMED: "0+100x80", ON_TIME: "0+96x80"}, 60, JOB,
    ),
    Case(
        "SegConsumerFreshnessBurn", "warning", "it is over: none has been late for seven hours",
        LIVE | {TIMED: "0+400x140", ON_TIME: "0+200x15 3400+400x120"}, 480, None, 4,
    ),
    Case(
        "SegConsumerFreshnessBurn", "warning", "15 % are late for half an hour of a good day",
        LIVE | {TIMED: "0+400x140", ON_TIME: "0+400x118 47540+340x6 49980+400x20"}, 532, None, 4,
    ),
    Case(
        "SegConsumerFreshnessBurn", "warning", "0.5 % are late: the objective allows it",
        LIVE | {TIMED: "0+200x80", ON_TIME: "0+199x80"}, 70, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "there is lag and no position moves",
        LIVE | NO_WAIT | {LAG: "50+10x40", POSITION: "7x40"}, 30, POD,
    ),
    Case(
        "SegConsumerStuck", "critical", "the loop polls no more",
        LIVE | NO_WAIT | {"poll_age_seconds": "0+60x40"}, 30, POD,
    ),
    Case(
        "SegConsumerStuck", "critical", "a position stands still for ten minutes, then moves",
        LIVE | NO_WAIT | {LAG: "50x40", POSITION: "7x12 8+1x28"}, 13, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "one partition stands still, another moves",
        LIVE | NO_WAIT
        | {LAG: "50x40", POSITION: "7x40", 'position_offset{topic="t",partition="1"}': "0+9x40"},
        30, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "nothing is left to do",
        LIVE | NO_WAIT | {LAG: "0x40", POSITION: "7x40"}, 30, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "Seg is away: that alert speaks",
        LIVE | _open("outage", "1x40") | {LAG: "50x40", POSITION: "7x40"}, 30, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "the registry is away: that alert speaks",
        LIVE | NO_WAIT | {REGISTRY: "0+60x40", LAG: "50x40", POSITION: "7x40"}, 30, None,
    ),
    Case(
        "SegConsumerStuck", "critical", "dead letters are refused: that alert speaks",
        LIVE | NO_WAIT
        | {"dead_letter_write_failures_total": "0+12x40", LAG: "50x40", POSITION: "7x40"},
        30, None,
    ),
    Case(
        "SegConsumerLag", "critical", "twenty minutes behind",
        LIVE | NO_WAIT | {AGE: "1200x40"}, 10, JOB,
    ),
    Case(
        "SegConsumerLag", "critical", "ten minutes behind",
        LIVE | NO_WAIT | {AGE: "600x40"}, 30, None,
    ),
    Case(
        "SegConsumerLag", "critical", "twenty minutes behind, for four minutes",
        LIVE | NO_WAIT | {AGE: "1200x4 0x40"}, 10, None,
    ),
    Case(
        "SegConsumerLag", "critical", "Seg is away: that alert speaks",
        LIVE | _open("outage", "1x40") | {AGE: "1200x40"}, 30, None,
    ),
    Case(
        "SegConsumerLag", "warning", "three minutes behind for a while",
        LIVE | NO_WAIT | {AGE: "180x40"}, 20, JOB,
    ),
    Case(
        "SegConsumerLag", "warning", "Seg is away: that alert speaks",
        LIVE | _open("outage", "1x40") | {AGE: "180x40"}, 30, None,
    ),
    Case(
        "SegConsumerLag", "warning", "three minutes behind, now and then",
        LIVE | NO_WAIT | {AGE: "180x10 0x2 180x10 0x2 180x10"}, 33, None,
    ),
    Case(
        "SegConsumerAtCeiling", "warning", "the autoscaler is at its maximum and the lag grows",
        LIVE | NO_WAIT
        | {LAG: "0+100x60", AGE: "90x60", "assigned_partitions": "3x60"}
        | {REPLICAS: "4x60", REPLICAS_MAX: "4x60"},
        40, JOB,
    ),
    Case(
        "SegConsumerAtCeiling", "warning", "every pod has one partition and the lag grows",
        LIVE | NO_WAIT | {LAG: "0+100x60", AGE: "90x60", "assigned_partitions": "1x60"}, 40, JOB,
    ),
    Case(
        "SegConsumerAtCeiling", "warning", "Seg is away: that alert speaks",
        LIVE | _open("outage", "1x60")
        | {LAG: "0+100x60", AGE: "90x60", "assigned_partitions": "1x60"},
        40, None,
    ),
    Case(
        "SegConsumerAtCeiling", "warning", "the autoscaler can still add pods",
        LIVE | NO_WAIT
        | {LAG: "0+100x60", AGE: "90x60", "assigned_partitions": "3x60"}
        | {REPLICAS: "3x60", REPLICAS_MAX: "4x60"},
        40, None,
    ),
    Case(
        "SegConsumerAtCeiling", "warning", "at the maximum, and the lag shrinks",
        LIVE | NO_WAIT
        | {LAG: "9000-100x60", AGE: "90x60", "assigned_partitions": "1x60"}
        | {REPLICAS: "4x60", REPLICAS_MAX: "4x60"},
        40, None,
    ),
    Case(
        "SegConsumerAbsent", "critical", "there has never been a pod",
        {"lag_records": "_x20"}, 10, {},
    ),
    Case(
        "SegConsumerAbsent", "critical", "this release is gone, another is there",
        {"build_info": "1x70 _x30", 'build_info{job="another"}': "1x100"}, 85, JOB,
    ),
    Case(
        "SegConsumerAbsent", "critical", "one pod of two is gone",
        {"build_info": "1x70 _x30", 'build_info{pod="b"}': "1x100"}, 85, None,
    ),
    Case(
        "SegConsumerAbsent", "critical", "a scrape or two is missing",
        {"build_info": "1x70 _x7 1x30"}, 80, None,
    ),
    Case(
        "SegConsumerUnauthorised", "critical", "Seg answers 401",
        LIVE | _open("unauthorised", "0x10 1x30"), 20, JOB,
    ),
    Case(
        "SegConsumerUnauthorised", "critical", "Seg answered 401 for a minute",
        LIVE | _open("unauthorised", "0x10 1 1 0x30"), 12, None,
    ),
    Case(
        "SegConsumerMisrouted", "critical", "Seg answers 404",
        LIVE | _open("misrouted", "0x10 1x30"), 20, JOB,
    ),
    Case(
        "SegConsumerMisrouted", "critical", "Seg answers 401: another alert speaks",
        LIVE | _open("unauthorised", "1x30") | _open("misrouted", "0x30"), 20, None,
    ),
    Case(
        "SegConsumerMisconfigured", "critical", "a topic needs a registry, and there is none",
        LIVE | _open("misconfigured", "0x10 1x30"), 20, JOB,
    ),
    Case(
        "SegConsumerMisconfigured", "critical", "the first record of a run was JSON, by mistake",
        LIVE | _open("misconfigured", "0x10 1 0x30"), 20, None,
    ),
    Case(
        "SegConsumerBreakerOpen", "critical", "Seg has been away for over an hour",
        LIVE | _open("outage", "1x80"), 70, JOB,
    ),
    Case(
        "SegConsumerBreakerOpen", "critical", "Seg has been away for half an hour",
        LIVE | _open("outage", "1x80"), 30, None,
    ),
    Case(
        "SegConsumerBreakerOpen", "warning", "Seg has been away for ten minutes",
        LIVE | _open("outage", "1x80"), 10, JOB,
    ),
    Case(
        "SegConsumerBreakerOpen", "warning", "Seg was away for three minutes",
        LIVE | _open("outage", "1x3 0x80"), 10, None,
    ),
    Case(
        "SegConsumerDependencyAway", "critical", "the registry does not answer",
        LIVE | {REGISTRY: "0+60x40"}, 20, JOB | {"dependency": "schema_registry"},
    ),
    Case(
        "SegConsumerDependencyAway", "critical", "the registry did not answer for a minute",
        LIVE | {REGISTRY: "0 60x40"}, 12, None,
    ),
    Case(
        "SegConsumerDeadLetterStorm", "critical", "a pod has stopped for a storm",
        LIVE | _open("dead_letter_storm", "0x10 1x30"), 15, JOB,
    ),
    Case(
        "SegConsumerDeadLetterStorm", "critical", "dead letters, and no storm",
        LIVE | _open("dead_letter_storm", "0x30") | {DEAD: "0+5x30"}, 15, None,
    ),
    Case(
        "SegConsumerDeadLetters", "warning", "a dead letter every ten minutes for an hour",
        {DEAD: "0x9 1x9 2x9 3x9 4x9 5x9 6x9"}, 60, JOB | {"reason": "bad_avro"},
    ),
    Case(
        "SegConsumerDeadLetters", "warning", "one dead letter", {DEAD: "0x9 1x90"}, 60, None
    ),
    Case(
        "SegConsumerValuesLeftOut", "warning", "a tenth of the records lose it since an hour",
        LIVE | {"records_received_total": "0+600x1700", LEFT_OUT: "0+0x1560 0+60x140"},
        1_690, JOB | {"key": "Price"},
    ),
    Case(
        "SegConsumerValuesLeftOut", "warning", "they have lost it for days",
        LIVE | {"records_received_total": "0+600x500", LEFT_OUT: "0+60x500"}, 1_960, None,
        sampled_min=4,
    ),
    Case(
        "SegConsumerValuesLeftOut", "warning", "a hundredth of the records lose it",
        LIVE | {"records_received_total": "0+600x500", LEFT_OUT: "0+0x400 0+6x100"}, 1_960, None,
        sampled_min=4,
    ),
    Case(
        "SegConsumerDeadLetterWritesFail", "critical", "writes are refused",
        {"dead_letter_write_failures_total": "0x5 1+12x30"}, 20, JOB,
    ),
    Case(
        "SegConsumerDeadLetterWritesFail", "critical", "no write was refused for long",
        {"dead_letter_write_failures_total": "7x40"}, 20, None,
    ),
    Case(
        "SegConsumerCommitFailures", "warning", "a third of the commits is refused",
        {REFUSED: "0+20x60", "commit_seconds_count": "0+60x60"}, 40, JOB,
    ),
    Case(
        "SegConsumerCommitFailures", "warning", "every commit is refused",
        {REFUSED: "0+60x60", "commit_seconds_count": "0+60x60"}, 40, JOB,
    ),
    Case(
        "SegConsumerCommitFailures", "warning", "a tenth of the commits is refused",
        {REFUSED: "0+6x60", "commit_seconds_count": "0+60x60"}, 40, None,
    ),
    Case(
        "SegConsumerRebalanceStorm", "warning", "a rebalance every two minutes",
        {ASSIGNED: " ".join(f"{times}x1" for times in range(30))}, 55, JOB,
    ),
    Case(
        "SegConsumerRebalanceStorm", "warning", "a rollout of eight pods",
        {ASSIGNED: "0x5 1 2 3 4 5 6 7 8x50"}, 30, None,
    ),
]  # fmt: skip
