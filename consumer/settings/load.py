"""Where values come from.

The environment wins over the mounted secrets, these over the file, and that over the defaults.
`load` reads only what it is given, and reports every wrong value at once.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from consumer.core.errors import SettingsError
from consumer.settings.describe import describe
from consumer.settings.kinds import PREFIX, variable
from consumer.settings.model import Settings
from consumer.settings.problems import sentences, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Values: TypeAlias = "dict[str, dict[str, object]]"
"""What a source gives: {section: {setting: value}}."""

_PLACES = frozenset({"SEG_CONFIG_FILE", "SEG_SECRETS_DIR"})
"""Variables of the command line: where the file and the folder are. They are no settings."""

# Kubernetes puts these into every pod of a namespace with a service whose name begins with "seg":
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK = re.compile(
    r"SEG_(\w+_)?(SERVICE_HOST=.*|SERVICE_PORT(_\w+)?=\d+|PORT(_\w+)?=(tcp|udp|sctp)://.*"
    r"|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=.*)"
)


def load(
    *, env: Mapping[str, str], file: Path | None = None, secrets_dir: Path | None = None
) -> Settings:
    """Return the settings out of *env*, the files in *secrets_dir*, and the YAML or TOML *file*.

    A file in *secrets_dir* is named like a variable and holds its value; others are left alone.

    Raises:
        SettingsError: with one sentence for every value that is wrong, missing or unknown; where a
            source cannot be read, with one for that instead: what it holds is not known.
    """
    problems: list[str] = []
    unread: list[str] = []
    layers = {
        "file": _from_file(file, unread) if file else {},
        "secrets": _from_secrets(secrets_dir, problems, unread) if secrets_dir else {},
        "environment": _from_variables(
            {name: text for name, text in env.items() if name not in _PLACES}, problems
        ),
    }
    if unread:
        raise SettingsError(unread + problems)
    values: Values = {}
    origins: dict[str, str] = {}
    for origin, layer in layers.items():
        for section, fields in layer.items():
            values.setdefault(section, {}).update(fields)
            origins.update((variable(section, field), origin) for field in fields)
    wrong: list[str] = []
    settings = _checked(values, wrong)
    places = {"file": file, "secrets": secrets_dir}
    problems += [_with_place(line, origins, places) for line in wrong]
    if settings is None or problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return settings.with_origins(origins)


def _with_place(problem: str, origins: Mapping[str, str], places: Mapping[str, Path | None]) -> str:
    """Return *problem* with the file or folder before it that its variable, or section, is of."""
    name = problem.partition(":")[0]
    found = (it for known, it in origins.items() if f"{known}__".startswith(f"{name}__"))
    place = places.get(next(found, ""))
    return problem if place is None else f"{place}: {problem}"


def _checked(values: Values, problems: list[str]) -> Settings | None:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems += [line for detail in error.errors() for line in sentences(detail)]
        return None


class _Variables(EnvSettingsSource):
    """Values by the names of variables, out of a given mapping."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): text for name, text in variables.items()}


def _from_variables(variables: Mapping[str, str], problems: list[str]) -> Values:
    settings = {doc.name for doc in describe()}
    problems += [
        unknown(name)
        for name, text in variables.items()
        if name.startswith(PREFIX) and name not in settings
        if not _SERVICE_LINK.fullmatch(f"{name}={text}")
    ]
    return _Variables({name: text for name, text in variables.items() if name in settings})()


def _from_secrets(folder: Path, problems: list[str], unread: list[str]) -> Values:
    if not folder.is_dir():
        unread.append(f"{folder}: expected a folder of secrets; there is none")
    variables = {}
    for path in sorted(folder.glob(f"{PREFIX}*")):
        try:
            variables[path.name] = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError) as error:
            unread.append(f"{path}: expected a readable text file, got {type(error).__name__}")
    return _from_variables(variables, problems)


def _from_file(file: Path, unread: list[str]) -> Values:
    try:
        content = _parsed(file)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        unread.append(f"{file}: {_syntax_error(error)}")
        return {}
    except (OSError, UnicodeError) as error:
        unread.append(f"{file}: expected a readable text file, got {type(error).__name__}")
        return {}
    if not isinstance(content, dict):
        unread.append(f"{file}: expected sections of settings, got {type(content).__name__}")
        return {}
    values: Values = {}
    for section, fields in content.items():
        if isinstance(fields, dict):
            values[str(section)] = {str(field): value for field, value in fields.items()}
        elif fields is not None:
            kind = type(fields).__name__
            unread.append(f"{file}: expected settings in the section {section}, got {kind}")
    return values


def _parsed(file: Path) -> object:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".toml":
        return tomllib.loads(text)
    content: object = yaml.safe_load(text)
    return {} if content is None else content


def _syntax_error(error: tomllib.TOMLDecodeError | yaml.YAMLError) -> str:
    """Return where it is, and not its text, which may show a part of the file: a secret perhaps."""
    if isinstance(error, tomllib.TOMLDecodeError):
        line = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        place = f"in line {line[1]}" if line else "at its end"
        return f"expected TOML, got a syntax error {place}"
    mark = getattr(error, "problem_mark", None)
    place = f" in line {mark.line + 1}" if mark else ""
    return f"expected YAML, got a syntax error{place}"
