"""Records that a wrong setting makes unreadable are not poison.

No registry for a registry's framing, no writer's schema for bare datums, JSON where Avro is
expected: the decoder raises `MisconfiguredError`. One such record may be a stray in a good topic or
the first of a thousand. So its letter is kept back while nothing of its topic could be read in this
run, and the program says `misconfigured`. It reads on, up to a bound: one good record shows that
the settings are right and releases the letters. Without one their records stay unfinished, and are
read again when the settings are corrected.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from consumer.core.model import bytes_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.model import DeadLetter

KEPT = 100
"""So many letters of a topic are kept back at most: then it is read no more."""
KEPT_BYTES = 32 << 20
"""So many bytes of all topics' records likewise."""


class SettingsGuard:
    """Keeps back what blames a setting, by topic; where it is not *on* it keeps nothing."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._readable: set[str] = set()
        self._kept: dict[str, list[DeadLetter]] = {}
        self.kept_bytes = 0
        """The records of the letters that are kept back, bytes."""

    def readable(self, topic: str) -> list[DeadLetter]:
        """Note that a record of *topic* could be read; return the letters that go for it."""
        if topic in self._readable:
            return []
        self._readable.add(topic)
        return self._let_go(topic)

    def keeps(self, letter: DeadLetter) -> bool:
        """Keep *letter*, which blames a setting, unless its topic is known to be readable."""
        topic = letter.record.partition.topic
        if not self._on or topic in self._readable:
            return False
        self._kept.setdefault(topic, []).append(letter)
        self.kept_bytes += bytes_of(letter.record)
        return True

    def forget_gone(self) -> None:
        """Forget the letters of partitions that another member owns: it reads them itself."""
        for topic in list(self._kept):
            for letter in self._let_go(topic):
                if not letter.record.tenure.over:
                    self.keeps(letter)

    @property
    def kept(self) -> Iterable[DeadLetter]:
        """The letters that are kept back."""
        return chain.from_iterable(self._kept.values())

    @property
    def detail(self) -> str | None:
        """What cannot be read, and the setting to look at; None where nothing is kept back."""
        for letters in self._kept.values():
            return f"{letters[0].record.place}: {letters[0].detail}"
        return None

    @property
    def full(self) -> Collection[str]:
        """The topics of which no more is to be read."""
        if self.kept_bytes >= KEPT_BYTES:
            return self._kept.keys()
        return [topic for topic, letters in self._kept.items() if len(letters) >= KEPT]

    def _let_go(self, topic: str) -> list[DeadLetter]:
        letters = self._kept.pop(topic, [])
        self.kept_bytes -= sum(bytes_of(letter.record) for letter in letters)
        return letters
