"""What of the chart is made from the program: `python -m tests.chart.generate` writes it anew.

values.schema.json   the part below `settings`, and the names of the variables
README.md            the tables of values and of settings
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from consumer.settings import describe
from consumer.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chart.trees import Tree

CHART = Path(__file__).parents[2] / "deploy" / "helm"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
VALUES = CHART / "values.yaml"

_SHOWN_MAX_CHARACTERS = 60
_NOISE = ("title", "default", "format", "anyOf")
_INDENT = 2


def settings_schema() -> Tree:
    """Return the JSON schema of all settings that are not secret, closed."""
    sections: Tree = {}
    whole = Settings.model_json_schema()
    for name, section in whole["properties"].items():
        secret = {doc.field for doc in describe() if doc.section == name and doc.secret}
        properties = whole["$defs"][section["$ref"].rsplit("/", 1)[1]]["properties"]
        sections[name] = _closed(
            {field: _plain(each) for field, each in properties.items() if field not in secret}
        )
    return _closed(sections)


def _closed(properties: Tree) -> Tree:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _plain(schema: Tree) -> Tree:
    """Return *schema* without what Helm's users do not read; null means "not set" to Helm."""
    arms = schema.get("anyOf", [])
    kinds = [arm for arm in arms if arm != {"type": "null"}]
    whole = {**schema, **kinds[0]} if kinds else schema
    plain = {key: value for key, value in whole.items() if key not in _NOISE}
    plain["description"] = " ".join(str(plain["description"]).split())
    plain["type"] = [plain["type"], "null"]
    if "enum" in plain:
        plain["enum"] = [*plain["enum"], None]
    return plain


def schema_text() -> str:
    """Return values.schema.json with the generated parts made anew."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    schema["definitions"]["settings"] = settings_schema()
    schema["definitions"]["variable"]["enum"] = [doc.name for doc in describe()]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def documented() -> Iterator[tuple[str, str]]:
    """Yield the path and the description of each value that has one, in order.

    Raises:
        ValueError: a value is described by nobody: neither itself, nor what it is part of.
    """
    path: list[str] = []
    comment: str | None = None
    covered: str | None = None
    for line in VALUES.read_text("utf-8").splitlines():
        if mark := re.match(r" *# -- (.+)", line):
            comment = mark[1]
        elif found := re.match(r"( *)([\w-]+):(.*)", line):
            path = [*path[: len(found[1]) // _INDENT], found[2]]
            name = ".".join(path)
            if comment is not None:
                yield name, comment
                covered, comment = name, None
            elif found[3].strip() and not (covered and name.startswith(f"{covered}.")):
                raise ValueError(f"values.yaml: expected a `# -- …` line above {name}")


def _default(path: str) -> str:
    value = yaml.safe_load(VALUES.read_text("utf-8"))
    for step in path.split("."):
        value = value[step]
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _SHOWN_MAX_CHARACTERS else "see `values.yaml`"


def values_table() -> str:
    """Return the table of the chart's values."""
    rows = [f"| `{path}` | {_default(path)} | {words} |" for path, words in documented()]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def settings_table() -> str:
    """Return the table of the program's settings, as values name them."""
    head = ["| setting | place | takes | default |", "| --- | --- | --- | --- |"]
    rows = []
    for doc in describe():
        place = f"`settings.{doc.section}.{doc.field}`"
        if doc.secret:
            place = f"`secrets`: `{doc.name}`"
        if doc.name == "SEG_KAFKA__GROUP_INSTANCE_ID":
            place = "`staticMembership.enabled`"
        rows.append(f"| {doc.description} | {place} | {doc.expected} | `{doc.default}` |")
    return "\n".join([*head, *rows])


def readme_text() -> str:
    """Return README.md with both tables made anew."""
    text = README.read_text("utf-8")
    for name, table in {"values": values_table(), "settings": settings_table()}.items():
        before, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not (mark and end):
            raise ValueError(f"README.md: expected the marks of the table {name}")
        text = f"{before}{mark}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), "utf-8")
    README.write_text(readme_text(), "utf-8")
