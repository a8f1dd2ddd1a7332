"""A conversation with a schema registry: a generator that yields requests and gets the answers.

What is asked next may depend on what was said. `rest` carries conversations on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar, cast

from consumer.core.model import Object

if TYPE_CHECKING:
    from consumer.core.errors import ConsumerError

DEPENDENCY: Final = "schema_registry"
URL_SETTING: Final = "SEG_SCHEMA_REGISTRY__URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the registry is, and what opens it; secrets stay out of its repr and of every text."""

    url: str
    others: tuple[str, ...] = ()
    """More addresses of the same registry: when one fails, the next is asked, and from then on."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    ca_file: str | None = None
    """None means libcurl's own idea, which is its builder's."""
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | None = None
    """None leaves it to the environment (https_proxy, http_proxy, all_proxy, no_proxy)."""
    direct: bool = False
    """Ignore the proxies of the environment: the registry is on this machine."""
    connect_timeout_s: float = 2.0
    timeout_s: float = 5.0
    """For a whole conversation, the connection included."""

    def __repr__(self) -> str:
        return f"Access({self.url})"


class Request(NamedTuple):
    """What is asked of the registry."""

    method: str
    path: str
    """Below the registry's address."""
    body: bytes | None = None


class Answer(NamedTuple):
    """What the registry said about what was asked."""

    status: int
    body: Object | None
    """None where it is no JSON object, or too long."""
    text: bytes
    """The same as it came; empty where it is too long."""


T = TypeVar("T")
Steps: TypeAlias = Generator[Request, Answer, T]
"""A conversation: requests out, answers in, and what comes of it at the end."""


class Talk(Generic[T]):
    """A conversation under way; its outcome, once `over`."""

    __slots__ = ("_error", "_value", "deadline_s", "others_left", "over", "steps")

    def __init__(self, steps: Steps[T], deadline_s: float, others: int) -> None:
        self.steps = steps
        self.others_left = others  # addresses that it may still turn to
        self.deadline_s = deadline_s  # monotonic
        self.over = False
        self._value: T | None = None
        self._error: ConsumerError | None = None

    def end(self, value: T | None, error: ConsumerError | None = None) -> None:
        """Note what came of it."""
        self.over = True
        self._value, self._error = value, error

    @property
    def outcome(self) -> T:
        """What the conversation returned.

        Raises:
            ConsumerError: what it raised.
        """
        if self._error is not None:
            raise self._error
        return cast("T", self._value)
