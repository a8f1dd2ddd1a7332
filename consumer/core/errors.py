"""The errors, by whose fault they are.

    ConsumerError
    |-- SettingsError       the operator's: nothing was started (exit code 2)
    |-- StartError          the surroundings': Kafka, topic, permission (exit code 1)
    |-- PoisonError         this record's: it can never succeed, so it is dead-lettered
    |   `-- MisconfiguredError  or a setting's, while no record of its topic can be read
    `-- UnavailableError    a dependency's: wait and try again, no record is at fault
        `-- PendingError    nobody's: the answer is on its way

Every text says what was expected, what came and where; none holds a value of the event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class IgnoredReason(StrEnum):
    """Why a record was finished without a call that Seg took; the label of the metric."""

    __hash__ = str.__hash__  # the label of a metric for each event: Enum\'s own is slow

    UNMAPPED_EVENT = "unmapped_event"
    ALIAS_NOT_EMAIL = "alias_not_email"
    UNSUPPORTED_TYPE = "unsupported_type"
    INTEGRATION_DISABLED = "integration_disabled"
    TOMBSTONE = "tombstone"
    UNSUPPORTED_BY_SEG = "unsupported_by_seg"


class DeadLetterReason(StrEnum):
    """Why a record went to the dead-letter topic; the label of the metric and a header."""

    __hash__ = str.__hash__  # the label of a metric for each event: Enum\'s own is slow

    TOO_LARGE = "too_large"
    UNKNOWN_FRAMING = "unknown_framing"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNUSABLE_SCHEMA = "unusable_schema"
    BAD_AVRO = "bad_avro"
    TRAILING_BYTES = "trailing_bytes"
    BAD_JSON = "bad_json"
    TOO_DEEP = "too_deep"
    BAD_ENVELOPE = "bad_envelope"
    BAD_NUMBER = "bad_number"
    BAD_PROPERTY = "bad_property"
    BAD_TIMESTAMP = "bad_timestamp"
    REJECTED_BY_SEG = "rejected_by_seg"
    RETRIES_EXHAUSTED = "retries_exhausted"
    INTERNAL_ERROR = "internal_error"


class ConsumerError(Exception):
    """The root of this program's own errors."""


class SettingsError(ConsumerError):
    """The settings are wrong; *problems* holds one sentence for each, all found at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StartError(ConsumerError):
    """The program cannot do its work here: the text names the thing and the setting to look at."""


class PoisonError(ConsumerError):
    """The record can never be delivered.

    *reason* is out of the closed list; *detail* says what was expected, what came and where,
    without a value of the event, for it travels in a header and a log line.
    """

    def __init__(self, reason: DeadLetterReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class MisconfiguredError(PoisonError):
    """The record cannot be read as the settings are, and perhaps no other of its topic either.

    *detail* names the setting to look at.
    """


class UnavailableError(ConsumerError):
    """A dependency does not answer; the record is as good as it was and waits.

    *dependency* is a short name for a label, such as `schema_registry`.
    """

    def __init__(self, dependency: str, detail: str) -> None:
        self.dependency = dependency
        self.detail = detail
        super().__init__(f"{dependency}: {detail}")


class PendingError(UnavailableError):
    """The answer that the record waits for is on its way; nothing is wrong."""
