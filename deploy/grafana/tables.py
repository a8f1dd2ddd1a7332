"""How the series of a table's queries become its rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.grafana.panels import Json

_LABELS_FIRST = ("alertname", "severity", "alertstate", "namespace", "job", "topic", "partition")


def columns(names: Sequence[str]) -> list[Json]:
    """Return Grafana's transformations: a row a set of labels, a column a query, by *names*.

    The value of a single query is left out: its labels say all. Of several the first sorts.
    """
    if len(names) == 1:
        return [_organized({}, "Value")]
    values = {f"Value #{chr(ord('A') + index)}": name for index, name in enumerate(names)}
    worst_first: Json = {"sort": [{"field": names[0], "desc": True}]}
    return [
        {"id": "merge", "options": {}},
        _organized(values),
        {"id": "sortBy", "options": worst_first},
    ]


def _organized(values: Mapping[str, str], *left_out: str) -> Json:
    return {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(("Time", "__name__", *left_out), True),
            "indexByName": {name: index for index, name in enumerate(_LABELS_FIRST)},
            "renameByName": values,
        },
    }
