"""One look at a running consumer from outside: its `/metrics` and its `/readyz`.

A member that does not answer is a fact, not a failure: the others are still shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import orjson
from prometheus_client.parser import text_string_to_metric_families

from consumer.core.errors import SettingsError
from consumer.observe.metrics import PREFIX

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from consumer.core.timing import Clock

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""

PAGE_MAX_BYTES: Final = 32 << 20
"""The page of a member with thousands of partitions is 2 MB."""

_open = build_opener(ProxyHandler({})).open  # a member is near: no proxy stands before it


class Scrape(NamedTuple):
    """What a member said at one moment."""

    at_s: float
    """Monotonic."""
    samples: Mapping[str, Mapping[Labels, float]]
    """Values by the metric's name, without our prefix."""
    ready: Mapping[str, object]
    """The JSON of `/readyz`; empty where it has none."""


class UnreachableError(Exception):
    """The member does not answer, or not as a consumer does; the text says what came."""


def base_of(address: str, default_port: int) -> str:
    """Return the URL that `/metrics` hangs on, for `host`, `host:port` or any URL of the member.

    Raises:
        SettingsError: *address* is none of these.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "http", address
    place = rest.partition("/")[0]
    if scheme not in {"http", "https"} or not place or "@" in place:
        raise SettingsError(
            [f"expected an address such as 127.0.0.1:{default_port}, got {address!r}"]
        )
    has_port = place.rpartition("]")[2].count(":") == 1
    return f"{scheme}://{place}" if has_port or separator else f"http://{place}:{default_port}"


def scrape(base: str, clock: Clock, timeout_s: float) -> Scrape:
    """Ask the member at *base* for its figures and its state.

    Raises:
        UnreachableError: with why.
    """
    try:
        text = _get(f"{base}/metrics", timeout_s).decode("utf-8")
        at_s = clock.monotonic_s()
        samples = parse(text)
        ready = orjson.loads(_get(f"{base}/readyz", timeout_s))
    except HTTPError as error:
        raise UnreachableError(
            f"expected a consumer's /metrics, got status {error.code}"
        ) from error
    except URLError as error:
        raise UnreachableError(f"no answer: {_reason(error.reason)}") from error
    except (OSError, HTTPException) as error:
        raise UnreachableError(f"no answer: {_reason(error)}") from error
    except ValueError as error:
        raise UnreachableError("expected a consumer's /metrics, got another page") from error
    return Scrape(at_s, samples, ready if isinstance(ready, dict) else {})


def parse(text: str) -> dict[str, dict[Labels, float]]:
    """Return our values in a page of Prometheus' text format.

    Raises:
        ValueError: the page is not in that format, or has none of ours.
    """
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(PREFIX):
                labels = tuple(sorted(sample.labels.items()))
                samples.setdefault(sample.name.removeprefix(PREFIX), {})[labels] = sample.value
    if not samples:
        raise ValueError("none of the page's metrics is ours")
    return samples


def _get(url: str, timeout_s: float) -> bytes:
    try:
        answer: HTTPResponse = _open(url, timeout=timeout_s)
    except HTTPError as error:
        with error:
            if error.code == 503:  # noqa: PLR2004 - a member that is not ready says why in the body
                return error.read(PAGE_MAX_BYTES)
            raise
    with answer:
        return answer.read(PAGE_MAX_BYTES)


def _reason(error: object) -> str:
    return str(getattr(error, "strerror", None) or error)
