"""How bad is it, and how far is it behind?"""

from __future__ import annotations

from deploy.grafana.headline import AGES
from deploy.grafana.panels import Panel, Row, Step, gauge, recorded

_BUDGET = (Step(None, "red"), Step(0.0, "orange"), Step(0.5, "green"))


def _objective(title: str, about: str, expr: str, *, steps: tuple[Step, ...]) -> Panel:
    return Panel(
        title,
        about,
        "percentunit",
        {"{{job}}": expr},
        kind="stat",
        width=6,
        height=4,
        steps=steps,
        empty="no recording rules, or no traffic",
    )


OBJECTIVES = Row(
    "Objectives",
    (
        _objective(
            "Delivered, 30 days",
            "Share of the calls that Seg took; the rest are dead letters. The objective is 99.9 %.",
            f"1 - {recorded('delivery_errors:ratio_rate30d')}",
            steps=(Step(None, "red"), Step(0.999, "green")),
        ),
        _objective(
            "Delivery budget left",
            "Of the dead letters that the objective allows in 30 days; below 0 it is missed.",
            f"1 - {recorded('delivery_errors:ratio_rate30d')} / 0.001",
            steps=_BUDGET,
        ),
        _objective(
            "In time, 30 days",
            "Share of the delivered calls that Seg took within 60 s of their append to Kafka. The"
            " objective is 99 %.",
            f"1 - {recorded('late_calls:ratio_rate30d')}",
            steps=(Step(None, "red"), Step(0.99, "green")),
        ),
        _objective(
            "Freshness budget left",
            "Of the late calls that the objective allows in 30 days; below 0 it is missed.",
            f"1 - {recorded('late_calls:ratio_rate30d')} / 0.01",
            steps=_BUDGET,
        ),
    ),
)

LAG = Row(
    "Lag",
    (
        Panel(
            "Age of the oldest unfinished record",
            "By partition. One alone: one key's call is retried, or its pod is slow. All "
            "together: Seg or the registry is away, or there are too few pods.",
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
            {"{{job}}": recorded("lag_records:deriv15m")},
            signed=True,
            runbooks=("SegConsumerAtCeiling",),
        ),
        Panel(
            "Time until the lag is gone",
            "At the pace of the last quarter of an hour; nothing is drawn while the lag grows.",
            "s",
            {
                "{{job}}": f"{recorded('lag_records:sum')} / "
                f"-({recorded('lag_records:deriv15m')} < 0)"
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

ROWS = (OBJECTIVES, LAG)
