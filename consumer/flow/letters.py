"""Dead letters between the stage that finds poison and their topic.

    unreadable   decoding or translating found it; a setting may be at fault (`settings_guard`)
    rejected     Seg found it

Each goes by a guard of its own (`storm`), which keeps back what may be of a storm; Seg's word comes
later than ours, and in one guard it would be late.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from consumer.core.errors import DeadLetterReason, MisconfiguredError, PoisonError
from consumer.core.model import DeadLetter
from consumer.flow.settings_guard import SettingsGuard
from consumer.flow.storm import StormGuard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from structlog.typing import FilteringBoundLogger

    from consumer.core.model import Record, Tenure
    from consumer.core.ports import DeadLetters
    from consumer.core.timing import Clock
    from consumer.seg.breaker import Breaker

PENDING_MAX = 1_000
"""So many unstored dead letters mean that their topic is away."""
PENDING_MAX_BYTES = 32 << 20
"""So many bytes of their records likewise."""


class Letters:
    """Keeps letters back, puts them into their topic, and says what they wait for."""

    def __init__(
        self,
        dead_letters: DeadLetters,
        breaker: Breaker,
        storm_limit: float,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._dead_letters = dead_letters
        self._breaker = breaker
        self._clock = clock
        self._log = log
        self._settings = SettingsGuard(on=storm_limit > 0)
        self._unreadable = StormGuard(storm_limit)
        self._rejected = StormGuard(storm_limit)

    def readable(self, topic: str) -> None:
        """Note a record of *topic* that decoding and translating have no fault to find with."""
        self._unreadable.healthy()
        for letter in self._settings.readable(topic):
            self._guard(self._unreadable, letter)

    def empty(self) -> None:
        """Note a record without a value: it is healthy, and shows no setting to be right."""
        self._unreadable.healthy()

    def taken(self, calls: int) -> None:
        """Note so many *calls* that Seg took, or does not support."""
        self._rejected.healthy(calls)

    def unreadable(self, record: Record, error: Exception) -> None:
        """Take a *record* for which decoding or translating has raised *error*."""
        if record.tenure.over:
            return  # the next owner reads it again
        letter = _letter(record, error)
        if not (isinstance(error, MisconfiguredError) and self._settings.keeps(letter)):
            self._guard(self._unreadable, letter)

    def rejected(self, letter: DeadLetter) -> None:
        """Take a *letter* of a call that Seg rejects, or fails again and again."""
        if not letter.record.tenure.over:
            self._guard(self._rejected, letter)

    def stored(self) -> list[DeadLetter]:
        """Let go what is not kept back any more; return what is stored since the last call."""
        self._settings.forget_gone()
        self._release(self._unreadable)
        self._release(self._rejected)
        stored = self._dead_letters.stored()
        for letter in stored:
            letter.record.tenure.letters -= 1
        return stored

    def under_way(self, tenures: Collection[Tenure]) -> bool:
        """Tell whether a letter of one of *tenures* is about to be stored.

        Where the brokers refuse letters none is: waiting would be in vain.
        """
        return self._dead_letters.problem is None and any(it.letters for it in tenures)

    def kept(self) -> Counter[tuple[str, str]]:
        """Return how many letters are kept back, by topic and reason."""
        kept = chain(self._settings.kept, self._unreadable.kept, self._rejected.kept)
        return Counter(
            (it.record.partition.topic, str(it.reason)) for it in kept if not it.record.tenure.over
        )

    @property
    def pending(self) -> int:
        """How many letters are put and not stored yet."""
        return self._dead_letters.pending

    @property
    def pending_bytes(self) -> int:
        """The records of those, bytes."""
        return self._dead_letters.pending_bytes

    @property
    def away(self) -> bool:
        """True where so many letters wait for their topic that no more is to be read."""
        letters = self._dead_letters
        return letters.pending >= PENDING_MAX or letters.pending_bytes >= PENDING_MAX_BYTES

    @property
    def misconfigured(self) -> bool:
        """True while a topic cannot be read as the settings are."""
        return self._settings.detail is not None

    @property
    def unreadable_topics(self) -> Collection[str]:
        """The topics of which no more is to be read while that is so."""
        return self._settings.full

    @property
    def waits_for(self) -> str | None:
        """What letters wait for; None where they go their way."""
        if self.away or self._dead_letters.problem is not None:
            return "dead_letter_topic"
        return "misconfigured" if self.misconfigured else None

    @property
    def detail(self) -> str | None:
        """More of that, for people."""
        return self._dead_letters.problem or self._settings.detail

    def _guard(self, guard: StormGuard, letter: DeadLetter) -> None:
        guard.poison(letter)
        self._release(guard)

    def _release(self, guard: StormGuard) -> None:
        self._put(guard.released(self._clock.monotonic_s()))
        if guard.storm:
            self._breaker.storm(guard.text)

    def _put(self, letters: Iterable[DeadLetter]) -> None:
        for letter in letters:
            record = letter.record
            if record.tenure.over:
                continue
            record.tenure.letters += 1
            self._dead_letters.put(letter)
            self._log.warning(
                "record_dead_lettered",
                reason=letter.reason,
                detail=letter.detail,
                topic=record.partition.topic,
                partition=record.partition.number,
                offset=record.offset,
            )


def _letter(record: Record, error: Exception) -> DeadLetter:
    if isinstance(error, PoisonError):
        return DeadLetter(record, error.reason, error.detail, 0, None)
    return DeadLetter(record, DeadLetterReason.INTERNAL_ERROR, _unforeseen(error), 0, None)


def _unforeseen(error: Exception) -> str:
    """Return the type of *error* and the last line of ours that it came through.

    Not its text: that may hold a value of the event.
    """
    place, step = "", error.__traceback__
    while step is not None:
        module = str(step.tb_frame.f_globals.get("__name__"))
        if module.startswith("consumer."):
            place = f" in {module}:{step.tb_lineno}"
        step = step.tb_next
    return f"{type(error).__name__}{place}"
