"""Figures as a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from consumer.top.figures import total_lag, total_per_second, worst_lag_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from consumer.top.figures import Figures, PartitionLag

PARTITIONS_SHOWN: Final = 15
UNKNOWN: Final = "-"


def screen(members: Sequence[Figures]) -> Group:
    """Return the headline, the members, the partitions furthest behind, and how records ended."""
    parts: list[RenderableType] = [_headline(members), _members(members), *_troubles(members)]
    lags = sorted((lag for it in members for lag in it.lags), key=lambda lag: -(lag.records or 0.0))
    if lags:
        parts.append(_partitions(lags))
    outcomes = _outcomes(members)
    if outcomes.row_count:
        parts.append(outcomes)
    return Group(*parts)


def _headline(members: Sequence[Figures]) -> Text:
    rates = total_per_second(members)
    answering = sum(it.problem is None for it in members)
    lag = total_lag(members)
    lag_records = UNKNOWN if lag is None else f"{lag:,.0f}"
    words = [
        f"{answering} of {len(members)} members answer",
        f"{_rate(rates.get('received'))} records/s in",
        f"{_rate(rates.get('delivered'))} delivered/s",
        f"lag {lag_records} records, {_seconds(worst_lag_s(members))}",
    ]
    return Text("   ".join(words), "bold")


def _members(members: Sequence[Figures]) -> Table:
    table = _table(
        "member",
        *("in/s", "out/s", "in flight", "requests", "retrying", "p50", "p99"),
    )
    for it in members:
        table.add_row(
            it.address,
            _rate(it.per_second.get("received")),
            _rate(it.per_second.get("delivered")),
            _number(it.in_flight),
            f"{_number(it.requests)}/{_number(it.limit)}",
            _number(it.retrying),
            _seconds(it.latency_s.get("p50")),
            _seconds(it.latency_s.get("p99")),
        )
    return table


def _troubles(members: Sequence[Figures]) -> list[Text]:
    """Return a line for each member that does not answer, waits, or has failed of late."""
    lines: list[Text] = []
    for it in members:
        detail = "" if it.detail is None else f": {it.detail}"
        if it.problem is not None:
            lines.append(Text(f"{it.address}  {it.problem}", "bold red"))
        elif it.waits_for is not None:
            lines.append(Text(f"{it.address}  waits for {it.waits_for}{detail}", "bold red"))
        elif it.detail is not None:
            lines.append(Text(f"{it.address}  last failure{detail}", "yellow"))
    return lines


def _partitions(lags: Sequence[PartitionLag]) -> Table:
    table = _table("topic", "partition", "lag", "oldest", "owner")
    for lag in lags[:PARTITIONS_SHOWN]:
        table.add_row(
            lag.topic, str(lag.partition), _number(lag.records), _seconds(lag.seconds), lag.owner
        )
    if len(lags) > PARTITIONS_SHOWN:
        table.caption = f"{len(lags) - PARTITIONS_SHOWN} more, none further behind"
    return table


def _outcomes(members: Sequence[Figures]) -> Table:
    sums: dict[tuple[str, str], int] = {}
    for it in members:
        for outcome, reasons in it.outcomes.items():
            for reason, number in reasons.items():
                sums[outcome, reason] = sums.get((outcome, reason), 0) + number
    table = _table("outcome", "as / why", "records")
    for (outcome, reason), number in sums.items():
        table.add_row(outcome.replace("_", " "), reason, f"{number:,}")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", caption_justify="left")
    for name in columns:
        is_text = name in {"member", "topic", "owner", "outcome", "as / why"}
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=is_text and name != "as / why",
            overflow="fold",
        )
    return table


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value * 1000:.0f} ms" if value < 1.0 else f"{value:,.1f} s"
