"""Seg's endpoint and key, and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.doctor.report import Check, Name, State, skipped
from consumer.program.wiring import client_options
from consumer.seg.probe import Verdict, probe

if TYPE_CHECKING:
    from consumer.core.timing import Clock
    from consumer.settings import DeliverySettings

SKEW_S: Final = 30.0
"""A larger difference breaks certificates, tokens and the events' times."""


def check_seg(settings: DeliverySettings, clock: Clock) -> list[Check]:
    """Return the checks of the Seg side."""
    probed = probe(client_options(settings), clock)
    return [
        *_endpoint_and_key(probed.verdict, probed.detail, settings),
        _clock(probed.clock_ahead_s),
    ]


def _endpoint_and_key(verdict: Verdict, detail: str, settings: DeliverySettings) -> list[Check]:
    key = Name.KEY
    answers = Check(Name.ENDPOINT, State.OK, f"{settings.endpoint} answers")
    match verdict:
        case Verdict.WELCOME:
            return [answers, Check(key, State.OK, "Seg knows it")]
        case Verdict.UNTOLD:
            text = f"it shows with the first call: Seg does not answer HEAD requests ({detail})"
            return [answers, Check(key, State.WARNING, text)]
        case Verdict.REFUSED:
            text = f"Seg refuses it ({detail}): check SEG_DELIVERY__WEBSITE_ID"
            return [answers, Check(key, State.FAILED, text)]
        case Verdict.ELSEWHERE:
            text = f"{settings.endpoint} is not Seg's ({detail}): check SEG_DELIVERY__ENDPOINT"
        case _:
            text = (
                f"{settings.endpoint}: {detail}. Records wait until it is back; check"
                " SEG_DELIVERY__ENDPOINT and SEG_DELIVERY__CA_FILE, and the way out of this network"
            )
    failed = Check(Name.ENDPOINT, State.FAILED, text)
    return [failed, *skipped([key], "not asked, for the endpoint failed")]


def _clock(ahead_s: float | None) -> Check:
    if ahead_s is None:
        return Check(Name.CLOCK, State.SKIPPED, "Seg's answer tells no time")
    way = "ahead of" if ahead_s > 0 else "behind"
    text = f"{abs(ahead_s):.0f} s {way} Seg's"
    if abs(ahead_s) > SKEW_S:
        return Check(Name.CLOCK, State.WARNING, f"{text}: set it, by NTP for example")
    return Check(Name.CLOCK, State.OK, text)
