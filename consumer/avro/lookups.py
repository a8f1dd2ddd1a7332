"""The registry as the loop asks it: what is known is told at once, the rest is looked up beside it.

    a schema        kept for good: an id never changes its meaning
    an unknown id   poison; asked for again after a minute, it may still be registered
    no answer       the registry is away: asked again after a second, for as long as it takes
    a refusal       (403, 422, 500, ...) may be about this id or about all. So it is asked for again
                    at growing intervals, each time after an id that the registry has given before.
                    Refused `OWN_FAULT` times beside one that is given, it is poison for a minute;
                    refused again while nothing was ever given, the registry counts as away

Several look-ups run at once. They are carried on whenever somebody asks for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from consumer.avro.conversation import DEPENDENCY, Request
from consumer.avro.framing import described
from consumer.avro.registry import RefusedError, look_up, schema_path
from consumer.avro.rest import Rest
from consumer.core.errors import DeadLetterReason, PendingError, PoisonError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from consumer.avro.conversation import Access, Steps, Talk
    from consumer.avro.framing import RegistryId
    from consumer.core.timing import Clock

UNKNOWN_FOR_S: Final = 60.0
"""How long an unknown id is not asked for again."""
RETRY_S: Final = 1.0
"""How long before what failed is asked for again."""
OWN_FAULT: Final = 5
"""So many refusals speak against the id itself; at growing intervals they take half a minute."""
SLOW_S: Final = 1.0
"""A look-up that lasts longer is told."""
MAX_AT_ONCE: Final = 8
"""How many requests are under way at most."""
MAX_OPEN: Final = 1_000
"""How many ids without a schema are remembered."""

_OK: Final = 200

Schema: TypeAlias = "tuple[str, ...]"


class _Lookup:
    """One id that has no schema here yet."""

    __slots__ = ("again_s", "poison", "refusals", "started_s", "suspect", "talk", "told", "witness")

    def __init__(self) -> None:
        self.talk: Talk[Schema] | None = None  # None while nothing is asked
        self.started_s = 0.0
        self.told = False  # that it lasts
        self.again_s = 0.0  # when it may be asked for again, monotonic
        self.poison: PoisonError | None = None  # what it is until then
        self.suspect = False  # it was refused
        self.witness: RegistryId | None = None  # the id that is asked for before it
        self.refusals = 0  # beside a witness

    @property
    def is_under_way(self) -> bool:
        """True until the answer is there; nobody may ask for it any more."""
        return self.talk is not None and not self.talk.over


class Lookups:
    """The schemas of one registry; *observe* is told how many seconds each look-up took."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        *,
        observe: Callable[[float], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._rest = Rest(access, clock)
        self._clock = clock
        self._observe = observe
        self._log = log
        self._known: dict[RegistryId, Schema] = {}
        self._open: dict[RegistryId, _Lookup] = {}
        self.set_credentials = self._rest.set_credentials
        self.close = self._rest.close

    def schema(self, schema_id: RegistryId) -> Schema:
        """Return the schema of *schema_id* as JSON text, after those that it refers to.

        Raises:
            PoisonError: UNKNOWN_SCHEMA, UNUSABLE_SCHEMA.
            PendingError: it is not here yet: ask again.
            UnavailableError: a look-up has failed; ask again, and another is made when it is time.
        """
        known = self._known.get(schema_id)
        if known is not None:
            return known
        self._rest.step()
        self.expect(schema_id)
        lookup = self._open.get(schema_id)
        if lookup is not None:
            if lookup.talk is None:
                if lookup.poison is not None:
                    raise lookup.poison
            elif lookup.talk.over:
                return self._ended(schema_id, lookup, lookup.talk)
            else:
                self._tell_if_slow(schema_id, lookup)
        raise _pending(schema_id)

    def expect(self, schema_id: RegistryId) -> None:
        """Begin to look *schema_id* up where that is due: it will be asked for soon."""
        if schema_id in self._known:
            return
        now_s = self._clock.monotonic_s()
        lookup = self._open.get(schema_id)
        if lookup is not None and (lookup.talk is not None or now_s < lookup.again_s):
            return
        if self._rest.under_way >= MAX_AT_ONCE:
            return
        if lookup is None:
            self._make_room()
            lookup = self._open[schema_id] = _Lookup()
        lookup.started_s, lookup.told, lookup.poison = now_s, False, None
        lookup.witness = next(reversed(self._known), None) if lookup.suspect else None
        lookup.talk = self._rest.start(_steps(schema_id, lookup.witness))

    def _ended(self, schema_id: RegistryId, lookup: _Lookup, talk: Talk[Schema]) -> Schema:
        """Note what came of the look-up; return the schema, or raise why there is none."""
        now_s = self._clock.monotonic_s()
        self._observe(now_s - lookup.started_s)
        lookup.talk, lookup.again_s = None, now_s + RETRY_S
        try:
            known = self._known[schema_id] = talk.outcome
        except PoisonError as error:
            lookup.poison, lookup.again_s = error, now_s + UNKNOWN_FOR_S
            raise
        except RefusedError as error:
            self._refused(schema_id, lookup, error, now_s)
        del self._open[schema_id]
        return known

    def _refused(
        self, schema_id: RegistryId, lookup: _Lookup, error: RefusedError, now_s: float
    ) -> NoReturn:
        if lookup.suspect and not self._known:
            raise error
        lookup.suspect = True
        if lookup.witness is not None:
            lookup.refusals += 1
        if lookup.refusals < OWN_FAULT:
            lookup.again_s = now_s + RETRY_S * 2**lookup.refusals
            self._log.warning("schema_refused", schema_id=described(schema_id), detail=error.detail)
            raise _pending(schema_id)
        detail = f"{described(schema_id)}: {error.detail}; it gives others"
        lookup.poison = PoisonError(DeadLetterReason.UNKNOWN_SCHEMA, detail)
        lookup.again_s = now_s + UNKNOWN_FOR_S
        raise lookup.poison

    def _tell_if_slow(self, schema_id: RegistryId, lookup: _Lookup) -> None:
        seconds = self._clock.monotonic_s() - lookup.started_s
        if seconds >= SLOW_S and not lookup.told:
            lookup.told = True
            self._log.warning(
                "schema_lookup_lasts", schema_id=described(schema_id), seconds=round(seconds, 1)
            )

    def _make_room(self) -> None:
        """Forget the oldest id that nothing is asked about, where there are too many."""
        if len(self._open) >= MAX_OPEN:
            idle = (it for it, lookup in self._open.items() if not lookup.is_under_way)
            del self._open[next(idle)]


def _steps(schema_id: RegistryId, witness: RegistryId | None) -> Steps[Schema]:
    """Look *schema_id* up, after *witness*, which the registry has given before."""
    if witness is not None:
        answer = yield Request("GET", schema_path(witness))
        if answer.status != _OK:
            text = f"the schema registry answers with status {answer.status} to what it has given"
            raise UnavailableError(DEPENDENCY, f"{text}: see its log")
    return (yield from look_up(schema_id))


def _pending(schema_id: RegistryId) -> PendingError:
    return PendingError(DEPENDENCY, f"the schema of {described(schema_id)} is being looked up")
