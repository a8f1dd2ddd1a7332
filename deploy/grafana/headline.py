"""Is it good, and how far is it behind?"""

from __future__ import annotations

from deploy.grafana.panels import Panel, Row, Step, gauge

AGES = (Step(None, "green"), Step(120, "orange"), Step(900, "red"))
"""Of the oldest unfinished record, where SegConsumerLag warns and pages."""
_NEUTRAL = (Step(None, "blue"),)
_BUDGET = (Step(None, "red"), Step(0.0, "orange"), Step(0.5, "green"))


def _stat(
    title: str, about: str, unit: str, expr: str, *, steps: tuple[Step, ...] = _NEUTRAL
) -> Panel:
    return Panel(title, about, unit, {"{{job}}": expr}, kind="stat", width=4, height=4, steps=steps)


def _recorded(name: str) -> str:
    return f"namespace_job:seg_consumer_{name}{{@jobs}}"


HEADLINE = Row(
    "Headline",
    (
        _stat(
            "Delivered, 30 days",
            "Share of the calls that Seg took; the rest are dead letters. The objective is 99.9 %.",
            "percentunit",
            f"1 - {_recorded('delivery_errors:ratio_rate30d')}",
            steps=(Step(None, "red"), Step(0.999, "green")),
        ),
        _stat(
            "Delivery budget left",
            "Of the dead letters that the objective allows in 30 days; below 0 it is missed.",
            "percentunit",
            f"1 - {_recorded('delivery_errors:ratio_rate30d')} / 0.001",
            steps=_BUDGET,
        ),
        _stat(
            "In time, 30 days",
            "Share of the delivered calls that Seg took within 60 s of their append to Kafka. The "
            "objective is 99 %.",
            "percentunit",
            f"1 - {_recorded('late_calls:ratio_rate30d')}",
            steps=(Step(None, "red"), Step(0.99, "green")),
        ),
        _stat(
            "Freshness budget left",
            "Of the late calls that the objective allows in 30 days; below 0 it is missed.",
            "percentunit",
            f"1 - {_recorded('late_calls:ratio_rate30d')} / 0.01",
            steps=_BUDGET,
        ),
        _stat(
            "Oldest unfinished record",
            "How old it is now: what a customer waits for at worst.",
            "s",
            _recorded("lag_seconds:max"),
            steps=AGES,
        ),
        _stat(
            "Lag",
            "Records in the log that are not finished.",
            "short",
            _recorded("lag_records:sum"),
        ),
        _stat(
            "Delivered",
            "Calls that Seg takes a second now.",
            "cps",
            _recorded("calls_delivered:rate5m"),
        ),
        _stat(
            "Dead letters, last hour",
            "Records that went to the dead-letter topic, out of the recorded rate.",
            "short",
            "3600 * avg_over_time("
            "namespace_job:seg_consumer_records_dead_lettered:rate5m{@jobs}[1h])",
            steps=(Step(None, "green"), Step(1, "orange")),
        ),
        _stat(
            "Waiting",
            "1 while a pod waits for Seg, an operator, the registry or the dead-letter topic; "
            "Outcomes says which.",
            "none",
            _recorded("waiting:max"),
            steps=(Step(None, "green"), Step(1, "red")),
        ),
        _stat(
            "Pods",
            "Pods that answer Prometheus.",
            "short",
            f"count by (job) ({gauge('build_info', where='@jobs')})",
        ),
        _stat(
            "Partitions owned",
            "Fewer than the topics have: some are being handed over, or no pod owns them.",
            "short",
            f"sum by (job) ({gauge('assigned_partitions', where='@jobs')})",
        ),
        _stat(
            "Idle pods",
            "Pods without a partition: spare members, more than there is work for.",
            "short",
            f"sum by (job) ({gauge('assigned_partitions', where='@jobs')} == bool 0)",
        ),
        Panel(
            "Alerts",
            "Alerts of the service that are pending or firing.",
            "none",
            {"{{alertname}}": 'ALERTS{alertname=~"SegConsumer.*", cluster=~"$cluster"}'},
            kind="table",
            width=16,
            height=6,
        ),
        Panel(
            "Versions",
            "The service's version, Python's and librdkafka's, and how many pods run it.",
            "none",
            {"{{version}}": f"count by (version, python, librdkafka) ({gauge('build_info')})"},
            kind="table",
            height=6,
        ),
    ),
)

LAG = Row(
    "Lag",
    (
        Panel(
            "Age of the oldest unfinished record",
            "By partition. One alone: one key's call is retried, or its pod is slow. All together: "
            "Seg or the registry is away, or there are too few pods.",
            "s",
            {
                "{{topic}}/{{partition}}": "max by (topic, partition) "
                f"({gauge('lag_seconds', where='@topics')})"
            },
            width=12,
            steps=AGES,
            runbooks=("SegConsumerLag",),
        ),
        Panel(
            "Lag by topic",
            "Records in the log from the position on, finished ones above a gap included.",
            "short",
            {"{{topic}}": f"sum by (topic) ({gauge('lag_records', where='@topics')})"},
            width=12,
            stacked=True,
        ),
        Panel(
            "Growth of the lag",
            "Records a second. Above 0: more comes than is delivered.",
            "cps",
            {"{{job}}": _recorded("lag_records:deriv15m")},
            signed=True,
            runbooks=("SegConsumerAtCeiling",),
        ),
        Panel(
            "Time until the lag is gone",
            "At the pace of the last quarter of an hour; nothing is drawn while the lag grows.",
            "s",
            {
                "{{job}}": f"{_recorded('lag_records:sum')} / "
                f"-({_recorded('lag_records:deriv15m')} < 0)"
            },
        ),
        Panel(
            "Partitions with the most lag",
            "The ten that are furthest behind.",
            "short",
            {
                "{{topic}}/{{partition}}": "topk(10, max by (topic, partition) "
                f"({gauge('lag_records', where='@topics')}))"
            },
        ),
    ),
)

ROWS = (HEADLINE, LAG)
