"""What is wrong?

The first row is for whoever was just woken: each cause shows there, without a recording rule.
"""

from __future__ import annotations

from deploy.grafana.panels import Panel, Row, Step, finished, gauge, quantile, rate, recorded

AGES = (Step(None, "green"), Step(120, "orange"), Step(900, "red"))
"""Of the oldest unfinished record, where SegConsumerLag warns and pages."""
_NEUTRAL = (Step(None, "blue"),)


def _stat(
    title: str, about: str, unit: str, expr: str, *, steps: tuple[Step, ...] = _NEUTRAL
) -> Panel:
    return Panel(title, about, unit, {"{{job}}": expr}, kind="stat", width=3, height=4, steps=steps)


HEADLINE = Row(
    "Headline",
    (
        Panel(
            "Waits for",
            "What consumption waits for now, as `/readyz` says it, of any pod; `/status` and the "
            "log have the details.",
            "none",
            {
                "{{reason}}": f"count by (reason) ({gauge('waits_for')} == 1) "
                'or on () label_replace(vector(0), "reason", "nothing", "", "")'
            },
            kind="stat",
            width=6,
            height=4,
            steps=(Step(None, "green"), Step(1, "red")),
            names=True,
        ),
        _stat(
            "Oldest unfinished",
            "The age of the oldest record that is not finished: the longest wait of a customer.",
            "s",
            f"max by (job) ({gauge('lag_seconds')})",
            steps=AGES,
        ),
        _stat(
            "Lag",
            "Records in the log that are not finished.",
            "short",
            f"sum by (job) ({gauge('lag_records')})",
        ),
        _stat(
            "Delivered",
            "Calls that Seg takes a second now.",
            "cps",
            f"sum by (job) ({rate('calls_delivered_total')})",
        ),
        _stat(
            "Dead letters",
            "Records that went to the dead-letter topic in the time that is shown.",
            "short",
            "sum by (job) (increase(seg_consumer_records_dead_lettered_total{@pods}[$__range]))",
            steps=(Step(None, "green"), Step(1, "orange")),
        ),
        _stat(
            "Pods",
            "Pods that answer Prometheus.",
            "short",
            f"count by (job) ({gauge('build_info', where='@jobs')})",
        ),
        Panel(
            "Recording rules",
            "Objectives, growth of the lag and all alerts need the rules of the chart "
            "(`deploy/helm/rules`): `monitoring.prometheusRule.enabled` of one release, once for "
            "each Prometheus.",
            "none",
            {"rules": f"count(count by (job) ({recorded('waiting:max')})) or vector(0)"},
            kind="stat",
            width=3,
            height=4,
            steps=(Step(None, "red"), Step(1, "green")),
            words={0: "missing", 1: "loaded"},
        ),
        Panel(
            "Answers of Seg",
            "By class and cause. `transient` is tried again: `timeout`, `dns`, `refused`, `tls` "
            "and `reset` came in an answer's place, 429 and 503 throttle, the rest are Seg's 5xx."
            " `unauthorised` (the key) and `misrouted` (the endpoint) stop everything.",
            "reqps",
            {"{{class}} {{cause}}": f"sum by (class, cause) ({rate('request_attempts_total')})"},
            stacked=True,
            runbooks=("SegConsumerUnauthorised", "SegConsumerMisrouted"),
        ),
        Panel(
            "What is waited for",
            "1 while a pod waits: for Seg (`outage`, `unauthorised`, `misrouted`), an operator "
            "(`dead_letter_storm`, `misconfigured`), the registry, the group or the dead-letter "
            "topic.",
            "none",
            {"{{reason}} {{pod}}": f"max by (pod, reason) ({gauge('waits_for')})"},
            steps=(Step(None, "green"), Step(1, "red")),
            runbooks=("SegConsumerBreakerOpen", "SegConsumerMisconfigured"),
        ),
        Panel(
            "Poison by reason",
            "Records that can never be delivered as they are, or that Seg rejects: stored as dead"
            " letters, or kept back while they may be a storm or blame a setting.",
            "short",
            {
                "stored: {{reason}}": "sum by (reason) "
                "(increase(seg_consumer_records_dead_lettered_total{@pods}[$__rate_interval]))",
                "kept: {{topic}} {{reason}}": "sum by (topic, reason) "
                f"({gauge('dead_letters_kept')})",
            },
            stacked=True,
            runbooks=(
                "SegConsumerDeadLetters",
                "SegConsumerDeliveryBurn",
                "SegConsumerDeadLetterStorm",
            ),
        ),
        Panel(
            "In and out",
            "Records read, and calls that Seg took; between: ignored, dead-lettered, under way.",
            "cps",
            {
                "in": f"sum({rate('records_received_total')})",
                "out": f"sum({rate('calls_delivered_total')})",
            },
        ),
        Panel(
            "Schema registry",
            "Partitions that wait for a schema, and how long the look-ups take that end. Slow, "
            "not away: partitions are held and nothing fails.",
            "none",
            {
                "partitions held, {{pod}}": f"sum by (pod) ({gauge('held_partitions')})",
                "seconds a look-up, p95": quantile(0.95, "registry_lookup_seconds"),
            },
            runbooks=("SegConsumerDependencyAway",),
        ),
        Panel(
            "Rebalances",
            "Times that partitions came or went. `lost` means that a pod was thrown out: it did "
            "not poll, or the brokers did not hear it.",
            "short",
            {
                "{{event}} {{pod}}": "sum by (event, pod) "
                "(increase(seg_consumer_rebalances_total{@pods}[$__rate_interval]))"
            },
            runbooks=("SegConsumerRebalanceStorm",),
        ),
        Panel(
            "Partitions and their owners",
            "The one furthest behind first. One alone: a hot key, a call that is retried, or a "
            "slow pod. All of one pod: that pod.",
            "none",
            {
                "lag": f"sum by (topic, partition, pod) ({gauge('lag_records', where='@topics')})",
                "oldest, s": "max by (topic, partition, pod) "
                f"({gauge('lag_seconds', where='@topics')})",
                "finished/s": finished("topic, partition, pod"),
            },
            kind="table",
            width=12,
            runbooks=("SegConsumerLag", "SegConsumerStuck"),
        ),
        Panel(
            "Alerts",
            "Alerts of the service that are pending or firing.",
            "none",
            {"{{alertname}}": 'ALERTS{alertname=~"SegConsumer.*", @alerts}'},
            kind="table",
            width=12,
        ),
    ),
)
