"""What the newest records of each topic are, and what would become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.avro.compatibility import FieldState, check, readable
from consumer.avro.framing import described
from consumer.core.errors import PoisonError, StartError, UnavailableError
from consumer.doctor.report import Check, Name, State
from consumer.kafka.sample import newest
from consumer.program.reading import decoder_of, registry_of, translator_of, types_of
from consumer.program.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.avro.decoder import Decoder
    from consumer.avro.framing import RegistryId
    from consumer.avro.registry import Registry
    from consumer.core.model import Record
    from consumer.core.timing import Clock
    from consumer.kafka.inspect import Standing
    from consumer.settings import Settings

_BAD: Final = (FieldState.LEFT_OUT, FieldState.PROBLEM)


def check_records(settings: Settings, standings: Sequence[Standing], clock: Clock) -> Check:
    """Return what the newest records of the partitions in *standings* are."""
    name = Name.RECORDS
    try:
        records = newest(settings.kafka, standings, clock)
        looks = [_Look(settings, topic, clock).at(found) for topic, found in records.items()]
    except StartError as error:
        return Check(name, State.SKIPPED, f"not looked at: {error}")
    except UnavailableError as error:
        return Check(name, State.SKIPPED, f"not read, for the registry failed ({error.detail})")
    if not looks:
        return Check(name, State.SKIPPED, "no record is there yet")
    states = [state for state, _ in looks]
    worst = next(it for it in (State.FAILED, State.WARNING, State.OK) if it in states)
    return Check(name, worst, "; ".join(text for _, text in looks))


class _Look:
    """One topic's records; each topic is read as if it were alone."""

    def __init__(self, settings: Settings, topic: str, clock: Clock) -> None:
        self._topic = topic
        self._types = types_of(settings.schemas)
        self._registry: Registry | None = registry_of(settings.schema_registry, clock)
        self._decoder: Decoder = decoder_of(settings.schemas, self._registry)
        self._samples = Samples(self._decoder, translator_of(settings.translation))
        self._schemas: dict[str, RegistryId] = {}

    def at(self, records: Sequence[Record]) -> tuple[State, str]:
        """Return how good *records* are, and what there is to say.

        Raises:
            UnavailableError: the schema registry does not answer.
        """
        for record in records:
            if record.value is not None:
                key = self._decoder.missing_schema(record.value, record.headers)
                if key is not None:
                    self._schemas[described(key)] = key
            self._samples.add(record)
        told = [*self._outcomes(), *self._of_schemas()]
        return self._state, f"{self._topic}: {', '.join(told)}"

    @property
    def _state(self) -> State:
        samples = self._samples
        if samples.delivered and not samples.dead_lettered:
            return State.OK
        return State.FAILED if not samples.delivered and samples.dead_lettered else State.WARNING

    def _outcomes(self) -> list[str]:
        samples = self._samples
        told = []
        if samples.delivered:
            told.append(f"{samples.delivered} of {samples.records} can be delivered")
        for text, number in samples.dead_lettered.most_common():
            told.append(f"{number} of {samples.records} cannot be read ({text})")
        for reason, number in samples.ignored.most_common():
            told.append(f"{number} of {samples.records} ignored ({reason})")
        for text, number in samples.left_out.most_common():
            told.append(f"{number} go without {text}")
        return told

    def _of_schemas(self) -> list[str]:
        """Return what there is to say of each schema of the registry's that was met."""
        if self._registry is None:
            return []
        told = []
        for name, key in self._schemas.items():
            try:
                reports = check(self._registry.schema(key), self._types)
            except PoisonError:
                continue  # it is the reason that the records cannot be read
            bad = [f"{it.field} {it.state} ({it.detail})" for it in reports if it.state in _BAD]
            remarks = f" ({'; '.join(bad)})" if bad else ""
            can = "can" if readable(reports) else "cannot"
            told.append(f"schema {name} {can} be read{remarks}")
        return told
