"""The schema registry, and whether what is in it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.avro.compatibility import FieldState, check, readable
from consumer.core.errors import PoisonError, StartError, UnavailableError
from consumer.doctor.report import Check, Name, State, judged, skipped
from consumer.program.reading import decoder_of, registry_of

if TYPE_CHECKING:
    from consumer.avro.registry import Registry
    from consumer.core.timing import Clock
    from consumer.settings import Settings


def check_registry(settings: Settings, clock: Clock) -> list[Check]:
    """Return the checks of the registry and of the schemas."""
    registry = registry_of(settings.schema_registry, clock)
    try:
        decoder_of(settings.schemas, registry)
    except StartError as error:
        problem: str | None = str(error)
    else:
        problem = None
    if registry is None:
        text = "SEG_SCHEMA_REGISTRY__URL is not set: no record in Confluent's framing can be read"
        own = judged(Name.SCHEMAS, [problem], "the files of schemas can be used")
        return [Check(Name.REGISTRY, State.SKIPPED, text), own]
    subjects = [f"{name}-value" for name in settings.kafka.topics if not name.startswith("^")]
    try:
        told = [_newest(registry, subject) for subject in subjects]
    except UnavailableError as error:
        failed = Check(Name.REGISTRY, State.FAILED, error.detail)
        return [failed, *skipped([Name.SCHEMAS], "not asked, for the registry failed")]
    answers = Check(Name.REGISTRY, State.OK, f"{settings.schema_registry.url} answers")
    problems = [problem, *(text for bad, text in told if bad)]
    fine = "; ".join(text for _, text in told) or "the files of schemas can be used"
    return [answers, judged(Name.SCHEMAS, problems, fine)]


def _newest(registry: Registry, subject: str) -> tuple[bool, str]:
    """Return whether the newest schema of *subject* is bad, and what there is to say of it."""
    try:
        texts = registry.latest(subject)
        reports = [] if texts is None else check(texts)
    except PoisonError as error:
        return True, f"{subject}: {error.detail}"
    if texts is None:
        return False, f"{subject} has no schema; another subject may"
    wrong = [f"{it.field} ({it.detail})" for it in reports if it.state is FieldState.PROBLEM]
    if not readable(reports) and wrong:
        return True, f"{subject} cannot be read: {', '.join(wrong)}"
    return False, f"{subject} can be read"
