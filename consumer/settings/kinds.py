"""The kinds of values that settings take, and the words for them.

A kind is an annotated type: pydantic checks it, and its `Expected` (or its bounds) says in words
what it lets through, for the error texts and for the documentation alike.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

T = TypeVar("T")

PREFIX = "SEG_"
"""The prefix of every variable."""


def variable(section: str, field: str) -> str:
    """Return the name of a setting's environment variable, such as `SEG_KAFKA__TOPICS`."""
    return f"{PREFIX}{section}__{field}".upper()


class Section(BaseModel):
    """Settings that belong together; the docstring below a setting is its description."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What a kind lets through, in words that fit after "expected"."""

    text: str


class UnfitError(ValueError):
    """The value is not what the `Expected` of its kind says."""


def _fits(test: Callable[[T], bool]) -> AfterValidator:
    def check(value: T) -> T:
        if not test(value):
            raise UnfitError
        return value

    return AfterValidator(check)


def _matches(pattern: str) -> AfterValidator:
    def test(text: str) -> bool:
        return re.fullmatch(pattern, text) is not None

    return _fits(test)


def _is_url(text: str) -> bool:
    """Tell whether *text* is an http(s) URL with a host, and without a user or a fragment."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    named = url.scheme in {"http", "https"} and bool(url.hostname) and port != 0
    return named and url.username is None and not url.fragment and not re.search(r"\s", text)


def _keeps_secrets(text: str) -> bool:
    """Tell whether *text* is safe to send to: by TLS, or on this machine."""
    return urlsplit(text).scheme == "https" or is_this_machine(text)


def is_this_machine(url: str) -> bool:
    """Tell whether *url* is on this machine, which no proxy leads to."""
    host = urlsplit(url).hostname or ""
    return re.fullmatch(r"localhost|::1|127(\.\d{1,3}){3}", host) is not None


def _split(value: object) -> object:
    return [entry.strip() for entry in value.split(",")] if isinstance(value, str) else value


def _without_braces(value: object) -> object:
    return re.sub(r"^\{(.*)\}$", r"\1", value) if isinstance(value, str) else value


def _is_uuid(value: SecretStr) -> bool:
    """Tell what Seg's own shop plugins ask of the id; `uuid.UUID` would take more forms."""
    uuid = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    return re.fullmatch(uuid, value.get_secret_value()) is not None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _names_of_records(value: object) -> object:
    """Take JSON text for the object that it holds, and every text in it that says something."""
    try:
        entries = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise UnfitError from None
    texts = [*entries, *entries.values()] if isinstance(entries, dict) else [None]
    if not all(isinstance(text, str) and text for text in texts):
        raise UnfitError
    return entries


AnyCase = BeforeValidator(_lower)
"""Ignores the case of a choice."""

Text = Annotated[str, Field(min_length=1), Expected("text that is not empty")]
Secret = Annotated[SecretStr, Field(min_length=1), Expected("text that is not empty")]
TypesOfRecords = Annotated[
    Mapping[str, str],
    BeforeValidator(_names_of_records),
    Expected('an object of texts such as {"ShopOrder": "Order Completed"}'),
]
WebsiteId = Annotated[
    SecretStr,
    BeforeValidator(_without_braces),
    _fits(_is_uuid),
    Expected("a UUID such as abc8fb18-7559-4324-9921-a4b5015b4a1c"),
]

Url = Annotated[str, _fits(_is_url), Expected("an http or https URL without a user name")]
Urls = Annotated[
    str,
    _fits(lambda text: all(_is_url(url.strip()) for url in text.split(","))),
    Expected("an http or https URL without a user name, or several separated by commas"),
]
SecureUrl = Annotated[
    Url,
    _fits(_keeps_secrets),
    Expected("an https URL without a user name (http only to this very machine)"),
]

_TOPIC = r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}"  # the broker's own rule, Topic.java
TopicName = Annotated[
    str,
    _matches(_TOPIC),
    Expected("a topic name: up to 249 letters, digits, dots, underscores and hyphens"),
]
Topics = Annotated[
    tuple[Annotated[str, _matches(rf"\^.+|{_TOPIC}")], ...],
    BeforeValidator(_split),
    Field(min_length=1),
    Expected("topic names, or patterns that begin with ^, separated by commas"),
]
_SERVER = r"((?i:sasl_)?(?i:plaintext|ssl)://)?[^\s,@/]+"  # as Kafka writes a listener, or without
Servers = Annotated[
    str,
    _matches(rf"{_SERVER}(\s*,\s*{_SERVER})*"),
    Expected("host:port, or several separated by commas"),
]

ReadableFile = Annotated[
    Path,
    _fits(lambda path: path.is_file() and os.access(path, os.R_OK)),
    Expected("the path of a file that can be read"),
]
ReadableFolder = Annotated[
    Path,
    _fits(lambda path: path.is_dir() and os.access(path, os.R_OK | os.X_OK)),
    Expected("the path of a folder that can be read"),
]
