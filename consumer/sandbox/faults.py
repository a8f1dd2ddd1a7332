"""Failures on demand: rules, the dice, and what a rule makes of an answer.

The first rule that applies decides; without one the request gets its true answer. The dice are
seeded and thrown only for a rule with a share below 1, so that the same requests in the same order
meet the same faults.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, fields, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.core.model import Value
from consumer.sandbox.refuse import refuse
from consumer.sandbox.wire import Answer, Delayed, Trouble, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consumer.core.model import Object
    from consumer.core.timing import Clock

_SWITCHES: Final = 60
_PRETENCE = Answer(HTTPStatus.OK, b'{"accepted":1,"doubles":0}')
"""The answer that is cut where nothing was accepted: a client that trusts it loses a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which calls a rule is for; what is None matches all. One such call hits its whole batch."""

    type: str | None = None
    event: str | None = None
    message_id: str | None = None
    email_prefix: str | None = None

    def fits(self, call: Object) -> bool:
        """Say whether the rule is for *call*."""
        email = call.get("email")
        return (
            self.type in (None, call.get("type"))
            and self.event in (None, call.get("event"))
            and self.message_id in (None, call.get("messageId"))
            and (
                self.email_prefix is None
                or (isinstance(email, str) and email.startswith(self.email_prefix))
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule; checked when made.

    `status`, `trouble` or `calls_per_s` says what happens, `delay_s` how late; with a delay only,
    the answer is the true one. Nothing is accepted then, unless `accepted` says so (the client
    cannot tell: an ambiguous success), or the answer gets through after all (a delay, a slow body).

    Raises:
        SettingsError: the rule says nothing, contradicts itself, or a value is out of range.
    """

    status: int | None = None
    """Answered instead, 200 to 599; a 3xx carries a Location."""
    trouble: Trouble | None = None
    calls_per_s: float | None = None
    """More calls than these are answered 429 with a Retry-After; the rule is no obstacle else."""
    delay_s: float = 0.0
    """Before the answer is made; for a slow body, the time that its bytes take."""
    accepted: bool = False
    """The request is dealt with at once and truly, and the fault only spoils its answer."""
    retry_after: int | str | None = None
    """Seconds, or text as it is: an HTTP date."""
    share: float = 1.0
    """Of the requests that match, 0 to 1."""
    count: int | None = None
    """How often it applies; then it is spent."""
    match: Match | None = None

    def __post_init__(self) -> None:
        said = [self.status, self.trouble, self.calls_per_s]
        many = len(said) - said.count(None)
        lowest, highest = 200, 599
        refuse(
            {
                "expected one of status, trouble and calls_per_s, got several": many > 1,
                "expected status, trouble, calls_per_s or delay_s, got none": (
                    many == 0 and self.delay_s == 0
                ),
                "expected a delay_s with slow_body, for it is the time that the body takes": (
                    self.trouble is Trouble.SLOW_BODY and self.delay_s == 0
                ),
                f"status: expected {lowest} to {highest}, got {self.status}": (
                    self.status is not None and not lowest <= self.status <= highest
                ),
                f"calls_per_s: expected more than 0, got {self.calls_per_s}": (
                    self.calls_per_s is not None and not 0 < self.calls_per_s < math.inf
                ),
                f"delay_s: expected 0 or more, got {self.delay_s}": (
                    not 0 <= self.delay_s < math.inf
                ),
                f"share: expected 0 to 1, got {self.share}": not 0 <= self.share <= 1,
                f"count: expected 1 or more, got {self.count}": (
                    self.count is not None and self.count < 1
                ),
                "retry_after: expected seconds or an HTTP date, got text that no header holds": (
                    isinstance(self.retry_after, str)
                    and not (self.retry_after.isascii() and self.retry_after.isprintable())
                ),
            }
        )

    def apply(self, process: Callable[[], Answer], give_up: Callable[[], None]) -> Answer | Delayed:
        """Return what becomes of a request whose true answer comes out of *process*."""
        if self.accepted:
            true = process()
            return self._answer(lambda: true, give_up)
        if self.status is not None or self.trouble not in (None, Trouble.SLOW_BODY):
            return self._answer(lambda: _PRETENCE, give_up)
        return self._answer(process, give_up)

    def _answer(
        self, process: Callable[[], Answer], give_up: Callable[[], None]
    ) -> Answer | Delayed:
        if self.trouble is Trouble.SLOW_BODY or self.delay_s == 0:
            return self._spoil(process())
        return Delayed(self.delay_s, lambda: self._spoil(process()), give_up)

    def _spoil(self, true: Answer) -> Answer:
        if self.status is None:
            return true._replace(trouble=self.trouble, body_s=self.delay_s)
        answer = refusal(self.status, "the sandbox was told to answer so")
        headers = []
        if self.retry_after is not None:
            headers.append((b"Retry-After", str(self.retry_after).encode()))
        if HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST:
            headers.append((b"Location", b"/elsewhere"))
        return answer._replace(headers=tuple(headers))


class Bucket:
    """A token bucket of calls that saves up a second's worth, as Retry-After counts in seconds.

    A batch may go into debt: a large one would never get through else.
    """

    def __init__(self, calls_per_s: float, clock: Clock) -> None:
        self._calls_per_s = calls_per_s
        self._clock = clock
        self._most = max(1.0, calls_per_s)
        self._tokens = 1.0
        self._filled_at_s = clock.monotonic_s()

    def take(self, calls: int) -> float:
        """Take *calls* tokens and return 0, or take none and return the seconds to wait."""
        now_s = self._clock.monotonic_s()
        gained = (now_s - self._filled_at_s) * self._calls_per_s
        self._tokens = min(self._most, self._tokens + gained)
        self._filled_at_s = now_s
        if self._tokens < 1:
            return (1 - self._tokens) / self._calls_per_s
        self._tokens -= calls
        return 0.0


class _Rule:
    """A fault in force: how often it applied, and its bucket."""

    def __init__(self, fault: Fault, clock: Clock) -> None:
        self.fault = fault
        self.struck = 0
        self._bucket = None if fault.calls_per_s is None else Bucket(fault.calls_per_s, clock)

    def strike(self, calls: Sequence[Object], dice: random.Random) -> Fault | None:
        fault = self.fault
        if fault.count is not None and self.struck >= fault.count:
            return None
        if fault.match is not None and not any(map(fault.match.fits, calls)):
            return None
        if fault.share < 1 and dice.random() >= fault.share:
            return None
        if self._bucket is not None:
            wait_s = self._bucket.take(max(1, len(calls)))
            if wait_s == 0:
                return None
            fault = replace(
                fault,
                status=HTTPStatus.TOO_MANY_REQUESTS,
                calls_per_s=None,
                retry_after=math.ceil(wait_s) if fault.retry_after is None else fault.retry_after,
            )
        self.struck += 1
        return fault


class Switch(NamedTuple):
    """The moment when these rules came in force."""

    at_s: float
    rules: list[Value]


class Faults:
    """The rules in force."""

    def __init__(self, faults: Iterable[Fault], seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self.switches: deque[Switch] = deque(maxlen=_SWITCHES)
        """The last times when the rules were replaced."""
        self._put(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put *faults* in force instead of all before, with fresh dice."""
        self._put(faults)
        rules: list[Value] = [_said(rule.fault) for rule in self._rules]
        self.switches.append(Switch(self._clock.monotonic_s(), rules))

    def _put(self, faults: Iterable[Fault]) -> None:
        self._dice = random.Random(self._seed)  # noqa: S311 - faults are no secret
        self._rules = [_Rule(fault, self._clock) for fault in faults]

    def strike(self, calls: Sequence[Object]) -> Fault | None:
        """Return the fault that a request with *calls* meets, None where it meets none."""
        for rule in self._rules:
            if (fault := rule.strike(calls, self._dice)) is not None:
                return fault
        return None

    def state(self) -> list[Object]:
        """Return each rule as JSON, without its defaults, and how often it `struck`."""
        return [{**_said(rule.fault), "struck": rule.struck} for rule in self._rules]


def _said(rule: Fault | Match) -> Object:
    return {
        field.name: _said(value) if isinstance(value, Match) else value
        for field in fields(rule)
        if (value := getattr(rule, field.name)) != field.default
    }
