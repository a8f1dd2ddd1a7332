"""Runs in the checkers' environment: a question as JSON in, a list of problems as JSON out.

python within_checkers.py kubernetes|custom|schema|compose
"""

# mypy: disable-error-code="import-not-found, import-untyped"
# What is imported here is not in the project's own environment: see tools.py.

from __future__ import annotations

import json
import sys
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import kubernetes_validate
from compose_spec import PyCompose
from jsonschema import Draft7Validator, Draft202012Validator

Json: TypeAlias = Any

# It would read 4 MB of schemas anew for every object.
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)

_CUSTOM = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
"""Modules that take seconds to import: only `custom` needs them."""


def kubernetes(question: Json) -> list[str]:
    """Check `objects` against each of the Kubernetes `versions`, strictly.

    A kind that a version does not know is a problem; kubernetes-validate's own command only warns.
    """
    problems = []
    for version in question["versions"]:
        for each in question["objects"]:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except (
                kubernetes_validate.ValidationError,
                kubernetes_validate.SchemaNotFoundError,
            ) as error:
                problems.append(f"{version} {each['kind']}: {error}")
    return problems


def custom(objects: Json) -> list[str]:
    """Check objects of KEDA's and the Prometheus Operator's kinds, strictly."""
    problems = []
    for each in objects:
        model = getattr(import_module(_CUSTOM[each["apiVersion"]]), each["kind"])
        validator = Draft202012Validator(_closed(model.model_json_schema(by_alias=True)))
        problems += [
            f"{each['kind']} {error.json_path}: {error.message}"
            for error in validator.iter_errors(each)
        ]
    return problems


def _closed(schema: Json) -> Json:
    """Return *schema* with every object of known properties closed."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(each) for key, each in schema.items()}
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def schema(content: Json) -> list[str]:
    """Check that a JSON schema is one, of draft 7: what Helm 3 knows."""
    validator = Draft7Validator(Draft7Validator.META_SCHEMA)
    return [error.message for error in validator.iter_errors(content)]


def compose(text: Json) -> list[str]:
    """Check a compose file against the Compose Specification."""
    try:
        PyCompose.from_yaml(text)
    except ValueError as error:
        return [str(error)]
    return []


if __name__ == "__main__":
    answer = {each.__name__: each for each in (kubernetes, custom, schema, compose)}
    json.dump(answer[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
